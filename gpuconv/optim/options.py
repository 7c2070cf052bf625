"""Checks of the options that optimizers take."""

import math
from typing import Any

from ..core.options import number


def at_least_zero(op: str, **options: Any) -> list[float]:
    """The options as floats, each finite and not negative."""
    values = [number(op, name, value) for name, value in options.items()]
    for name, value in zip(options, values, strict=True):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{op}: {name} is {value:g}, expected a finite number, at least 0")
    return values


def two_decays(op: str, betas: Any) -> tuple[float, float]:
    """Adam's betas: two numbers from 0 up to, not including, 1."""
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(f"{op}: betas is {betas!r}, expected two numbers")
    first, second = (number(op, f"betas[{i}]", beta) for i, beta in enumerate(betas))
    for i, beta in enumerate((first, second)):
        if not 0 <= beta < 1:
            raise ValueError(f"{op}: betas[{i}] is {beta:g}, expected 0 <= beta < 1")
    return first, second
