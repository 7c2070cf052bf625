"""Launchers on the CPU: convolution: fprop, dgrad and wgrad, by the algorithms of each target."""

from . import frames
from .select import algorithms, conv2d_bias_grad, conv2d_forward, conv2d_input_grad, conv2d_weight_grad

__all__ = [
    "algorithms",
    "conv2d_bias_grad",
    "conv2d_forward",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "frames",
]
