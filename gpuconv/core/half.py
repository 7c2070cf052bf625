"""float16 and bfloat16: arrays are converted, computed with in float32, and the results rounded once.

16-bit types are for storage: sums in them lose what they add. So every function of arrays takes them in the same way,
`takes_half`; on CUDA tensor cores multiply them as they are, and no other kernel knows of them. bfloat16 is the one of
ml_dtypes, which CuPy uses too; it is recognised by its name, so that nobody needs ml_dtypes who does not use it.
"""

import functools
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

import numpy as np

from .arrays import HALF, floating, require_array, require_out, same_device
from .device import Array, array_module, kernels_for

P = ParamSpec("P")
R = TypeVar("R")


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
    return np.dtype(np.float32) if is_half(dtype) else dtype


def widened(a: Array) -> Array:
    """A 16-bit array in float32, every value exact; others as they are."""
    return a.astype(np.float32) if is_half(a.dtype) else a


def rounded(a: Array, dtype: Any) -> Array:
    """Rounded to the nearest, ties to even; what is too large becomes infinite, without a warning."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return a.astype(dtype)


def store(a: Array, out: Array) -> None:
    """`rounded`, into an array's memory."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        out[...] = a


def alike(op: str, **arrays: Array) -> None:
    """Refuse arrays that are changed in place but differ in type or device, or are of no floating type."""
    for name, a in arrays.items():
        require_array(op, name, a)
    first, *others = arrays.items()
    if not is_half(first[1].dtype):
        floating(op, **arrays)
        return
    same_device(op, **arrays)
    for name, a in others:
        if a.dtype != first[1].dtype:
            raise TypeError(f"{op}: {name} has dtype {a.dtype}, expected {first[1].dtype} like {first[0]}")


@overload
def takes_half(function: Callable[P, R]) -> Callable[P, R]: ...
@overload
def takes_half(
    *, single: Sequence[str] = (), rounds: bool = True, natively: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def takes_half(function: Any = None, *, single: Sequence[str] = (), rounds: bool = True, natively: bool = False) -> Any:
    """Let a function of float32 and float64 arrays take float16 and bfloat16 too.

    Parameters
    ----------
    function : callable
        Its first array decides: if that is a 16-bit one, all floating arrays are to be of its type.
    single : sequence of str
        Arguments that stay float32: statistics, of which 16 bits would keep too little.
    rounds : bool
        Whether the results are rounded to the arrays' type; statistics stay float32.
    natively : bool
        Whether the arrays are left to kernels that take 16 bits, where the target has them.

    Returns
    -------
    callable
        Of the same signature. It raises TypeError where types differ.
    """
    if function is None:
        return functools.partial(takes_half, single=single, rounds=rounds, natively=natively)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        first = _first_half(args or kwargs.values())
        if first is None or (natively and kernels_for(first).runtime.HALF):
            return function(*args, **kwargs)
        return in_float32(first.dtype, args, kwargs)

    def in_float32(dtype: Any, args: Any, kwargs: Any) -> Any:
        given = _Converted(function.__name__, dtype, single)
        converted = given.arguments(inspect.signature(function).bind(*args, **kwargs))
        results = function(*converted.args, **converted.kwargs)
        return given.results(results, rounds)

    return call


def _first_half(arguments: Any) -> Any:
    """The first array among arguments, or lists of them, if it has 16 bits. Every call pays for this."""
    for a in arguments:
        first = a[0] if isinstance(a, (list, tuple)) and a else a
        dtype = getattr(first, "dtype", None)
        if dtype is not None:
            return first if getattr(dtype, "itemsize", 0) == 2 and dtype.name in HALF else None
    return None


class _Converted:
    """The arrays of one call, in float32, and the way back."""

    def __init__(self, op: str, dtype: Any, single: Sequence[str]) -> None:
        self.op, self.dtype, self.single = op, dtype, single
        self.first = ""
        self.out: tuple[Array, Array] | None = None
        self.originals: list[tuple[Array, Array]] = []

    def arguments(self, bound: inspect.BoundArguments) -> inspect.BoundArguments:
        """The arguments with their arrays converted, and memory in the place of `out`."""
        for name, value in bound.arguments.items():
            if name == "out" and value is not None:
                require_out(self.op, value, self.dtype)
                self.out = value, array_module(value).empty(value.shape, np.float32)
                bound.arguments[name] = self.out[1]
            elif name in self.single:
                self._require_single(name, value)
            else:
                bound.arguments[name] = self._argument(name, value)
        return bound

    def results(self, results: Any, rounds: bool) -> Any:
        """Rounded; `out`, or an argument that is handed through, as it was given."""
        if isinstance(results, tuple):
            return tuple(self.results(a, rounds) for a in results)
        if self.out is not None and results is self.out[1]:
            store(results, self.out[0])
            return self.out[0]
        for original, made in self.originals:
            if results is made:
                return original
        single = getattr(results, "dtype", None) == np.float32
        return rounded(results, self.dtype) if rounds and single else results

    def _require_single(self, name: str, value: Any) -> None:
        dtype = getattr(value, "dtype", np.dtype(np.float32))
        if dtype != np.float32:
            kept = f"float32 beside {self.first}, which is {self.dtype}"
            raise TypeError(f"{self.op}: {name} has dtype {dtype}, expected {kept}")

    def _argument(self, name: str, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(self._argument(f"{name}[{i}]", a) for i, a in enumerate(value))
        dtype = getattr(value, "dtype", None)
        if dtype is None or not (dtype.kind == "f" or dtype.name in HALF):
            return value
        if isinstance(value, np.generic):
            return float(value)
        if dtype != self.dtype:
            raise TypeError(f"{self.op}: {name} has dtype {dtype}, expected {self.dtype} like {self.first}")
        self.first = self.first or name
        made = widened(value)
        self.originals.append((value, made))
        return made
