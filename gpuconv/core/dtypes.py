"""Floating types of arrays. 16-bit types are for storage: they are computed with in float32 and rounded once.

bfloat16 is the one of ml_dtypes, which CuPy uses too; it is recognized by its name, so that nobody needs ml_dtypes who
does not use it.
"""

import importlib.util
from typing import Any

import numpy as np

from .device import Array

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
FLOATING = (FLOAT32, FLOAT64)
"""The types that kernels compute in."""
HALF = ("float16", "bfloat16")
"""Names of the 16-bit types."""
KINDS = "expected float32, float64, float16 or bfloat16"


def half_types() -> tuple[np.dtype[Any], ...]:
    """The 16-bit types that arrays can have here: float16, and bfloat16 where ml_dtypes is installed."""
    if importlib.util.find_spec("ml_dtypes") is None:
        return (np.dtype(np.float16),)
    return np.dtype(np.float16), np.dtype(importlib.import_module("ml_dtypes").bfloat16)


def is_half(dtype: Any) -> bool:
    """Whether a dtype is float16 or bfloat16."""
    return dtype.itemsize == 2 and dtype.name in HALF


def wide(dtype: Any) -> np.dtype[Any]:
    """The type that is computed in: float32 for 16-bit types, else the type itself."""
    dtype = np.dtype(dtype)
    return FLOAT32 if is_half(dtype) else dtype


def widened(a: Array) -> Array:
    """A 16-bit array in float32, every value exact; others as they are."""
    return a.astype(np.float32) if is_half(a.dtype) else a


def rounded(a: Array, dtype: Any) -> Array:
    """Round to the nearest, ties to even; what is too large becomes infinite, without a warning."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        result: Array = a.astype(dtype)
    return result


def store(a: Array, out: Array) -> None:
    """Round as `rounded` does, into an array's memory."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        out[...] = a
