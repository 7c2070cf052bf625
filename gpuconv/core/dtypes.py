"""Floating-point dtypes. 16-bit types are storage types: kernels compute in float32 and round once.

bfloat16 is the dtype of ml_dtypes, which CuPy uses too. It is recognized by name, so that ml_dtypes is optional.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.core import memory
from .device import Array

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
FLOATING = (FLOAT32, FLOAT64)
"""Dtypes that kernels compute in."""
HALF = ("float16", "bfloat16")
"""Names of the 16-bit storage types."""
KERNEL_MIN_ELEMENTS = 1 << 13
"""Of an array that a kernel converts; NumPy takes fewer sooner (Xeon, 2026-11)."""
KINDS = "expected float32, float64, float16 or bfloat16"


def half_types() -> tuple[np.dtype[Any], ...]:
    """Available 16-bit dtypes: float16, and bfloat16 if ml_dtypes is installed."""
    if importlib.util.find_spec("ml_dtypes") is None:
        return (np.dtype(np.float16),)
    return np.dtype(np.float16), np.dtype(importlib.import_module("ml_dtypes").bfloat16)


def is_half(dtype: Any) -> bool:
    """Whether a dtype is float16 or bfloat16."""
    return dtype.itemsize == 2 and dtype.name in HALF


def wide(dtype: Any) -> np.dtype[Any]:
    """Compute type of a dtype: float32 for 16-bit types, else the dtype itself."""
    dtype = np.dtype(dtype)
    return FLOAT32 if is_half(dtype) else dtype


def widened(a: Array) -> Array:
    """Convert a 16-bit array to float32, exactly; other arrays are returned unchanged."""
    return rounded(a, FLOAT32) if is_half(a.dtype) else a


def rounded(a: Array, dtype: Any) -> Array:
    """Convert an array, rounding to nearest even; overflow gives infinity without a warning."""
    if (convert := _kernel(a, np.dtype(dtype))) is not None:
        made: Array = memory.new(a.shape, dtype)
        convert(a, made)
        return made
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        result: Array = a.astype(dtype)
    return result


def store(a: Array, out: Array) -> None:
    """Store an array, converted as by `rounded`."""
    if (convert := _kernel(a, out.dtype)) is not None and out.flags.c_contiguous and a.shape == out.shape:
        convert(a, out)
        return
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        out[...] = a


def on_bits(launch: Callable[..., None]) -> Callable[..., None]:
    """A launcher of bfloat16 arrays on the CPU, whose kernels take their bits."""

    def launch_bits(*arguments: Any) -> None:
        launch(*[a.view(np.uint16) if type(a) is np.ndarray and is_half(a.dtype) else a for a in arguments])

    return launch_bits


def _kernel(a: Array, dtype: np.dtype[Any]) -> Callable[[Array, Array], None] | None:
    """The kernel that converts a large NumPy array between float32 and bfloat16; None for any other conversion."""
    if type(a) is not np.ndarray or a.size < KERNEL_MIN_ELEMENTS or not a.flags.c_contiguous:
        return None
    narrow, wide = (dtype, a.dtype) if a.dtype == FLOAT32 else (a.dtype, dtype)
    if wide != FLOAT32 or narrow.name != "bfloat16":
        return None
    kernels: Any = importlib.import_module("gpuconv.kernels.cpu.bfloat16")
    return kernels.round_to if dtype is narrow else kernels.widen  # type: ignore[no-any-return]
