"""Layers that drop at random, each with a generator of its own."""

import numpy as np

from ..core.arrays import number
from ..core.device import Array, array_module
from ..core.graph import every_time, recording
from ..dropout.functional import dropout, dropout2d, dropout2d_grad, dropout_grad
from .init import Seed
from .module import Module


class Dropout(Module):
    """Elements dropped at random in training; nothing happens in evaluation.

    Parameters
    ----------
    p : float, 0 <= p <= 1
        Probability that an element is dropped.
    seed : int or numpy.random.Generator, optional
        Each training pass draws the seed of its mask from here.

    Raises
    ------
    ValueError
        If p is out of range.
    """

    _forward, _backward = staticmethod(dropout), staticmethod(dropout_grad)

    def __init__(self, p: float = 0.5, *, seed: Seed = None) -> None:
        kind = type(self).__name__
        self.p = number(kind, "p", p)
        if not 0 <= self.p <= 1:
            raise ValueError(f"{kind}: p is {p}, expected 0 <= p <= 1")
        self._rng = np.random.default_rng(seed)
        self._last: tuple[bool, int] | None = None

    def forward(self, x: Array) -> Array:
        """With a new mask in training; x itself in evaluation."""
        if not recording():
            return self._masked(x, None)
        y = array_module(x).empty_like(x)
        every_time(lambda: self._masked(x, y))  # the seed is the host's
        return y

    def backward(self, dy: Array, *, input_grad: bool = True) -> Array | None:
        """With the mask of the last forward pass, drawn again."""
        if not input_grad:
            return None
        if not recording():
            return self._masked_grad(dy, None)
        dx = array_module(dy).empty_like(dy)
        every_time(lambda: self._masked_grad(dy, dx))
        return dx

    def _masked(self, x: Array, out: Array | None) -> Array:
        seed = int(self._rng.integers(2**64, dtype=np.uint64)) if self.training else 0
        self._last = self.training, seed
        return self._forward(x, self.p, training=self.training, seed=seed, out=out)

    def _masked_grad(self, dy: Array, out: Array | None) -> Array:
        training, seed = self.saved(self._last)
        return self._backward(dy, self.p, training=training, seed=seed, out=out)


class Dropout2d(Dropout):
    """Whole channels of (N, C, H, W) dropped at random; parameters as for `Dropout`."""

    _forward, _backward = staticmethod(dropout2d), staticmethod(dropout2d_grad)
