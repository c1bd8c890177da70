"""Model files: read, checked and written."""
