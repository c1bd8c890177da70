"""What it means: posteriors, ranking, explanation, triage, report."""
