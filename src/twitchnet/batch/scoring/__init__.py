"""From codes to results."""
