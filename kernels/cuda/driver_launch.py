"""Launches through the CUDA driver, with arguments packed in the layout of Numba's ABI.

Numba's launch wraps every CuPy array in an array object: 130 microseconds for a launch with two arrays, half a
millisecond for a convolution (the host of an H200, 2026-11). Here a one-dimensional array is packed as seven words, a
number as it is, and what follows from the types alone is found once.
"""

import ctypes
import struct
from functools import lru_cache
from operator import itemgetter

import numpy as np
from numba import from_dtype, types

from ..core import forks

ARRAY = "QQqqQqq"
"""Two words that kernels do not read, elements, bytes of an element, address, length and stride."""

NUMBERS = {
    int: "i", bool: "i", np.int32: "i", np.uint32: "I", np.int64: "q", np.uint64: "Q",
    float: "d", np.float32: "f", np.float64: "d",
}  # fmt: skip
"""struct formats of numbers by their types; Python integers are passed as int32."""

TYPES = {int: types.int32, bool: types.int32, float: types.float64}
"""Numba types of Python numbers."""

NO_CONTEXT = 201
"""CUDA_ERROR_INVALID_CONTEXT: the calling thread has not made the device's context current."""


def pointer_and_device(a):
    """(address, device) of a CuPy array."""
    return a.data.ptr, a.data.device_id


class Call:
    """Launches of a kernel with arguments of some types, with an Entry for each device and dtypes of the arrays.

    Parameters
    ----------
    kernel
        A dispatcher of cuda.jit.
    kinds : tuple of type
        Types of the arguments; whatever is no number is an array, or has one on the device.
    scalars : tuple of number
        The kernel's last arguments, the same in every launch: packed once.
    """

    def __init__(self, kernel, kinds, scalars=()):
        self.kernel, self.kinds, self.scalars, self.entries = kernel, kinds, scalars, {}
        self.arrays = [i for i, kind in enumerate(kinds) if kind not in NUMBERS]
        positions = [i for i, kind in enumerate(kinds) if kind in NUMBERS]
        self.numbers = itemgetter(*positions) if len(positions) > 1 else lambda a: tuple(a[i] for i in positions)

    def entry(self, device, dtypes, bind):
        """Make the Entry for arrays of some dtypes on a device; `bind` makes its context current."""
        bind()
        dtype_of = dict(zip(self.arrays, dtypes, strict=True))
        signature = [dtype_of.get(i, kind) for i, kind in enumerate(self.kinds)]
        self.entries[device, dtypes] = made = Entry(self.kernel, signature, bind, self.scalars)
        return made


class Entry:
    """A kernel compiled for some kinds of arguments and loaded on the current device.

    Parameters
    ----------
    kernel
        A dispatcher of cuda.jit.
    kinds : list
        A dtype for each array, a type for each number.
    bind : callable
        Makes the device's context current in the calling thread.
    scalars : tuple of number
        The kernel's last arguments.
    """

    def __init__(self, kernel, kinds, bind, scalars=()):
        from cuda.bindings import driver  # comes with numba-cuda

        scalar_kinds = list(map(type, scalars))
        compiled = kernel.compile(tuple(map(_type_of, kinds + scalar_kinds)))  # or loaded from Numba's cache
        handle = int(compiled._codelibrary.get_cufunc().handle)  # which has no public name
        self.name, self.driver, self.bind = kernel.py_func.__name__, driver, bind
        self.handle, self.lock = driver.CUfunction(handle), forks.lock()
        fields, order = _fields(kinds)
        self.layout = struct.Struct(f"@{fields}")
        order += range(len(fields), len(fields) + len(scalars))
        fields += "".join(NUMBERS[kind] for kind in scalar_kinds)
        offsets = [struct.calcsize(f"@{fields[: i + 1]}") - struct.calcsize(fields[i]) for i in range(len(fields))]
        self.values = ctypes.create_string_buffer(struct.calcsize(f"@{fields}"))
        for field, offset, scalar in zip(fields[::-1], offsets[::-1], scalars[::-1], strict=False):
            self._pack(struct.Struct(field), offset, (scalar,))
        first = ctypes.addressof(self.values)
        self.pointers = (ctypes.c_void_p * len(order))(*(first + offsets[i] for i in order))
        self.parameters = ctypes.addressof(self.pointers)

    def __call__(self, blocks, threads, stream, values):
        """Launch with the numbers, then the words of the arrays, before the scalars; the driver copies them all.

        OverflowError where an integer does not fit, RuntimeError where the driver refuses.
        """
        with self.lock:
            self._pack(self.layout, 0, values)
            failed = self._launch_kernel(blocks, threads, stream)
            if failed == NO_CONTEXT:
                self.bind()
                failed = self._launch_kernel(blocks, threads, stream)
        if failed:
            _, text = self.driver.cuGetErrorString(self.driver.CUresult(failed))
            raise RuntimeError(f"{self.name}, {blocks} blocks of {threads} threads: {text.decode()} (error {failed})")

    def _pack(self, layout, offset, values):
        try:
            layout.pack_into(self.values, offset, *values)
        except struct.error as error:
            raise OverflowError(f"{self.name}: an argument does not fit its type ({error})") from error

    def _launch_kernel(self, blocks, threads, stream):
        (error,) = self.driver.cuLaunchKernel(
            self.handle, blocks, 1, 1, threads, 1, 1, 0, stream, self.parameters, 0
        )  # fmt: skip
        return int(error)


def _fields(kinds):
    """(formats of the numbers, then of the arrays; which of these fields each parameter of the kernel is)."""
    is_array = [isinstance(kind, np.dtype) for kind in kinds]
    numbers = "".join(NUMBERS[kind] for kind, array in zip(kinds, is_array, strict=True) if not array)
    order, number, word = [], 0, len(numbers)
    for array in is_array:
        if array:
            order += range(word, word + len(ARRAY))
            word += len(ARRAY)
        else:
            order.append(number)
            number += 1
    return numbers + ARRAY * sum(is_array), order


def _type_of(kind):
    """Numba type of a kind."""
    if isinstance(kind, np.dtype):
        return types.Array(from_dtype(kind), 1, "C")
    return TYPES[kind] if kind in TYPES else from_dtype(np.dtype(kind))


@lru_cache(maxsize=64)
def stream_at(pointer):
    """A CuPy stream as the driver takes it."""
    from cuda.bindings import driver

    return driver.CUstream(pointer)
