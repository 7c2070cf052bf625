"""Convolution and its gradients over one to three axes, and transposed."""
