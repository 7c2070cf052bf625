"""Dropout: a counter-based random number a position."""
