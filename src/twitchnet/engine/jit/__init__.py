"""What the compiler is taught, and where compiled code is kept."""
