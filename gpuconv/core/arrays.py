"""What an array argument must be, checked before anything is allocated or any kernel runs."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..kernels.core import memory
from . import device as devices
from .device import Array, array_module, is_cupy, kernels_for
from .dtypes import FLOAT32, FLOAT64, FLOATING, HALF, KINDS, is_half

INDEX_LIMIT = 2**31
"""CUDA kernels index with uint32; an array of so many elements is refused, never overflowed."""


def check_arrays(
    op: str, arrays: Mapping[str, Array | None], optional: Sequence[str] = (), float32: Sequence[str] = ()
) -> None:
    """Check the floating arrays of a call.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    arrays : mapping of str to array or None
        By the name of the argument each was passed as; the first one decides dtype and device.
    optional : sequence of str
        Names of those that may be None.
    float32 : sequence of str
        Names of statistics: float32 beside 16-bit arrays, of which 16 bits would keep too little.

    Raises
    ------
    TypeError
        If one is no NumPy or CuPy array, is not floating, or two differ in dtype or device.
    ValueError
        If one is too large for 32-bit indices on CUDA.
    """
    if plain_shapes(arrays, optional) is not None:
        return
    for name, a in arrays.items():
        if a is None and name not in optional:
            raise TypeError(f"{op}: {name} is None, expected a NumPy or CuPy array")
    present = {name: a for name, a in arrays.items() if a is not None}
    for name, a in present.items():
        require_array(op, name, a)
        if a.dtype not in FLOATING and a.dtype.name not in HALF:
            raise TypeError(f"{op}: {name} has dtype {a.dtype}, {KINDS}{_conversion(name, a, FLOAT32)}")
    same_device(op, **present)
    leading, first = next(iter(present.items()))
    for name, a in present.items():
        expected = FLOAT32 if name in float32 and is_half(first.dtype) else first.dtype
        if a.dtype != expected:
            like = f"like {leading}" if expected == first.dtype else f"beside {leading}, which is {first.dtype}"
            raise TypeError(f"{op}: {name} has dtype {a.dtype}, expected {expected} {like}{_narrowing(present)}")
    if kernels_for(first).index_bits == 32:
        for name, a in present.items():
            require_indexable(op, name, a.shape)


def plain_shapes(arrays: Mapping[str, Any], optional: Sequence[str] = ()) -> tuple[tuple[int, ...] | None, ...] | None:
    """The shapes of arrays that need no further look; None where some do.

    That is: contiguous, of one kind, device and type that is computed in, and few enough elements for 32-bit indices. A
    call of microseconds notices every further check.
    """
    kind: Any = None
    first: Any = None
    dtype: Any = None
    shapes: list[tuple[int, ...] | None] = []
    for name, a in arrays.items():
        if a is None and name in optional:
            shapes.append(None)
            continue
        if kind is None:
            kind, first, dtype = type(a), a, getattr(a, "dtype", None)
            if (dtype is not FLOAT32 and dtype is not FLOAT64) or not (kind is np.ndarray or is_cupy(a)):
                return None
        elif type(a) is not kind or a.dtype is not dtype or (kind is not np.ndarray and a.device != first.device):
            return None
        if not a.flags.c_contiguous or a.size >= INDEX_LIMIT:
            return None
        shapes.append(a.shape)
    return tuple(shapes)


def _conversion(name: str, a: Array, dtype: Any) -> str:
    """How to make a real array one of a floating type."""
    return f"; convert it with {name}.astype(np.{dtype.name})" if a.dtype.kind in "iub" else ""


def _narrowing(arrays: Mapping[str, Array]) -> str:
    """Which array is probably float64 by accident: NumPy makes float64 where nothing else is asked for."""
    found = {a.dtype.name for a in arrays.values()}
    if found != {"float32", "float64"}:
        return ""
    name = next(name for name, a in arrays.items() if a.dtype.name == "float64")
    return f"; NumPy makes float64 by default: convert with {name}.astype(np.float32)"


def require_array(op: str, name: str, a: Any) -> None:
    """Refuse what is no NumPy or CuPy array, and say how to make it one."""
    if isinstance(a, np.ndarray) or is_cupy(a):
        return
    kind = f"{type(a).__module__}.{type(a).__qualname__}".removeprefix("builtins.")
    hint = ""
    if kind.startswith("torch."):
        hint = "; pass tensor.detach().numpy(), or cupy.from_dlpack(tensor) on a GPU"
    elif hasattr(type(a), "__array__") and not isinstance(a, np.generic):
        hint = f"; pass np.asarray({name})"
    raise TypeError(f"{op}: {name} is a {kind}, expected a NumPy or CuPy array{hint}")


def same_device(op: str, **arrays: Array) -> None:
    """Refuse a mixture of NumPy and CuPy arrays, or of two GPUs."""
    if all(type(a) is np.ndarray for a in arrays.values()):
        return
    homes = {name: _home(a) for name, a in arrays.items()}
    first, *others = homes.items()
    for name, home in others:
        if home != first[1]:
            raise TypeError(
                f"{op}: {first[0]} is {first[1]}, {name} is {home}; all arrays of a call live on one device"
            )


def _home(a: Any) -> str:
    return f"a CuPy array on GPU {a.device.id}" if is_cupy(a) else "a NumPy array"


def contiguous(a: Array, dtype: Any = None) -> Array:
    """The array in C order and of a dtype (default: its own), copied at most once."""
    if a.flags.c_contiguous and (dtype is None or a.dtype == dtype):
        return a
    copied: Array = array_module(a).ascontiguousarray(a, dtype=dtype)
    return copied


def require_indexable(op: str, name: str, shape: Sequence[int]) -> None:
    """Refuse an array that 32-bit indices cannot reach."""
    size = math.prod(map(int, shape))
    if size >= INDEX_LIMIT:
        raise ValueError(f"{op}: {name} has {size} elements, expected fewer than 2**31 on CUDA")


def shaped(op: str, name: str, a: Array, shape: Sequence[int], why: str) -> None:
    """Refuse an array of another shape than the geometry gives."""
    if tuple(a.shape) != tuple(shape):
        raise ValueError(f"{op}: {name} has shape {tuple(a.shape)}, expected {tuple(shape)} ({why})")


def require_out(op: str, out: Any, dtype: Any) -> None:
    """Refuse memory for a result that is of another type, not C-contiguous, or read-only."""
    require_array(op, "out", out)
    if out.dtype != dtype:
        raise TypeError(f"{op}: out has dtype {out.dtype}, expected {dtype}")
    require_writeable(op, "out", out)


def require_writeable(op: str, name: str, a: Any) -> None:
    """Refuse an array that cannot be changed in place: of a copy in C order, what a kernel writes would be lost."""
    if not a.flags.c_contiguous:
        raise ValueError(f"{op}: {name} has strides {a.strides}, expected a C-contiguous array")
    if not getattr(a.flags, "writeable", True):
        raise ValueError(f"{op}: {name} is read-only, expected a writeable array")


def refuse_overlap(op: str, out: Array, inputs: Sequence[Array | None], coinciding: Sequence[Array]) -> None:
    """Refuse memory for a result that a kernel would still read after it has begun to write it.

    `coinciding` may be `out` itself, but not overlap it otherwise: the kernel reads each element before it writes it.
    """
    for a in inputs:
        if a is None or not array_module(out).may_share_memory(out, a):
            continue
        if not any(a is one for one in coinciding):
            raise ValueError(f"{op}: out overlaps an input, expected memory of its own")
        if a is not out and address(a) != address(out):
            raise ValueError(f"{op}: out overlaps an input in part, expected the input itself or memory of its own")


def address(a: Any) -> int:
    """Address of an array's first element."""
    return int(a.data.ptr if is_cupy(a) else a.ctypes.data)


