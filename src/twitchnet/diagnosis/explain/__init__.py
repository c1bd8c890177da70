"""Why: the weight of each answer, and what would change the posterior."""
