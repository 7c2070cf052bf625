"""Losses: every reduction, weights, ignored labels, smoothing, probabilities as targets."""

from typing import Any

import numpy as np

from ...core.device import Array
from .case import Case, call_of, choice, integer, integers

REDUCTIONS = ("mean", "sum", "none")


def regression(rng: np.random.Generator) -> Case:
    """Squared, absolute and between."""
    name = choice(rng, ("mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"))
    shape = integers(rng, 1, 5, integer(rng, 1, 4))
    x, target = rng.standard_normal(shape), rng.standard_normal(shape)
    if rng.random() < 0.2:
        target.flat[0] = x.flat[0]
    options: dict[str, Any] = {"reduction": choice(rng, REDUCTIONS)}
    if name == "huber_loss":
        options["delta"] = choice(rng, (1.0, 0.3, 2.0))
    if name == "smooth_l1_loss":
        options["beta"] = choice(rng, (1.0, 0.3, 2.0))
    return _case(name, (x, target), options, {})


def binary(rng: np.random.Generator) -> Case:
    """Cross-entropy of two classes from logits."""
    shape = integers(rng, 1, 5, integer(rng, 1, 4))
    x, target = rng.standard_normal(shape) * choice(rng, (1.0, 300.0)), rng.random(shape)
    weights: dict[str, Any] = {name: rng.random(shape) for name in ("weight", "pos_weight") if rng.random() < 0.4}
    options, size = {"reduction": choice(rng, REDUCTIONS)}, max(1.0, float(np.abs(x).max()))
    # PyTorch adds (1 - t) x, and takes it off again.
    return _case("bce_with_logits", (x, target), options, weights, size)


def classes(rng: np.random.Generator) -> Case:
    """Labels of any spatial shape, or probabilities."""
    name = choice(rng, ("nll_loss", "cross_entropy", "cross_entropy"))
    count, spatial = integer(rng, 1, 6), integers(rng, 1, 3, integer(rng, 0, 2))
    n = integer(rng, 1, 4)
    x = rng.standard_normal((n, count, *spatial)) * 2
    weights: dict[str, Any] = {"weight": rng.random(count) + 0.1} if rng.random() < 0.5 else {}
    options: dict[str, Any] = {"reduction": choice(rng, REDUCTIONS)}
    if name == "cross_entropy":
        options["label_smoothing"] = choice(rng, (0.0, 0.1, 0.5))
    if name == "cross_entropy" and rng.random() < 0.3:
        return _case(name, (x, rng.random(x.shape)), options, weights)
    target = rng.integers(0, count, (n, *spatial))
    if rng.random() < 0.4 and target.size > 1:
        # Some label is left, as with none PyTorch's mean is NaN and ours 0, on purpose.
        options["ignore_index"] = choice(rng, (-100, 0)) if count > 1 else -100
        target.flat[1] = options["ignore_index"]
        target.flat[0] = count - 1
    return _case(name, (x, target), options, weights)


def _case(
    name: str, inputs: tuple[Array, Array], options: dict[str, Any], weights: dict[str, Array], magnitude: float = 1.0
) -> Case:
    x, target = inputs
    call = call_of(name, input=x, target=target, **options, **weights)
    return Case(call, inputs, options, x.size, magnitude, named=weights)


FAMILIES = {"regression losses": regression, "binary cross-entropy": binary, "cross-entropy": classes}
