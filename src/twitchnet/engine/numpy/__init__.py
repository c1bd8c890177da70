"""The readable engine: numpy, one record at a time, without subtraction."""
