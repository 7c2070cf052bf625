"""Kernels for NumPy arrays: Numba on the CPU, parallel over `numba.get_num_threads()` threads."""

from . import activations, clipping, conv, joining, linear, losses, normalization, optimizers, pooling

INDEX_BITS = 64

__all__ = [
    "INDEX_BITS",
    "activations",
    "clipping",
    "conv",
    "joining",
    "linear",
    "losses",
    "normalization",
    "optimizers",
    "pooling",
]
