"""Activations as layers, with torch.nn's names, options and defaults."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import activation as f
from ..core.arrays import require_array
from ..core.device import to_device
from ..core.options import number
from ..core.shapes import integer, positive
from ..core.typing import Array
from ..loss.softmax import log_softmax, log_softmax_grad, softmax, softmax_grad
from .checks import only
from .module import Module
from .parameter import Parameter


class Activation(Module):
    """A function of each element, or of each row along an axis, that keeps its argument for the backward pass.

    Parameters
    ----------
    inplace : bool
        Write the result over x. Only where the gradient can be told from the result, as for ReLU.
    **options
        Passed on to the function and to its gradient.

    Raises
    ------
    ValueError
        If it cannot compute in place and is asked to.
    """

    function: ClassVar[Callable[..., Array]]
    gradient: ClassVar[Callable[..., Array]]
    can_work_inplace: ClassVar[bool] = False

    def __init__(self, inplace: bool = False, **options: Any) -> None:
        if not self.can_work_inplace:
            only(type(self).__name__, "inplace", inplace, False, "its gradient needs x as it was")
        self.inplace = bool(inplace)
        self.options = options
        self._x: Array | None = None

    def forward(self, x: Array) -> Array:
        """Compute the function of x."""
        require_array(type(self).__name__, "x", x)
        out = x if self.inplace and x.flags.c_contiguous else None
        y = type(self).function(x, out=out, **self.options)
        self._x = x if out is None else y  # which has the sign of x
        return y

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Compute the gradient, dy times the function's derivative at x."""
        x = self.saved(self._x)
        return type(self).gradient(dy, x, **self.options) if input_grad else None

    def extra_repr(self) -> str:
        """Return the options."""
        shown = [f"{name}={value!r}" for name, value in self.options.items()]
        return ", ".join(shown + ["inplace=True"] * self.inplace)


class ReLU(Activation):
    """max(0, x).

    Parameters
    ----------
    inplace : bool
        Write the result over x.
    """

    function, gradient, can_work_inplace = f.relu, f.relu_grad, True


class LeakyReLU(Activation):
    """x where x > 0, negative_slope * x elsewhere.

    Parameters
    ----------
    negative_slope : float
    inplace : bool
        Write the result over x; needs a slope of at least 0.
    """

    function, gradient, can_work_inplace = f.leaky_relu, f.leaky_relu_grad, True

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        slope = number("LeakyReLU", "negative_slope", negative_slope)
        if slope < 0:
            only("LeakyReLU", "inplace", inplace, False, f"negative_slope={slope} changes signs")
        super().__init__(inplace, negative_slope=slope)


class ReLU6(Activation):
    """min(max(x, 0), 6); the parameter as for `ReLU`."""

    function, gradient, can_work_inplace = f.relu6, f.relu6_grad, True


class Hardtanh(Activation):
    """min(max(x, min_val), max_val).

    Parameters
    ----------
    min_val, max_val : float
    inplace : bool
        Write the result over x.
    min_value, max_value : None
        PyTorch's former names.
    """

    function, gradient, can_work_inplace = f.hardtanh, f.hardtanh_grad, True

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: None = None,
        max_value: None = None,
    ) -> None:
        only("Hardtanh", "min_value", min_value, None, "it is called min_val")
        only("Hardtanh", "max_value", max_value, None, "it is called max_val")
        super().__init__(inplace, min_val=min_val, max_val=max_val)


class Hardsigmoid(Activation):
    """min(max(x + 3, 0), 6) / 6."""

    function, gradient = f.hardsigmoid, f.hardsigmoid_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class Hardswish(Activation):
    """x hardsigmoid(x)."""

    function, gradient = f.hardswish, f.hardswish_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class ELU(Activation):
    """x where x > 0, alpha (e^x - 1) elsewhere."""

    function, gradient = f.elu, f.elu_grad

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace, alpha=alpha)


class SELU(Activation):
    """ELU, scaled so that signals keep mean 0 and variance 1 from layer to layer."""

    function, gradient = f.selu, f.selu_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class GELU(Activation):
    """x P(X <= x), X standard normal; approximate="tanh" approximates P by a tanh."""

    function, gradient = f.gelu, f.gelu_grad

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class SiLU(Activation):
    """x sigmoid(x)."""

    function, gradient = f.silu, f.silu_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class Mish(Activation):
    """x tanh(softplus(x))."""

    function, gradient = f.mish, f.mish_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


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


class _AlongAxis(Activation):
    """A function of each row along an axis, which torch calls dim and NumPy axis."""

    def __init__(self, dim: int = -1, *, axis: int | None = None) -> None:
        name, given = ("dim", dim) if axis is None else ("axis", axis)
        super().__init__(axis=integer(type(self).__name__, name, given, at_least=-(2**31)))

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.options['axis']}"


class Softmax(_AlongAxis):
    """exp(x_i) / sum_j exp(x_j) along an axis.

    Parameters
    ----------
    dim : int
        The axis.
    axis : int, optional
        NumPy's name for it.
    """

    function, gradient = softmax, softmax_grad


class LogSoftmax(_AlongAxis):
    """The logarithm of softmax along an axis; parameters as for `Softmax`."""

    function, gradient = log_softmax, log_softmax_grad


class PReLU(Module):
    """A leaky ReLU that learns its slopes.

    Parameters
    ----------
    num_parameters : int
        1, or the channels.
    init : float
        Initial slopes.
    device : {"cpu", "cuda"}, optional
        Default: `gpuconv.device()`.
    dtype : float16, bfloat16, float32 or float64, optional
        Default: float32.
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: str | None = None, dtype: Any = None
    ) -> None:
        self.num_parameters = positive("PReLU", "num_parameters", num_parameters)
        slopes = np.full(self.num_parameters, init, np.float32 if dtype is None else dtype)
        self.weight = Parameter(to_device(slopes, device))
        self._x: Array | None = None

    def forward(self, x: Array) -> Array:
        """Compute x where x > 0, the channel's slope times x elsewhere."""
        self._x = x
        y: Array = f.prelu(x, self.weight.data)
        return y

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Compute the gradients; a slope's is the sum of dy x over its channel where x <= 0."""
        x = self.saved(self._x)
        self.weight.accumulate(f.prelu_weight_grad(dy, x, self.weight.data.shape))
        return f.prelu_grad(dy, x, self.weight.data) if input_grad else None

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.num_parameters}"
