"""Files in and out: model files, foreign formats, records."""
