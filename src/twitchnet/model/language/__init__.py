"""The small languages of rules and of queries."""
