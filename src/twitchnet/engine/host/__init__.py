"""What surrounds the kernels: threads, memory, packed programs."""
