"""Measurements: the same records through this engine and through others; see ``suite.py``."""
