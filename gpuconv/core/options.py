"""Options of public functions: numbers, flags and names, checked before anything is computed."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .hints import described, did_you_mean


def number(op: str, name: str, value: Any) -> float:
    """A real number given as an option."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{op}: {name} is {described(value)}, expected a number")
    return float(value)


def finite(op: str, name: str, value: Any, *, at_least: float = -math.inf) -> float:
    """A real number given as an option, neither NaN nor infinite, nor too small."""
    x = number(op, name, value)
    if not (math.isfinite(x) and x >= at_least):
        bound = "" if at_least == -math.inf else f" of at least {at_least:g}"
        raise ValueError(f"{op}: {name} is {value}, expected a finite number{bound}")
    return x


def one_of(op: str, name: str, value: Any, choices: Sequence[Any]) -> None:
    """Refuse an option that is none of the choices, and guess which one was meant."""
    if value is choices[0] or any(type(value) is type(choice) and value == choice for choice in choices):
        return
    hint = did_you_mean(value, choices)
    raise ValueError(f"{op}: {name} is {described(value)}, expected one of {', '.join(map(repr, choices))}{hint}")


def flag(op: str, name: str, value: Any) -> bool:
    """A truth value given as an option; an array or a string in its place is a slip."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{op}: {name} is {described(value)}, expected True or False")
    return bool(value)
