"""Activations: the formulas (scalar.py) and one elementwise kernel for each target."""
