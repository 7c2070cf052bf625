"""Convolution on the CPU: launchers of fprop, dgrad and wgrad, and the names of the algorithms that compute them."""

from . import frames, select
from .select import ALGORITHMS, algorithms, bias_grad, dgrad, fprop, takes_half, unsupported, wgrad

__all__ = [
    "ALGORITHMS",
    "algorithms",
    "bias_grad",
    "dgrad",
    "fprop",
    "frames",
    "select",
    "takes_half",
    "unsupported",
    "wgrad",
]
