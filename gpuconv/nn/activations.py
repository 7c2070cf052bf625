"""Activations as layers, with torch.nn's names, options and defaults."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import activation as f
from ..core.device import Array
from ..core.shapes import positive
from ..loss.softmax import log_softmax, log_softmax_grad, softmax, softmax_grad
from .module import Module, Parameter


class Activation(Module):
    """A function of each element, or of each row along an axis, that keeps its argument for the backward pass.

    Parameters
    ----------
    **options
        Passed on to the function and to its gradient.
    """

    function: ClassVar[Callable[..., Array]]
    gradient: ClassVar[Callable[..., Array]]

    def __init__(self, **options: Any) -> None:
        self.options = options
        self._x: Array | None = None

    def forward(self, x: Array) -> Array:
        """The function of x."""
        self._x = x
        return type(self).function(x, **self.options)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """The gradient dy times the function's derivative at x."""
        x = self.saved(self._x)
        return type(self).gradient(dy, x, **self.options) if input_grad else None


class ReLU(Activation):
    """max(0, x)."""

    function, gradient = f.relu, f.relu_grad

    def __init__(self) -> None:
        super().__init__()


class LeakyReLU(Activation):
    """Each x where x > 0, negative_slope * x elsewhere."""

    function, gradient = f.leaky_relu, f.leaky_relu_grad

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(negative_slope=float(negative_slope))


class ReLU6(Activation):
    """min(max(x, 0), 6)."""

    function, gradient = f.relu6, f.relu6_grad

    def __init__(self) -> None:
        super().__init__()


class Hardtanh(Activation):
    """min(max(x, min_val), max_val)."""

    function, gradient = f.hardtanh, f.hardtanh_grad

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__(min_val=min_val, max_val=max_val)


class Hardsigmoid(Activation):
    """min(max(x + 3, 0), 6) / 6."""

    function, gradient = f.hardsigmoid, f.hardsigmoid_grad

    def __init__(self) -> None:
        super().__init__()


class Hardswish(Activation):
    """x hardsigmoid(x)."""

    function, gradient = f.hardswish, f.hardswish_grad

    def __init__(self) -> None:
        super().__init__()


class ELU(Activation):
    """x where x > 0, alpha (e^x - 1) elsewhere."""

    function, gradient = f.elu, f.elu_grad

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=alpha)


class SELU(Activation):
    """ELU, scaled so that signals keep mean 0 and variance 1 from layer to layer."""

    function, gradient = f.selu, f.selu_grad

    def __init__(self) -> None:
        super().__init__()


class GELU(Activation):
    """x P(x), P the normal law's distribution function, or with approximate="tanh" nearly so."""

    function, gradient = f.gelu, f.gelu_grad

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class SiLU(Activation):
    """x sigmoid(x)."""

    function, gradient = f.silu, f.silu_grad

    def __init__(self) -> None:
        super().__init__()


class Mish(Activation):
    """x tanh(softplus(x))."""

    function, gradient = f.mish, f.mish_grad

    def __init__(self) -> None:
        super().__init__()


class Softplus(Activation):
    """log(1 + e^(beta x)) / beta; x itself where beta x > threshold."""

    function, gradient = f.softplus, f.softplus_grad

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class Sigmoid(Activation):
    """1 / (1 + e^-x)."""

    function, gradient = f.sigmoid, f.sigmoid_grad

    def __init__(self) -> None:
        super().__init__()


class Tanh(Activation):
    """The hyperbolic tangent."""

    function, gradient = f.tanh, f.tanh_grad

    def __init__(self) -> None:
        super().__init__()


class Softmax(Activation):
    """exp(x_i) / sum_j exp(x_j) along an axis."""

    function, gradient = softmax, softmax_grad

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class LogSoftmax(Activation):
    """The logarithm of softmax along an axis."""

    function, gradient = log_softmax, log_softmax_grad

    def __init__(self, axis: int = -1) -> None:
        super().__init__(axis=axis)


class PReLU(Module):
    """A leaky relu that learns its slopes.

    Parameters
    ----------
    num_parameters : int
        1, or the channels.
    init : float
        The slopes to begin with.
    dtype : float16, bfloat16, float32 or float64
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = np.float32) -> None:
        self.weight = Parameter(np.full(positive("PReLU", "num_parameters", num_parameters), init, dtype))
        self._x: Array | None = None

    def forward(self, x: Array) -> Array:
        """x where x > 0, the channel's slope times x elsewhere."""
        self._x = x
        return f.prelu(x, self.weight.data)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """The slopes' gradient is the sum of dy x over their channel where x <= 0."""
        x = self.saved(self._x)
        self.weight.accumulate(f.prelu_weight_grad(dy, x, self.weight.data.shape))
        return f.prelu_grad(dy, x, self.weight.data) if input_grad else None
