"""What all initializers share: seeds, shapes, fans, and the move to the device."""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ...core.arrays import contiguous
from ...core.device import Array, to_device
from ...core.dtypes import FLOATING, KINDS, is_half, rounded

Seed: TypeAlias = int | np.random.Generator | None
"""What makes random values repeatable: an int, a NumPy generator that is drawn from in turn, or None for fresh ones."""

Initializer: TypeAlias = Callable[..., Array]
"""A function of this module: from a shape and options to an array."""


def fans(op: str, shape: Sequence[int]) -> tuple[int, int]:
    """(fan_in, fan_out) of weights (outputs, inputs, ...)."""
    shape = sizes_of(op, shape)
    if len(shape) < 2 or math.prod(shape) == 0:
        raise ValueError(f"{op}: shape is {shape}, expected at least two dimensions, none of them 0")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def sizes_of(op: str, shape: Any) -> tuple[int, ...]:
    """The shape as a tuple of integers."""
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise TypeError(f"{op}: shape is {shape!r}, expected a sequence of integers") from None
    if min(sizes, default=0) < 0:
        raise ValueError(f"{op}: shape is {sizes}, expected no negative size")
    return sizes


def finite(op: str, **options: float) -> None:
    """Refuse NaN and infinity."""
    for name, value in options.items():
        if not math.isfinite(value):
            raise ValueError(f"{op}: {name} is {value}, expected a finite number")


def on_device(op: str, values: np.ndarray[Any, Any], dtype: Any) -> Array:
    """Round the values once, bring them into C order, then move them to the device."""
    dtype = np.dtype(dtype)
    if dtype not in FLOATING and not is_half(dtype):
        raise TypeError(f"{op}: dtype is {dtype}, {KINDS}")
    return to_device(contiguous(rounded(values, dtype)))
