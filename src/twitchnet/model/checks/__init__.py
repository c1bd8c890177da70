"""What a network must satisfy, and what is allowed in it but probably not meant."""
