"""Convolution and its gradients over one to three axes, and transposed."""

from .accuracy import precision
from .functional import conv2d, conv2d_bias_grad, conv2d_input_grad, conv2d_weight_grad
from .functional_nd import (
    conv1d,
    conv1d_bias_grad,
    conv1d_input_grad,
    conv1d_weight_grad,
    conv3d,
    conv3d_bias_grad,
    conv3d_input_grad,
    conv3d_weight_grad,
)
from .transposed import (
    conv_transpose1d,
    conv_transpose1d_bias_grad,
    conv_transpose1d_input_grad,
    conv_transpose1d_weight_grad,
    conv_transpose2d,
    conv_transpose2d_bias_grad,
    conv_transpose2d_input_grad,
    conv_transpose2d_weight_grad,
    conv_transpose3d,
    conv_transpose3d_bias_grad,
    conv_transpose3d_input_grad,
    conv_transpose3d_weight_grad,
)

__all__ = [
    "conv1d", "conv1d_bias_grad", "conv1d_input_grad", "conv1d_weight_grad", "conv2d", "conv2d_bias_grad",
    "conv2d_input_grad", "conv2d_weight_grad", "conv3d", "conv3d_bias_grad", "conv3d_input_grad", "conv3d_weight_grad",
    "conv_transpose1d", "conv_transpose1d_bias_grad", "conv_transpose1d_input_grad", "conv_transpose1d_weight_grad",
    "conv_transpose2d", "conv_transpose2d_bias_grad", "conv_transpose2d_input_grad", "conv_transpose2d_weight_grad",
    "conv_transpose3d", "conv_transpose3d_bias_grad", "conv_transpose3d_input_grad", "conv_transpose3d_weight_grad",
    "precision",
]  # fmt: skip
