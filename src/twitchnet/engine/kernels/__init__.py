"""The compiled engine: plain loops over flat arrays, many records."""
