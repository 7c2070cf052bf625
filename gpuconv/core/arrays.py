"""What an array argument must be, checked before anything is allocated or any kernel runs."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..kernels.core import memory
from .device import Array, array_module, is_cupy, kernels_for
from .graph import recording

FLOATING = (np.dtype(np.float32), np.dtype(np.float64))
HALF = ("float16", "bfloat16")
"""Names of the types that `gpuconv.core.half` converts, before a function's own checks see them."""
KINDS = "expected float32, float64, float16 or bfloat16"
INDEX_LIMIT = 2**31
"""CUDA kernels index with uint32; an array of so many elements is refused there, never overflowed."""


def floating(op: str, optional: Sequence[str] = (), **arrays: Array | None) -> tuple[Any, ...]:
    """The arrays, checked and C-contiguous; None stays None where it may.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    optional : sequence of str
        Names of those that may be None.
    **arrays : array or None
        By the name of the argument each was passed as.

    Returns
    -------
    tuple
        The arrays in the order given.

    Raises
    ------
    TypeError
        If one is no NumPy or CuPy array, is not floating, or two differ in dtype or device.
    ValueError
        If one is too large for 32-bit indices on CUDA.
    """
    if _nothing_to_say(optional, arrays):
        return tuple(arrays.values())
    checked = floating_or_half(op, optional, **arrays)
    for name, a in arrays.items():
        if a is not None and a.dtype not in FLOATING:
            raise TypeError(f"{op}: {name} has dtype {a.dtype}, expected float32 or float64")
    return checked


def floating_or_half(op: str, optional: Sequence[str] = (), **arrays: Array | None) -> tuple[Any, ...]:
    """As `floating`, of 16-bit arrays too."""
    if _nothing_to_say(optional, arrays):
        return tuple(arrays.values())
    for name, a in arrays.items():
        if a is None and name not in optional:
            raise TypeError(f"{op}: {name} is None, expected a NumPy or CuPy array")
    present = {name: a for name, a in arrays.items() if a is not None}
    for name, a in present.items():
        require_array(op, name, a)
        if a.dtype not in FLOATING and a.dtype.name not in HALF:
            raise TypeError(f"{op}: {name} has dtype {a.dtype}, {KINDS}")
    same_device(op, **present)
    first, *others = present.items()
    for name, a in others:
        if a.dtype != first[1].dtype:
            raise TypeError(f"{op}: {name} has dtype {a.dtype}, expected {first[1].dtype} like {first[0]}")
    if kernels_for(first[1]).index_bits == 32:
        for name, a in present.items():
            require_indexable(op, name, a.shape)
    return tuple(None if a is None else contiguous(a) for a in arrays.values())


def _nothing_to_say(optional: Sequence[str], arrays: dict[str, Any]) -> bool:
    """Whether these are contiguous arrays of one floating type and device: a call of microseconds notices."""
    first = None
    for name, a in arrays.items():
        if a is None and name in optional:
            continue
        if first is None:
            first, kind = a, type(a)
            if not (kind is np.ndarray or is_cupy(a)) or a.dtype not in FLOATING:
                return False
            dtype = a.dtype
        if not (type(a) is kind and a.dtype is dtype and a.flags.c_contiguous and a.size < INDEX_LIMIT):
            return False
        if kind is not np.ndarray and a.device != first.device:
            return False
    return first is not None


def require_array(op: str, name: str, a: Any) -> None:
    """Refuse what is no NumPy or CuPy array, and say how to make it one."""
    if isinstance(a, np.ndarray) or is_cupy(a):
        return
    kind = f"{type(a).__module__}.{type(a).__qualname__}".removeprefix("builtins.")
    hint = "; pass tensor.detach().numpy(), or cupy.from_dlpack(tensor) on a GPU" if kind.startswith("torch.") else ""
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


def _home(a: Array) -> str:
    return f"a CuPy array on GPU {a.device.id}" if is_cupy(a) else "a NumPy array"


def contiguous(a: Array) -> Array:
    """The array in C order, copied at most once."""
    if a.flags.c_contiguous:
        return a
    return array_module(a).ascontiguousarray(a)


def require_indexable(op: str, name: str, shape: Sequence[int]) -> None:
    """Refuse an array that 32-bit indices cannot reach."""
    size = math.prod(map(int, shape))
    if size >= INDEX_LIMIT:
        raise ValueError(f"{op}: {name} has {size} elements, expected fewer than 2**31 on CUDA")


def shaped(op: str, name: str, a: Array, shape: Sequence[int], why: str) -> None:
    """Refuse an array of another shape than the geometry gives."""
    if tuple(a.shape) != tuple(shape):
        raise ValueError(f"{op}: {name} has shape {tuple(a.shape)}, expected {tuple(shape)} ({why})")


