"""Padding and upsampling, by resampling tables."""
