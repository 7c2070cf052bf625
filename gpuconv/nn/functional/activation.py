"""Activations under torch.nn.functional's names; inplace writes the result over the input."""

from typing import Any

import gpuconv as g

from ...core.device import Array


def relu(input: Array, inplace: bool = False) -> Array:
    """Compute max(0, x): `gpuconv.relu`."""
    return g.relu(input, out=input if inplace else None)


def relu6(input: Array, inplace: bool = False) -> Array:
    """Compute min(max(x, 0), 6): `gpuconv.relu6`."""
    return g.relu6(input, out=input if inplace else None)


def selu(input: Array, inplace: bool = False) -> Array:
    """Compute scaled ELU: `gpuconv.selu`."""
    return g.selu(input, out=input if inplace else None)


def silu(input: Array, inplace: bool = False) -> Array:
    """Compute x sigmoid(x): `gpuconv.silu`."""
    return g.silu(input, out=input if inplace else None)


def mish(input: Array, inplace: bool = False) -> Array:
    """Compute x tanh(softplus(x)): `gpuconv.mish`."""
    return g.mish(input, out=input if inplace else None)


def hardsigmoid(input: Array, inplace: bool = False) -> Array:
    """Compute min(max(x + 3, 0), 6) / 6: `gpuconv.hardsigmoid`."""
    return g.hardsigmoid(input, out=input if inplace else None)


def hardswish(input: Array, inplace: bool = False) -> Array:
    """Compute x hardsigmoid(x): `gpuconv.hardswish`."""
    return g.hardswish(input, out=input if inplace else None)


def leaky_relu(input: Array, negative_slope: float = 0.01, inplace: bool = False) -> Array:
    """Compute x where x > 0, negative_slope x elsewhere: `gpuconv.leaky_relu`."""
    return g.leaky_relu(input, negative_slope, out=input if inplace else None)


def elu(input: Array, alpha: float = 1.0, inplace: bool = False) -> Array:
    """Compute x where x > 0, alpha (e^x - 1) elsewhere: `gpuconv.elu`."""
    return g.elu(input, alpha, out=input if inplace else None)


def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Array:
    """Compute min(max(x, min_val), max_val): `gpuconv.hardtanh`."""
    return g.hardtanh(input, min_val, max_val, out=input if inplace else None)


def gelu(input: Array, approximate: str = "none") -> Array:
    """Compute x P(X <= x), X standard normal: `gpuconv.gelu`."""
    return g.gelu(input, approximate)


def softplus(input: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """Compute log(1 + e^(beta x)) / beta: `gpuconv.softplus`."""
    return g.softplus(input, beta, threshold)


def sigmoid(input: Array) -> Array:
    """Compute 1 / (1 + e^-x): `gpuconv.sigmoid`."""
    return g.sigmoid(input)


def tanh(input: Array) -> Array:
    """Compute the hyperbolic tangent: `gpuconv.tanh`."""
    return g.tanh(input)


def prelu(input: Array, weight: Array) -> Array:
    """Compute x where x > 0, the channel's slope times x elsewhere: `gpuconv.prelu`."""
    return g.prelu(input, weight)


def softmax(input: Array, dim: int = -1, *, dtype: Any = None) -> Array:
    """Compute exp(x_i) / sum_j exp(x_j) along an axis, of the input converted to dtype: `gpuconv.softmax`."""
    return g.softmax(input if dtype is None else input.astype(dtype), dim)


def log_softmax(input: Array, dim: int = -1, *, dtype: Any = None) -> Array:
    """Compute the logarithm of softmax along an axis, of the input converted to dtype: `gpuconv.log_softmax`."""
    return g.log_softmax(input if dtype is None else input.astype(dtype), dim)
