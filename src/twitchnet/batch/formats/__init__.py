"""How files of records are read and written."""
