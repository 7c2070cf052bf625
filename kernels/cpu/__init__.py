"""Kernels for NumPy arrays: Numba on the CPU, parallel over `numba.get_num_threads()` threads."""

from . import (
    activations,
    adaptive_pooling,
    avg_pooling,
    clipping,
    conv,
    cross_entropy,
    dropout,
    frames,
    joining,
    linear,
    losses,
    max_pooling,
    normalization,
    optimizers,
    resampling,
    softmax,
    unpooling,
)

INDEX_BITS = 64

__all__ = [
    "INDEX_BITS",
    "activations",
    "adaptive_pooling",
    "avg_pooling",
    "clipping",
    "conv",
    "cross_entropy",
    "dropout",
    "frames",
    "joining",
    "linear",
    "losses",
    "max_pooling",
    "normalization",
    "optimizers",
    "resampling",
    "softmax",
    "unpooling",
]
