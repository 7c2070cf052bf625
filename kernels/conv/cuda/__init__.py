"""Launchers on CUDA: convolution: fprop, dgrad and wgrad, by the algorithms of each target."""

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
