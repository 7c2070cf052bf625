"""Checks of option values: numbers, flags and names."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .hints import described, did_you_mean


def number(op: str, name: str, value: Any) -> float:
    """Check a real number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{op}: {name} is {described(value)}, expected a number")
    return float(value)


def finite(op: str, name: str, value: Any, *, at_least: float = -math.inf) -> float:
    """Check a finite number, at least `at_least`."""
    x = number(op, name, value)
    if not (math.isfinite(x) and x >= at_least):
        bound = "" if at_least == -math.inf else f" of at least {at_least:g}"
        raise ValueError(f"{op}: {name} is {value}, expected a finite number{bound}")
    return x


def one_of(op: str, name: str, value: Any, choices: Sequence[Any]) -> None:
    """Check an option against its choices; the error suggests the closest name."""
    if value is choices[0] or any(_same_kind(value, choice) and value == choice for choice in choices):
        return
    hint = did_you_mean(value, choices)
    raise ValueError(f"{op}: {name} is {described(value)}, expected one of {', '.join(map(repr, choices))}{hint}")


def _same_kind(value: Any, choice: Any) -> bool:
    """Return whether a value may equal a choice: True is not 1, but a member of a StrEnum is a string."""
    return type(value) is type(choice) or (isinstance(choice, str) and isinstance(value, str))


def flag(op: str, name: str, value: Any) -> bool:
    """Check a bool; arrays and strings are rejected, whatever their truth value."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{op}: {name} is {described(value)}, expected True or False")
    return bool(value)
