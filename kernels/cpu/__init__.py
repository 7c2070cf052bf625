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
HALF = False
"""Whether convolutions take 16-bit arrays as they are."""

__all__ = [
    "HALF",
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
