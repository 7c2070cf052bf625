"""Launchers on CUDA: convolution: fprop, dgrad and wgrad, by the algorithms of each target."""

from . import frames
from .select import algorithms, bias_grad, dgrad, fprop, wgrad

__all__ = [
    "algorithms",
    "bias_grad",
    "dgrad",
    "fprop",
    "frames",
    "wgrad",
]
