"""Losses to check."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import losses
from ..backend import Array, to_device
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    for reduction in losses.REDUCTIONS:
        yield OperationCheck(f"mse_loss, {reduction}", *_mse_pair(reduction), ((4, 6), (4, 6)), terms=24)
        yield OperationCheck(f"cross_entropy, {reduction}", *_cross_entropy_pair(reduction), ((4, 5, 2),), terms=40)


def _mse_pair(reduction: str) -> tuple[Callable[..., Array], Callable[..., Sequence[Array | None]]]:
    def forward(x: Array, target: Array) -> Array:
        return losses.mse_loss(x, target, reduction=reduction)

    def backward(dy: Array, x: Array, target: Array) -> Sequence[Array | None]:
        return losses.mse_loss_grad(x, target, dloss=dy, reduction=reduction), None

    return forward, backward


def _cross_entropy_pair(reduction: str) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    target = np.array([[0, 4], [2, -100], [1, 1], [3, 0]])
    kw: dict[str, Any] = {"reduction": reduction, "label_smoothing": 0.1}

    def forward(x: Array) -> Array:
        return losses.cross_entropy(x, to_device(target), **kw)

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (losses.cross_entropy_grad(x, to_device(target), dloss=dy, **kw),)

    return forward, backward
