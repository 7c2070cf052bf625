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
