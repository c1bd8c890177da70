"""How good a model is: against cases, published figures and another model."""
