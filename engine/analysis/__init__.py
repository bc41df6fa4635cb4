"""What the lessons ask of a network: pure functions of its parameters, in NumPy."""
