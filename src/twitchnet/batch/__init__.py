"""Many records: one status per row, nothing lost."""
