"""Losses, softmax and cross-entropy."""
