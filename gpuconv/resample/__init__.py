"""Padding and upsampling."""
