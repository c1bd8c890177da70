"""Files of any size: where a run stands, and where its output goes."""
