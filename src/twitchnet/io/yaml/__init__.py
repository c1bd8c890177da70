"""YAML with places, for model files and whatever stands beside them; nothing of models in here."""
