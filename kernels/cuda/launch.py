"""The only place that knows grids, blocks and streams, and the only import of Numba's CUDA target.

A kernel takes flat C-contiguous arrays and scalars. Integers travel as int32: geometry is small, positions in the
padding are negative, and 64-bit index arithmetic costs registers. Offsets into arrays are made uint32 where they are
used; the public functions refuse arrays of 2^31 elements.
"""

import math
import sys
from functools import cache, lru_cache, partial
from typing import NamedTuple

import numpy as np
from numba import cuda, float32, float64, int32, uint32, uint64

from . import driver_launch

THREADS = 256
"""Threads a block, of every kernel but the tiles': occupancy is full with it wherever registers allow."""

WARP = 32
"""Threads that run together, and can shuffle."""

STAND_IN = 108
"""Multiprocessors of the device that NumPy arrays stand for."""

architecture = (8, 0)
"""Its compute capability; the emulator sets that of the architecture it compiles for."""

MIB = 1 << 20

FLOAT64 = np.dtype(np.float64)
"""What a Python float is."""

__all__ = [
    "THREADS",
    "WARP",
    "Plan",
    "address",
    "capability",
    "cuda",
    "each",
    "empty_like_on",
    "float32",
    "int32",
    "multiprocessors",
    "numba_type",
    "one",
    "planned",
    "reduce",
    "tiles",
    "uint32",
    "uint64",
    "upload",
]


