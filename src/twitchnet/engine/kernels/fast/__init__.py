"""Sums of products over signed tables, in cells of double or double-double numbers."""
