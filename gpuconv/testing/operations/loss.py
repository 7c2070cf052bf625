"""Losses: every reduction, weights, ignored labels, smoothing, probabilities as targets."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .operation import Gradient, Operation, OperationCall, Sample

REDUCTIONS = ("mean", "sum", "none")
PAIRWISE: dict[str, dict[str, Any]] = {
    "mse_loss": {},
    "l1_loss": {},
    "huber_loss": {"delta": 0.7},
    "smooth_l1_loss": {"beta": 0.3},
    "bce_with_logits": {},
}
"""Losses of an input and a target of one shape."""
PEERS = {"bce_with_logits": "binary_cross_entropy_with_logits"}
LABELS = np.array([[0, 4], [2, -100], [1, 1], [3, 0]])
WEIGHT = np.array([0.3, 1.2, 0.7, 0.9, 1.5], np.float32)


def operations() -> Iterator[Operation]:
    """Yield the family's operations."""
    for name, options in PAIRWISE.items():
        shapes = {"input": (4, 6), "target": (4, 6)}
        samples = [Sample(f"{name}, {r}", shapes, {"reduction": r, **options}, 24) for r in REDUCTIONS]
        if name == "bce_with_logits":
            weights = np.linspace(0.2, 1.6, 24, dtype=np.float32).reshape(4, 6)
            weighted = {"weight": weights, "pos_weight": weights[:, ::-1].copy()}
            samples.append(Sample(f"{name}, weighted", shapes, weighted, 24))
        yield Operation(name, tuple(samples), (), ("input",), _gradients, PEERS.get(name, ""))
    yield Operation("cross_entropy", tuple(_cross_entropies()), (), ("input",), _gradients)
    yield Operation("nll_loss", tuple(_nll_losses()), (), ("input",), _gradients)


def _labeled(name: str, labels: Any, options: dict[str, Any], shape: tuple[int, ...], terms: int) -> Sample:
    return Sample(name, {"input": shape}, {"target": labels, **options}, terms)


def _cross_entropies() -> Iterator[Sample]:
    weighted = {"weight": WEIGHT, "ignore_index": 2}
    yield _labeled("cross_entropy, weighted", LABELS[:, 0], weighted, (4, 5), 40)
    for r in REDUCTIONS:
        options = {"reduction": r, "label_smoothing": 0.1}
        yield _labeled(f"cross_entropy, {r}", LABELS, options, (4, 5, 2), 40)
        for classes in (5, 8):
            yield _labeled(f"cross_entropy, {r}, {classes} classes", LABELS[:, 0], options, (4, classes), 40)
        shapes = {"input": (4, 5), "target": (4, 5)}
        yield Sample(f"cross_entropy of probabilities, {r}", shapes, options, 40)


def _nll_losses() -> Iterator[Sample]:
    weighted = {"weight": WEIGHT, "ignore_index": 2}
    yield _labeled("nll_loss, weighted", LABELS[:, 0], weighted, (4, 5), 8)
    for r in REDUCTIONS:
        yield _labeled(f"nll_loss, {r}", LABELS, {"reduction": r}, (4, 5, 2), 8)


def _gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    """The input's; a target has none here."""
    return [Gradient(f"{call.operation.name}_grad", ("input",), {**call.arguments, "dloss": dy})]
