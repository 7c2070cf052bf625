"""Losses to check."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ... import loss as losses
from ...core.device import Array, to_device
from .check import OperationCheck

PAIRWISE: list[tuple[str, dict[str, Any]]] = [
    ("mse_loss", {}),
    ("l1_loss", {}),
    ("huber_loss", {"delta": 0.7}),
    ("smooth_l1_loss", {"beta": 0.3}),
    ("bce_with_logits", {}),
]
LABELS = np.array([[0, 4], [2, -100], [1, 1], [3, 0]])


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    for reduction in losses.REDUCTIONS:
        for name, options in PAIRWISE:
            pair = _pair(name, {"reduction": reduction, **options})
            yield OperationCheck(f"{name}, {reduction}", *pair, ((4, 6), (4, 6)), terms=24)
        smoothed = {"reduction": reduction, "label_smoothing": 0.1}
        yield OperationCheck(
            f"cross_entropy, {reduction}", *_of_labels("cross_entropy", smoothed), ((4, 5, 2),), terms=40
        )
        for classes in (5, 8):
            row = _of_labels("cross_entropy", smoothed, LABELS[:, 0])
            yield OperationCheck(f"cross_entropy, {reduction}, {classes} classes", *row, ((4, classes),), terms=40)
        yield OperationCheck(
            f"cross_entropy of probabilities, {reduction}",
            *_pair("cross_entropy", smoothed),
            ((4, 5), (4, 5)),
            terms=40,
        )
        yield OperationCheck(
            f"nll_loss, {reduction}", *_of_labels("nll_loss", {"reduction": reduction}), ((4, 5, 2),), terms=8
        )


def _pair(name: str, options: dict[str, Any]) -> tuple[Callable[..., Array], Callable[..., Sequence[Array | None]]]:
    """Of a prediction and a target of numbers, which has no gradient here."""
    loss, gradient = getattr(losses, name), getattr(losses, f"{name}_grad")

    def forward(x: Array, target: Array) -> Array:
        return loss(x, target, **options)

    def backward(dy: Array, x: Array, target: Array) -> Sequence[Array | None]:
        return gradient(x, target, dloss=dy, **options), None

    return forward, backward


def _of_labels(
    name: str, options: dict[str, Any], labels: Any = LABELS
) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    loss, gradient = getattr(losses, name), getattr(losses, f"{name}_grad")

    def forward(x: Array) -> Array:
        return loss(x, to_device(labels), **options)

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (gradient(x, to_device(labels), dloss=dy, **options),)

    return forward, backward
