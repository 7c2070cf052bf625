"""The only place that knows grids, blocks and streams; kernels have Numba's CUDA target from here.

A kernel takes flat C-contiguous arrays and scalars. Integers travel as int32: geometry is small, positions in the
padding are negative, and 64-bit index arithmetic costs registers. Offsets into arrays are made uint32 where they are
used; the public functions refuse arrays of 2^31 elements.
"""

import math
import sys
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numba import cuda, float32, float64, int32, uint32, uint64

from . import driver_launch

THREADS = 256
"""Threads a block of all kernels but the GEMM tiles: full occupancy wherever registers allow."""

WARP = 32
"""Threads of a warp."""

EMULATED_MULTIPROCESSORS = 108
"""Multiprocessors of the emulated device: those of an A100."""

architecture = (8, 0)
"""Compute capability of the emulated device; the emulator sets that of the architecture it compiles for."""

MIB = 1 << 20

FLOAT64 = np.dtype(np.float64)
"""dtype of a Python float."""

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
        _dispatch(kernel, -(-elements // THREADS), THREADS, arguments)


def reduce(kernel, blocks, *arguments):
    """Launch a kernel with a whole block for each of its results."""
    if blocks:
        _dispatch(kernel, blocks, THREADS, arguments)


def tiles(kernel, blocks, threads, *arguments):
    """Launch a kernel with a block for each tile of its result, of as many threads as the tile takes."""
    if blocks:
        _dispatch(kernel, blocks, threads, arguments)


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """What follows of a launch from shapes, dtypes and options alone; found once, looked up by later launches.

    Its scalars are packed once for each set of types of the other arguments.
    """

    kernel: object
    blocks: int
    threads: int
    scalars: tuple
    """The kernel's last arguments."""


def planned(plan, *arguments):
    """Launch a plan: its kernel takes these arguments, then the plan's scalars."""
    if plan.blocks:
        _dispatch(plan.kernel, plan.blocks, plan.threads, arguments, plan)


def one(kernel, *arguments):
    """Launch a kernel with a single thread."""
    _dispatch(kernel, 1, 1, arguments)


def empty_like_on(like, shape, dtype=None):
    """A new array of the library and on the device of another one, and by default of its dtype.

    CuPy takes it from its memory pool. MemoryError says what was asked for and what is free.
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
    """Address of an array's first element."""
    return a.data.ptr if hasattr(a, "get") else a.__array_interface__["data"][0]


def upload(like, host):
    """A NumPy array as an array of the library, on the device."""
    return sys.modules[type(like).__module__.partition(".")[0]].asarray(host)


def numba_type(dtype):
    """Numba type of a floating dtype, for kernel factories to close over."""
    return {4: float32, 8: float64}[np.dtype(dtype).itemsize]


def multiprocessors(like):
    """Multiprocessors of the device of an array; of the emulated device for NumPy arrays."""
    return _multiprocessors(like.device.id) if hasattr(like, "get") else EMULATED_MULTIPROCESSORS


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
    """Python integers as int32, cached: a launch has up to forty, and making one takes longer than a look-up."""

    def __missing__(self, number):
        """Convert a new integer and cache it while there is room. OverflowError past 32 bits."""
        narrowed = np.int32(number)
        if len(self) < 1 << 16:
            self[number] = narrowed
        return narrowed


_narrowed = _Narrowed()


def _dispatch(kernel, blocks, threads, arguments, plan=None):
    """Launch on the GPU, or hand the prepared arguments to the emulator."""
    if run is run_on_device:
        run_on_device(kernel, blocks, threads, arguments, plan)
    else:
        run(kernel, blocks, threads, prepared(kernel, arguments if plan is None else (*arguments, *plan.scalars)))


def prepared(kernel, arguments):
    """Arguments as kernels take them: flat arrays, integers as int32, numbers of NumPy types."""
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
    """Refuse an array that is not C-contiguous: a kernel would write into a copy."""
    if not a.flags.c_contiguous:
        raise ValueError(f"array of shape {a.shape} has strides {a.strides}, expected a C-contiguous one")


def _name(kernel):
    return kernel.py_func.__name__ if hasattr(kernel, "py_func") else type(kernel).__name__


def run_on_device(kernel, blocks, threads, arguments, plan=None):
    """Hand a launch of CuPy arrays to the driver, on CuPy's current stream; a plan's scalars are its last arguments."""
    call = _call_of(kernel, tuple(map(type, arguments)), plan)
    dtypes, words, device = [], [], None
    for i in call.arrays:
        a = arguments[i]
        if hasattr(a, "on_device"):
            a = a.on_device()
        _require_contiguous(a)
        pointer, device = driver_launch.pointer_and_device(a)
        size, each = a.size, a.itemsize
        words += 0, 0, size, each, pointer, size, each
        dtypes.append(a.dtype)
    entry = call.entries.get((device, tuple(dtypes))) or _new_entry(call, device, tuple(dtypes))
    stream = sys.modules["cupy"].cuda.get_current_stream().ptr
    entry(blocks, threads, driver_launch.stream_at(stream), (*call.numbers(arguments), *words))


@lru_cache(maxsize=1 << 14)
def _call_of(kernel, kinds, plan):
    """Launches of a kernel with arguments of some types, followed by a plan's scalars."""
    return driver_launch.Call(kernel, kinds, () if plan is None else plan.scalars)


def _new_entry(call, device, dtypes):
    """The kernel compiled for arrays of some dtypes on a device."""
    numbers = {np.dtype(kind) for kind in call.kinds if kind in driver_launch.NUMBERS and kind not in (int, bool)}
    _require_one_type(call.kernel, numbers.union(dtypes))
    return call.entry(device, dtypes, partial(cuda.current_context, device))


run = run_on_device
"""Every launch goes through here: the emulator, tests and tools replace it."""

empty = np.empty
"""Allocates NumPy arrays that stand for device arrays; the emulator replaces it by its tracked memory."""
