"""Convolution: fprop, dgrad and wgrad, by the algorithms of each target."""
