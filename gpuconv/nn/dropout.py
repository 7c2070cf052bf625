"""Dropout layers; each has its random generator."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..core.arrays import require_array
from ..core.device import array_module
from ..core.graph import host_callback, recording
from ..core.options import number
from ..core.typing import Array
from ..dropout.functional import dropout, dropout2d, dropout2d_grad, dropout_grad
from .init import Seed
from .module import Module


class Dropout(Module):
    """Drop elements at random in training; do nothing in evaluation.

    Parameters
    ----------
    p : float, 0 <= p <= 1
        Probability that an element is dropped.
    inplace : bool
        Write the result over x.
    seed : int or numpy.random.Generator, optional
        Each training pass draws the seed of its mask from it.

    Raises
    ------
    ValueError
        If p is out of range.

    Examples
    --------
    >>> layer = nn.Dropout(0.5, seed=0)
    >>> layer.eval()(np.ones(4))
    array([1., 1., 1., 1.])
    """

    _forward: ClassVar[Callable[..., Array]] = staticmethod(dropout)
    _backward: ClassVar[Callable[..., Array]] = staticmethod(dropout_grad)

    def __init__(self, p: float = 0.5, inplace: bool = False, *, seed: Seed = None) -> None:
        name = type(self).__name__
        self.p, self.inplace = number(name, "p", p), bool(inplace)
        if not 0 <= self.p <= 1:
            raise ValueError(f"{name}: p is {p}, expected 0 <= p <= 1")
        self._rng = np.random.default_rng(seed)
        self._last: tuple[bool, int] | None = None

    def forward(self, x: Array) -> Array:
        """Drop with a new mask in training; return x itself in evaluation."""
        require_array(type(self).__name__, "x", x)
        out = x if self.inplace and x.flags.c_contiguous else None
        if not recording():
            return self._drop(x, out)
        y: Array = array_module(x).empty_like(x) if out is None else out
        host_callback(lambda: self._drop(x, y))  # the seed is drawn on the host
        return y

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """Drop with the mask of the last forward pass, drawn again."""
        if not input_grad:
            return None
        if not recording():
            return self._drop_grad(dy, None)
        dx: Array = array_module(dy).empty_like(dy)
        host_callback(lambda: self._drop_grad(dy, dx))
        return dx

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}, inplace={self.inplace}"

    def _drop(self, x: Array, out: Array | None) -> Array:
        seed = int(self._rng.integers(2**64, dtype=np.uint64)) if self.training else 0
        self._last = self.training, seed
        return self._forward(x, self.p, training=self.training, seed=seed, out=out)

    def _drop_grad(self, dy: Array, out: Array | None) -> Array:
        training, seed = self.saved(self._last)
        return self._backward(dy, self.p, training=training, seed=seed, out=out)


class Dropout2d(Dropout):
    """Drop whole channels of (N, C, H, W) at random; parameters as for `Dropout`.

    Examples
    --------
    >>> layer = nn.Dropout2d(0.5, seed=0)
    >>> layer(np.ones((1, 4, 2, 2))).shape
    (1, 4, 2, 2)
    """

    _forward = staticmethod(dropout2d)
    _backward = staticmethod(dropout2d_grad)
