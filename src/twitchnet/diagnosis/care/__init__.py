"""What to do: urgency and options."""
