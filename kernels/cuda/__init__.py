"""Kernels for CuPy arrays: Numba CUDA on the array's device and the current CuPy stream."""

from . import activations, clipping, conv, joining, linear, losses, normalization, optimizers, pooling

INDEX_BITS = 32

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
