"""Kernels for CuPy arrays: Numba CUDA on the array's device and the current CuPy stream."""

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

INDEX_BITS = 32

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
