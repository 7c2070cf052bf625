"""Kernels for NumPy arrays: Numba on the CPU, parallel over `numba.get_num_threads()` threads."""

from . import (
    activations,
    conv,
    dropout,
    joining,
    linear,
    losses,
    normalization,
    optimizers,
    pooling,
    resampling,
)

INDEX_BITS = 64

__all__ = [
    "INDEX_BITS",
    "activations",
    "conv",
    "dropout",
    "joining",
    "linear",
    "losses",
    "normalization",
    "optimizers",
    "pooling",
    "resampling",
]
