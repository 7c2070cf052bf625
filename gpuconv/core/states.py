"""What a loaded state must be: a mapping with the expected entries, arrays and numbers; checked before any change."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .device import is_cupy
from .dtypes import is_half
from .hints import described
from .options import flag, number


def mapping(op: str, name: str, value: Any, *keys: str) -> Mapping[Any, Any]:
    """The value, a mapping that has the keys.

    Raises
    ------
    TypeError
        If it is no mapping.
    ValueError
        If a key is missing.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{op}: {name} is a {type(value).__name__}, expected a mapping, as state_dict() returns it")
    for key in keys:
        if key not in value:
            raise ValueError(f"{op}: {name} has no {key!r}, expected {', '.join(map(repr, keys))}")
    return value


def real_array(op: str, name: str, value: Any) -> Any:
    """The value as a NumPy or CuPy array of real numbers, not copied; whatever has a shape is tried.

    Raises
    ------
    TypeError
        If it is something else, such as None or a list, or its elements are no real numbers.
    """
    if not hasattr(value, "shape"):
        raise TypeError(f"{op}: {name} is a {type(value).__name__}, expected a NumPy or CuPy array")
    a = value if is_cupy(value) else np.asanyarray(value)
    if a.dtype.kind not in "biuf" and not is_half(a.dtype):
        raise TypeError(f"{op}: {name} has dtype {a.dtype}, expected real numbers")
    return a


def count(op: str, name: str, value: Any) -> int:
    """A number of steps; an array of one, as PyTorch keeps it, counts as a number.

    Raises
    ------
    TypeError
        If the value is no number.
    ValueError
        If it is negative or not whole.
    """
    steps = plain_number(op, name, value)
    if not (math.isfinite(steps) and steps >= 0 and steps == int(steps)):
        raise ValueError(f"{op}: {name} is {steps:g}, expected a whole number, at least 0")
    return int(steps)


def plain_number(op: str, name: str, value: Any) -> float:
    """A real number, or an array of one."""
    if getattr(value, "shape", None) in ((), (1,)):
        value = value.item()
    return number(op, name, value)


def like(op: str, name: str, value: Any, present: Any) -> Any:
    """An option's value, of the kind it has at present: a flag, a number, or a tuple of numbers.

    Raises
    ------
    TypeError
        If it is of another kind.
    """
    if isinstance(present, bool):
        return flag(op, name, value)
    if isinstance(present, tuple):
        if not isinstance(value, (tuple, list)) or len(value) != len(present):
            raise TypeError(f"{op}: {name} is {described(value)}, expected {len(present)} numbers")
        return tuple(plain_number(op, f"{name}[{i}]", one) for i, one in enumerate(value))
    return plain_number(op, name, value)
