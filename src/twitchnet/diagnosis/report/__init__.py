"""What people read: facts, words and pages."""
