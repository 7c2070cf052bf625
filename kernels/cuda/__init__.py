"""Kernels for CuPy arrays: Numba CUDA on the array's device and the current CuPy stream."""

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

INDEX_BITS = 32
HALF = True
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
