"""Add and concatenate."""
