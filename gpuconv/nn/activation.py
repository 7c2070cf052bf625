"""Activations as layers, with torch.nn's names, options and defaults."""

from collections.abc import Callable
from typing import Any, ClassVar

from .. import activation as f
from ..core.arrays import require_array
from ..core.options import number
from ..core.typing import Array
from .checks import only
from .module import Module


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

    Examples
    --------
    >>> nn.ReLU()(np.array([[-1.0, 2.0]]))
    array([[0., 2.]])
    """

    function, gradient, can_work_inplace = f.relu, f.relu_grad, True


class LeakyReLU(Activation):
    """x where x > 0, negative_slope * x elsewhere.

    Parameters
    ----------
    negative_slope : float
    inplace : bool
        Write the result over x; needs a slope of at least 0.

    Examples
    --------
    >>> nn.LeakyReLU(0.1)(np.array([[-1.0, 2.0]]))
    array([[-0.1,  2. ]])
    """

    function, gradient, can_work_inplace = f.leaky_relu, f.leaky_relu_grad, True

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        slope = number("LeakyReLU", "negative_slope", negative_slope)
        if slope < 0:
            only("LeakyReLU", "inplace", inplace, False, f"negative_slope={slope} changes signs")
        super().__init__(inplace, negative_slope=slope)


class ReLU6(Activation):
    """min(max(x, 0), 6); the parameter as for `ReLU`.

    Examples
    --------
    >>> nn.ReLU6()(np.array([[-1.0, 8.0]]))
    array([[0., 6.]])
    """

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

    Examples
    --------
    >>> nn.Hardtanh(-0.5, 0.5)(np.array([[-1.0, 0.25]]))
    array([[-0.5 ,  0.25]])
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
    """min(max(x + 3, 0), 6) / 6.

    Examples
    --------
    >>> nn.Hardsigmoid()(np.array([[-4.0, 1.5]]))
    array([[0.  , 0.75]])
    """

    function, gradient = f.hardsigmoid, f.hardsigmoid_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class Hardswish(Activation):
    """x hardsigmoid(x).

    Examples
    --------
    >>> nn.Hardswish()(np.array([[-1.5, 4.0]]))
    array([[-0.375,  4.   ]])
    """

    function, gradient = f.hardswish, f.hardswish_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class ELU(Activation):
    """x where x > 0, alpha (e^x - 1) elsewhere.

    Examples
    --------
    >>> nn.ELU()(np.array([[-1.0, 2.0]])).round(4)
    array([[-0.6321,  2.    ]])
    """

    function, gradient = f.elu, f.elu_grad

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace, alpha=alpha)


class SELU(Activation):
    """ELU, scaled so that signals keep mean 0 and variance 1 from layer to layer.

    Examples
    --------
    >>> nn.SELU()(np.array([[-1.0, 2.0]])).round(4)
    array([[-1.1113,  2.1014]])
    """

    function, gradient = f.selu, f.selu_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class GELU(Activation):
    """x P(X <= x), X standard normal; approximate="tanh" approximates P by a tanh.

    Examples
    --------
    >>> nn.GELU(approximate="tanh")(np.array([[-1.0, 2.0]])).round(4)
    array([[-0.1588,  1.9546]])
    """

    function, gradient = f.gelu, f.gelu_grad

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class SiLU(Activation):
    """x sigmoid(x).

    Examples
    --------
    >>> nn.SiLU()(np.array([[-1.0, 2.0]])).round(4)
    array([[-0.2689,  1.7616]])
    """

    function, gradient = f.silu, f.silu_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class Mish(Activation):
    """x tanh(softplus(x)).

    Examples
    --------
    >>> nn.Mish()(np.array([[-1.0, 2.0]])).round(4)
    array([[-0.3034,  1.944 ]])
    """

    function, gradient = f.mish, f.mish_grad

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class Softplus(Activation):
    """log(1 + e^(beta x)) / beta; x itself where beta x > threshold.

    Examples
    --------
    >>> nn.Softplus()(np.array([[0.0, 30.0]])).round(4)
    array([[ 0.6931, 30.    ]])
    """

    function, gradient = f.softplus, f.softplus_grad

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class Sigmoid(Activation):
    """1 / (1 + e^-x).

    Examples
    --------
    >>> nn.Sigmoid()(np.array([[-2.0, 0.0]])).round(4)
    array([[0.1192, 0.5   ]])
    """

    function, gradient = f.sigmoid, f.sigmoid_grad

    def __init__(self) -> None:
        super().__init__()


class Tanh(Activation):
    """The hyperbolic tangent.

    Examples
    --------
    >>> nn.Tanh()(np.array([[-1.0, 2.0]])).round(4)
    array([[-0.7616,  0.964 ]])
    """

    function, gradient = f.tanh, f.tanh_grad

    def __init__(self) -> None:
        super().__init__()
