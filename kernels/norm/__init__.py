"""Batch and group normalization."""