def empty(shape: tuple[int, ...], dtype: Any, like: Array) -> Array:
    """Allocate where an array lives; the tests poison it. MemoryError says what was asked for, and what is left."""
    kernels = (type(like) is np.ndarray and devices.numpy_target) or kernels_for(like)
    new: Array
    if kernels.name == "cpu":
        new = memory.new(shape, dtype)
    else:
        new = kernels.runtime.launch.empty_like_on(like, shape, dtype)
    return new


def allocator(shape: tuple[int, ...], dtype: Any) -> Callable[[], Array]:
    """`empty` for NumPy results of one kind: small ones come from NumPy."""
    return partial(np.empty if memory.is_small(shape, dtype) else memory.new, shape, dtype)


def results_allocator(
    shape: tuple[int, ...], further: Sequence[tuple[int, ...]], dtype: Any, second: Any
) -> Callable[[], Any]:
    """`allocator` for a result, and as a tuple for those of further shapes or for a second one of another dtype."""
    makers = [allocator(shape, dtype), *(allocator(other, dtype) for other in further)]
    if second is not None:
        makers.append(allocator(shape, second))
    return makers[0] if len(makers) == 1 else lambda: tuple([make() for make in makers])


def updated(op: str, **arrays: Array | None) -> None:
    """Check arrays that are changed in place: all of them or none, in C order, writeable."""
    operands = {name: a for name, a in arrays.items() if a is not None}
    if operands and len(operands) < len(arrays):
        missing = next(name for name in arrays if name not in operands)
        raise ValueError(f"{op}: {missing} is None, expected an array as {next(iter(operands))} is one")
    for name, a in operands.items():
        require_array(op, name, a)
        require_writeable(op, name, a)
