"""Losses of a single sample, given without the axis of the batch: input (C,) and a label without dimensions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.arrays import shaped
from ..core.device import Array


def is_one_sample(x: Any, target: Any, *, probabilities: bool = False) -> bool:
    """Whether input is the classes of one sample, and target its label or, if allowed, their probabilities."""
    if getattr(x, "ndim", 0) != 1:
        return False
    return (np.ndim(target) == 0 and hasattr(target, "dtype")) or (probabilities and _is_floating_like(target, x))


def _is_floating_like(target: Any, x: Array) -> bool:
    dtype = getattr(target, "dtype", None)
    return dtype is not None and dtype.kind not in "biu" and target.shape == x.shape


def loss_of_one(function: Callable[..., Array], x: Array, target: Any, options: dict[str, Any]) -> Array:
    """The loss of one sample, of no dimensions."""
    loss: Array = function(x[None], _batch_of_one(target), **options).reshape(())
    return loss


def _batch_of_one(a: Any) -> Any:
    """The array with an axis of one in front; a number of NumPy's counts as an array."""
    return np.asarray(a)[None] if isinstance(a, np.generic) else a[None]


def grad_of_one(
    gradient: Callable[..., Array], x: Array, target: Any, dloss: Any, out: Array | None, options: dict[str, Any]
) -> Array:
    """The gradient of a loss of one sample, like its input."""
    if options["reduction"] == "none":  # the loss of one is their sum, whose gradient is a number
        options = {**options, "reduction": "sum"}
    if out is not None:
        shaped(gradient.__name__, "out", out, x.shape, "like input")
    batch = None if out is None else out[None]
    dx = gradient(x[None], _batch_of_one(target), dloss=dloss, out=batch, **options)
    return dx.reshape(x.shape) if out is None else out
