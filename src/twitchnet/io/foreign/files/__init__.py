"""The formats of other programs, a module each: ``parse_x`` and ``format_x``."""
