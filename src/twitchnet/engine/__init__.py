"""Doing it: flat arrays only; no names and no strings may enter."""
