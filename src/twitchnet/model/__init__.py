"""What is true: variables, local models, rules and care as values, and what they must satisfy."""
