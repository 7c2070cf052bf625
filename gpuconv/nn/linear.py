"""The fully connected layer, and layers that only change or keep the shape."""

import math
from functools import partial
from typing import Any

import numpy as np

from ..core.arrays import require_array
from ..core.device import to_device
from ..core.shapes import integer, positive
from ..core.typing import Array
from ..linear.functional import linear, linear_bias_grad, linear_input_grad, linear_weight_grad
from .checks import require_features
from .init import Initializer, Seed, kaiming_uniform, uniform
from .module import Module
from .parameter import Parameter


class Weighted(Module):
    """A layer of weights and a bias for each of its units, initialized as torch.nn does.

    Parameters
    ----------
    shape : tuple of int
        Of the weights; shape[1:] count as the inputs of a unit.
    units : int
        Elements of the bias.
    bias : bool
    init : initializer or None
    seed : int, numpy.random.Generator or None
    device : str or None
    dtype : float16, bfloat16, float32, float64 or None for float32
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        units: int,
        bias: bool,
        init: Initializer | None,
        seed: Seed,
        device: str | None,
        dtype: Any,
    ) -> None:
        options: dict[str, Any] = {"seed": np.random.default_rng(seed), "dtype": np.float32 if dtype is None else dtype}
        bound = 1 / math.sqrt(math.prod(shape[1:])) if init is None else 0.0
        draw = partial(kaiming_uniform, a=math.sqrt(5)) if init is None else init
        self.weight = Parameter(to_device(draw(shape, **options), device))
        values = uniform((units,), -bound, bound, **options) if bias else None
        self.bias = None if values is None else Parameter(to_device(values, device))
        self._x: Array | None = None

    @property
    def bias_data(self) -> Array | None:
        """Array of the bias, or None."""
        return None if self.bias is None else self.bias.data


class Linear(Weighted):
    """The fully connected layer y = x W^T + b, from (N, in_features) to (N, out_features).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    device : {"cpu", "cuda"}, optional
        Default: `gpuconv.device()`.
    dtype : float16, bfloat16, float32 or float64, optional
        Default: float32.
    init : initializer, optional
        For the weights, the bias is 0 then. Default: both as torch.nn.Linear.
    seed : int or numpy.random.Generator, optional

    Raises
    ------
    ValueError
        If a size is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import nn
    >>> nn.Linear(10, 5, False)(np.ones((2, 10), np.float32)).shape
    (2, 5)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | None = None,
        dtype: Any = None,
        *,
        init: Initializer | None = None,
        seed: Seed = None,
    ) -> None:
        self.in_features = positive("Linear", "in_features", in_features)
        self.out_features = positive("Linear", "out_features", out_features)
        super().__init__((out_features, in_features), out_features, bias, init, seed, device, dtype)

    def forward(self, x: Array) -> Array:
        """Compute y (N, out_features) from x (N, in_features)."""
        require_features("Linear", x, self.weight.data, self.in_features)
        self._x = x
        return linear(x, self.weight.data, self.bias_data)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Compute dW = dy^T x, db = the sum of dy's rows, dx = dy W."""
        x = self.saved(self._x)
        self.weight.accumulate(linear_weight_grad(x, dy))
        if self.bias is not None:
            self.bias.accumulate(linear_bias_grad(dy))
        return linear_input_grad(dy, self.weight.data) if input_grad else None

    def extra_repr(self) -> str:
        """Return the sizes and whether the layer has a bias."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """Join axes: (N, C, H, W) becomes (N, C H W).

    Parameters
    ----------
    start_dim, end_dim : int
        First and last of the axes that are joined.

    Raises
    ------
    ValueError
        From the forward pass, if x lacks these axes.

    Examples
    --------
    >>> nn.Flatten()(np.zeros((2, 3, 4, 4))).shape
    (2, 48)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = integer("Flatten", "start_dim", start_dim, at_least=-(2**31))
        self.end_dim = integer("Flatten", "end_dim", end_dim, at_least=-(2**31))
        self._shape: tuple[int, ...] | None = None

    def forward(self, x: Array) -> Array:
        """Return x in its new shape, a view where that is possible."""
        require_array("Flatten", "x", x)
        shape, rank = tuple(x.shape), len(x.shape)
        start, end = self.start_dim % max(rank, 1), self.end_dim % max(rank, 1)
        if start > end or not (-rank <= self.start_dim < rank and -rank <= self.end_dim < rank):
            raise ValueError(
                f"Flatten: x has shape {shape}, which has no axes from start_dim={self.start_dim} to "
                f"end_dim={self.end_dim}"
            )
        self._shape = shape
        y: Array = x.reshape((*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))
        return y

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Return dy in the shape x had."""
        return dy.reshape(self.saved(self._shape)) if input_grad else None

    def extra_repr(self) -> str:
        """Return the axes that are joined."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Return x: stands where a layer is left out.

    Parameters
    ----------
    *args, **kwargs : object
        Ignored, so that the arguments of the layer left out can stay.

    Examples
    --------
    >>> nn.Identity()(np.array([1.0, 2.0]))
    array([1., 2.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: Array) -> Array:
        """Return x itself."""
        return x

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Return dy itself."""
        return dy if input_grad else None