def output(
    op: str,
    shape: Sequence[int],
    like: Array,
    out: Array | None = None,
    *,
    inputs: Sequence[Array] = (),
    coinciding: Sequence[Array] = (),
    dtype: Any = None,
) -> Array:
    """Memory for a result: new, or `out` after it was checked.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    shape : sequence of int
    like : array
        Gives the device.
    out : array, optional
        The caller's memory: right shape, dtype and device, C-contiguous, writeable.
    inputs : sequence of array
        Arrays that out must not overlap, because the kernel reads them after it has begun to write.
    coinciding : sequence of array
        Arrays that out may be, but not overlap otherwise: the kernel reads each element before it writes it.
    dtype : dtype, optional
        Default: that of like.

    Returns
    -------
    array
        Not initialised.

    Raises
    ------
    TypeError
        If out is of another kind, dtype or device.
    ValueError
        If out has another shape, is not contiguous or writeable, or overlaps an input.
    """
    dtype = like.dtype if dtype is None else np.dtype(dtype)
    if math.prod(shape) >= INDEX_LIMIT and kernels_for(like).index_bits == 32:
        require_indexable(op, "the result", shape)
    if out is None:
        return empty(tuple(shape), dtype, like)
    if not type(out) is type(like) is np.ndarray:
        require_array(op, "out", out)
        same_device(op, **{"the input": like, "out": out})
    require_out(op, out, dtype)
    shaped(op, "out", out, shape, "the result's shape")
    for a in inputs:
        if array_module(out).may_share_memory(out, a):
            raise ValueError(f"{op}: out overlaps an input, expected memory of its own")
    for a in coinciding:
        if a is not out and array_module(out).may_share_memory(out, a) and _address(a) != _address(out):
            raise ValueError(f"{op}: out overlaps an input in part, expected the input itself or memory of its own")
    return out


def require_out(op: str, out: Any, dtype: Any) -> None:
    """Refuse memory for a result that is of another type, not C-contiguous, or read-only."""
    require_array(op, "out", out)
    if out.dtype != dtype:
        raise TypeError(f"{op}: out has dtype {out.dtype}, expected {dtype}")
    if not out.flags.c_contiguous:
        raise ValueError(f"{op}: out has strides {out.strides}, expected a C-contiguous array")
    if not getattr(out.flags, "writeable", True):
        raise ValueError(f"{op}: out is read-only, expected a writeable array")


def _address(a: Array) -> int:
    """Where an array's first element lies."""
    return int(a.data.ptr if is_cupy(a) else a.ctypes.data)


def given(*arrays: Array | None) -> list[Array]:
    """The arrays that were passed: optional ones are None."""
    return [a for a in arrays if a is not None]


def empty(shape: tuple[int, ...], dtype: Any, like: Array) -> Array:
    """New memory beside an array; the tests poison it. MemoryError says what was asked for and what a GPU has left."""
    kernels = kernels_for(like)
    new: Array = (
        memory.new(shape, dtype)
        if kernels.index_bits != 32
        else kernels.runtime.launch.empty_like_on(like, shape, dtype)
    )
    return new


def labels(op: str, name: str, target: Array, classes: int, ignore_index: int, like: Array) -> Array:
    """Class indices as C-contiguous int64, every one in range or ignored; not looked at while a step is recorded.

    Raises
    ------
    TypeError
        If the labels are no integer array on the input's device.
    ValueError
        If a label is out of range; the message gives the first.
    """
    require_array(op, name, target)
    same_device(op, input=like, **{name: target})
    if target.dtype.kind not in "iu":
        raise TypeError(f"{op}: {name} has dtype {target.dtype}, expected integer class indices")
    if not recording() and not _all_within(target, classes):
        wrong = ((target < 0) | (target >= classes)) & (target != ignore_index)
        if bool(wrong.any()):
            raise ValueError(
                f"{op}: {name} has a label {int(target[wrong][0])}, expected 0 <= label < {classes} or "
                f"ignore_index={ignore_index}"
            )
    return array_module(target).ascontiguousarray(target, dtype=np.int64)


def _all_within(target: Array, classes: int) -> bool:
    """Whether all labels are in range, none of them ignored: one pass, in which negative ones are huge, for six."""
    return target.size == 0 or int(target.view(f"u{target.dtype.itemsize}").max()) < classes


def number(op: str, name: str, value: Any) -> float:
    """A real number given as an option."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{op}: {name} is {value!r}, expected a number")
    return float(value)


def finite(op: str, name: str, value: Any, *, at_least: float = -math.inf) -> float:
    """A real number given as an option, neither NaN nor infinite, nor too small."""
    x = number(op, name, value)
    if not (math.isfinite(x) and x >= at_least):
        bound = "" if at_least == -math.inf else f" of at least {at_least:g}"
        raise ValueError(f"{op}: {name} is {value}, expected a finite number{bound}")
    return x


def one_of(op: str, name: str, value: Any, choices: Sequence[Any]) -> None:
    """Refuse an option that is none of the choices."""
    if value is not choices[0] and not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ValueError(f"{op}: {name} is {value!r}, expected one of {', '.join(map(repr, choices))}")


def flag(op: str, name: str, value: Any) -> bool:
    """A truth value given as an option; an array or a string in its place is a slip."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{op}: {name} is {value!r}, expected True or False")
    return bool(value)


def updated(op: str, **arrays: Array | None) -> tuple[Any, ...]:
    """Arrays that are changed in place: all of them or none, in C order, writeable, each in memory of its own."""
    given = {name: a for name, a in arrays.items() if a is not None}
    if given and len(given) < len(arrays):
        missing = next(name for name in arrays if name not in given)
        raise ValueError(f"{op}: {missing} is None, expected an array as {next(iter(given))} is one")
    for name, a in given.items():
        require_array(op, name, a)
        if not a.flags.c_contiguous:
            raise ValueError(f"{op}: {name} has strides {a.strides}, expected a C-contiguous array")
        if not getattr(a.flags, "writeable", True):
            raise ValueError(f"{op}: {name} is read-only, expected a writeable array")
    return tuple(arrays.values())
