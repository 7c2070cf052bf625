"""Activation functions and their gradients, for NumPy and CuPy arrays."""

from .exponential import elu, elu_grad, selu, selu_grad, softplus, softplus_grad
from .gated import (
    gelu,
    gelu_grad,
    hardsigmoid,
    hardsigmoid_grad,
    hardswish,
    hardswish_grad,
    mish,
    mish_grad,
    silu,
    silu_grad,
)
from .prelu import prelu, prelu_grad, prelu_weight_grad
from .rectifiers import hardtanh, hardtanh_grad, leaky_relu, leaky_relu_grad, relu, relu6, relu6_grad, relu_grad
from .sigmoids import sigmoid, sigmoid_grad, tanh, tanh_grad

__all__ = [
    "elu",
    "elu_grad",
    "gelu",
    "gelu_grad",
    "hardsigmoid",
    "hardsigmoid_grad",
    "hardswish",
    "hardswish_grad",
    "hardtanh",
    "hardtanh_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "mish",
    "mish_grad",
    "prelu",
    "prelu_grad",
    "prelu_weight_grad",
    "relu",
    "relu6",
    "relu6_grad",
    "relu_grad",
    "selu",
    "selu_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softplus",
    "softplus_grad",
    "tanh",
    "tanh_grad",
]
