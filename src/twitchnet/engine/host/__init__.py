"""The host of the kernels: threads, memory, packed programs."""
