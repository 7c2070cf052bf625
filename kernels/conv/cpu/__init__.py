"""Convolution on the CPU: launchers of fprop, dgrad and wgrad, and the names of the algorithms that compute them."""

from . import frames, select
from .select import ALGORITHMS, algorithms, bias_grad, dgrad, fprop, skips_padding, takes_half, unsupported, wgrad

__all__ = [
    "ALGORITHMS",
    "algorithms",
    "bias_grad",
    "dgrad",
    "fprop",
    "frames",
    "select",
    "skips_padding",
    "takes_half",
    "unsupported",
    "wgrad",
]
