"""Layers. Each keeps what its backward pass needs from the last forward pass, and nothing else."""

import math
from functools import partial
from typing import Any

import numpy as np

from ..core.device import Array
from ..core.shapes import positive
from ..linear.functional import linear, linear_bias_grad, linear_input_grad, linear_weight_grad
from .init import Initializer, Seed, kaiming_uniform, uniform
from .module import Module, Parameter


class Weighted(Module):
    """A layer of weights and a bias for each of its units, initialised as torch.nn does.

    Parameters
    ----------
    shape : tuple of int
        Of the weights; shape[1:] count as the inputs of a unit.
    units : int
        Elements of the bias.
    bias : bool
    init : initialiser or None
    seed : int, numpy.random.Generator or None
    dtype : float16, bfloat16, float32 or float64
    """

    def __init__(
        self, shape: tuple[int, ...], units: int, bias: bool, init: Initializer | None, seed: Seed, dtype: Any
    ) -> None:
        rng = np.random.default_rng(seed)
        bound = 1 / math.sqrt(math.prod(shape[1:])) if init is None else 0.0
        draw = partial(kaiming_uniform, a=math.sqrt(5)) if init is None else init
        self.weight = Parameter(draw(shape, seed=rng, dtype=dtype))
        self.bias = Parameter(uniform((units,), -bound, bound, seed=rng, dtype=dtype)) if bias else None
        self._x: Array | None = None

    @property
    def bias_data(self) -> Array | None:
        """The bias, if there is one."""
        return None if self.bias is None else self.bias.data


class Linear(Weighted):
    """The fully connected layer x W^T + b; parameters as for Conv2d.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    init : initialiser, optional
    seed : int or numpy.random.Generator, optional
    dtype : float16, bfloat16, float32 or float64
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        init: Initializer | None = None,
        seed: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            positive("Linear", name, size)
        super().__init__((out_features, in_features), out_features, bias, init, seed, dtype)

    def forward(self, x: Array) -> Array:
        """From x (M, C) to y (M, K)."""
        self._x = x
        return linear(x, self.weight.data, self.bias_data)

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """With Y = X W^T + b: dW = dY^T X, db = the sum of dY's rows, dX = dY W."""
        x = self.saved(self._x)
        self.weight.accumulate(linear_weight_grad(x, dy))
        if self.bias is not None:
            self.bias.accumulate(linear_bias_grad(dy))
        return linear_input_grad(dy, self.weight.data) if input_grad else None


class Flatten(Module):
    """(N, C, H, W) to (N, C H W)."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] | None = None

    def forward(self, x: Array) -> Array:
        """A row for each sample."""
        self._shape = x.shape
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """The shape it had."""
        return dy.reshape(self.saved(self._shape)) if input_grad else None
