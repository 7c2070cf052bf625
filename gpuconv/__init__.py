"""gpuconv: convolutional-network training for NumPy and CuPy arrays."""