def each(kernel, elements, *arguments):
    """Launch a kernel with a thread for each element."""
    if elements:
        _launch(kernel, -(-elements // THREADS), THREADS, arguments)


def reduce(kernel, blocks, *arguments):
    """Launch a kernel with a whole block for each of its results."""
    if blocks:
        _launch(kernel, blocks, THREADS, arguments)


def tiles(kernel, blocks, threads, *arguments):
    """Launch a kernel with a block for each tile of its result, of as many threads as the tile takes."""
    if blocks:
        _launch(kernel, blocks, threads, arguments)


class Plan(NamedTuple):
    """What follows of a launch from shapes, dtypes and options alone; found once, looked up by later launches."""

    kernel: object
    blocks: int
    threads: int
    scalars: tuple
    """The kernel's last arguments."""


def planned(plan, *arguments):
    """Launch a plan: its kernel takes these arguments, then the plan's scalars."""
    if plan.blocks:
        _launch(plan.kernel, plan.blocks, plan.threads, (*arguments, *plan.scalars))


def one(kernel, *arguments):
    """Launch a kernel with a single thread."""
    _launch(kernel, 1, 1, arguments)


def empty_like_on(like, shape, dtype=None):
    """New memory of the library, on the device, and by default of the type that an array has.

    CuPy's comes from its pool. Where there is none left, MemoryError says what was asked for and what is free.
    """
    library = np if type(like) is np.ndarray else sys.modules[type(like).__module__.partition(".")[0]]
    dtype = like.dtype if dtype is None else np.dtype(dtype)
    try:
        return empty(shape, dtype) if library is np else library.empty(shape, dtype)
    except MemoryError as error:  # CuPy's OutOfMemoryError is one
        if library is np:
            raise
        raise MemoryError(_shortage(library, shape, dtype)) from error


def _shortage(cupy, shape, dtype):
    """What was asked for, what the device has left, and what CuPy's pool keeps for use again."""
    shape = tuple(map(int, np.atleast_1d(shape)))
    asked = math.prod(shape) * dtype.itemsize
    free, total = cupy.cuda.runtime.memGetInfo()
    kept = cupy.get_default_memory_pool().free_bytes()
    return (
        f"an array of shape {shape}, {dtype} takes {asked / MIB:.1f} MiB; GPU {cupy.cuda.Device().id} has "
        f"{free / MIB:.1f} of {total / MIB:.1f} MiB free, CuPy's pool keeps {kept / MIB:.1f} MiB in pieces"
    )


def address(a):
    """Where an array's first element lies."""
    return a.data.ptr if hasattr(a, "get") else a.__array_interface__["data"][0]


def upload(like, host):
    """A NumPy array as an array of the library, on the device."""
    return sys.modules[type(like).__module__.partition(".")[0]].asarray(host)


def numba_type(dtype):
    """Numba's name for a floating type, for what a kernel's factory closes over."""
    return {4: float32, 8: float64}[np.dtype(dtype).itemsize]


def multiprocessors(like):
    """How many multiprocessors the device of an array has; those of an A100 for NumPy arrays, which stand for it."""
    return _multiprocessors(like.device.id) if hasattr(like, "get") else STAND_IN


def capability(like):
    """The compute capability of an array's device, such as (8, 0); `architecture` for NumPy arrays."""
    return _capability(like.device.id) if hasattr(like, "get") else architecture


@lru_cache
def _capability(device):
    return cuda.gpus[device].compute_capability


@lru_cache
def _multiprocessors(device):
    return cuda.gpus[device].MULTIPROCESSOR_COUNT


class _Narrowed(dict):
    """Python integers as int32: a launch has up to forty of them, and making one takes longer than finding it."""

    def __missing__(self, number):
        """An integer that was not met before; kept while there is room. OverflowError past 32 bits."""
        narrowed = np.int32(number)
        if len(self) < 1 << 16:
            self[number] = narrowed
        return narrowed


_narrowed = _Narrowed()


def _launch(kernel, blocks, threads, arguments):
    """Launch; who stands in for the device is given arguments as the kernel takes them."""
    if run is run_on_device:
        run_on_device(kernel, blocks, threads, arguments)
    else:
        run(kernel, blocks, threads, prepared(kernel, arguments))


def prepared(kernel, arguments):
    """Arguments as kernels take them: flat arrays, integers as int32, numbers of their own NumPy type."""
    found, types = [], set()
    for a in arguments:
        kind = type(a)
        if kind is int or kind is bool:
            found.append(_narrowed[a])
        elif kind in driver_launch.NUMBERS:
            types.add(getattr(a, "dtype", FLOAT64))
            found.append(a)
        elif hasattr(a, "on_device"):
            types.add(a.dtype)
            found.append(a)
        else:
            _require_contiguous(a)
            types.add(a.dtype)
            found.append(a if a.ndim == 1 else a.reshape(-1))
    _require_one_type(kernel, types)
    return found


def _require_one_type(kernel, types):
    """Refuse arguments of two floating types: float64 arithmetic would creep into a float32 kernel."""
    floating = [dtype for dtype in types if dtype.kind == "f"]
    if len(floating) > 1:
        names = ", ".join(sorted(dtype.name for dtype in floating))
        raise TypeError(f"{_name(kernel)}: arguments are of types {names}, expected one")


def _require_contiguous(a):
    """Refuse an array that is not one row of memory: of a copy, what a kernel writes would be lost."""
    if not a.flags.c_contiguous:
        raise ValueError(f"array of shape {a.shape} has strides {a.strides}, expected a C-contiguous one")


def _name(kernel):
    return kernel.py_func.__name__ if hasattr(kernel, "py_func") else type(kernel).__name__


def run_on_device(kernel, blocks, threads, arguments):
    """Hand a launch of CuPy arrays to the driver, on CuPy's current stream."""
    call = _call_of(kernel, tuple(map(type, arguments)))
    dtypes, words, device = [], [], None
    for i in call.arrays:
        a = arguments[i]
        if hasattr(a, "on_device"):
            a = a.on_device()
        _require_contiguous(a)
        pointer, device = driver_launch.place_of(a)
        size, each = a.size, a.itemsize
        words += 0, 0, size, each, pointer, size, each
        dtypes.append(a.dtype)
    entry = call.entries.get((device, tuple(dtypes))) or _new_entry(call, device, tuple(dtypes))
    stream = sys.modules["cupy"].cuda.get_current_stream().ptr
    entry(blocks, threads, driver_launch.stream_at(stream), (*call.numbers(arguments), *words))


@cache
def _call_of(kernel, kinds):
    """How a kernel takes arguments of some types."""
    return driver_launch.Call(kernel, kinds)


def _new_entry(call, device, dtypes):
    """The kernel compiled for arrays of some dtypes on a device."""
    numbers = {np.dtype(kind) for kind in call.kinds if kind in driver_launch.NUMBERS and kind not in (int, bool)}
    _require_one_type(call.kernel, numbers.union(dtypes))
    return call.entry(device, dtypes, partial(cuda.current_context, device))


run = run_on_device
"""Every launch goes through here: tests and tools put something else in its place."""

empty = np.empty
"""Memory of NumPy arrays that stand for device arrays; the emulator keeps account of its own."""
