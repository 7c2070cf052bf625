"""Compiled kernels as the driver calls them: arguments packed where it reads them.

Numba's own launch makes an array of its own of each of CuPy's: 130 microseconds for a launch with two, half a
millisecond for a convolution's (the host of an H200, 2026-11). Here they are packed as Numba's ABI lays them out: an
array of one axis in seven words, a number as it is.
"""

import ctypes
import struct
import threading
from functools import lru_cache

import numpy as np
from numba import from_dtype, types

ARRAY = "QQqqQqq"
"""Two words of Numba's that kernels do not read, elements, bytes of one, address, length and stride."""

NUMBERS = {np.int32: "i", np.uint32: "I", np.int64: "q", np.uint64: "Q", np.float32: "f", np.float64: "d", float: "d"}
"""Formats of numbers by their types."""

NO_CONTEXT = 201
"""What the driver answers a thread that has not met the device."""


def array_words(a):
    """An array of CuPy's as the kernel's parameters have it."""
    size, each = a.size, a.itemsize
    return 0, 0, size, each, a.data.ptr, size, each


class Entry:
    """A kernel compiled for some kinds of arguments and loaded to the current device.

    Parameters
    ----------
    kernel
        Numba's, of cuda.jit.
    kinds : tuple
        A dtype for each array, a type for each number.
    bind : callable
        Makes the device's context the thread's.
    """

    def __init__(self, kernel, kinds, bind):
        from cuda.bindings import driver  # comes with numba-cuda

        compiled = kernel.compile(tuple(map(_type_of, kinds)))  # or taken from Numba's cache
        handle = int(compiled._codelibrary.get_cufunc().handle)  # Numba has no public name for it
        fields = "".join(ARRAY if isinstance(kind, np.dtype) else NUMBERS[kind] for kind in kinds)
        self.name, self.driver, self.bind = kernel.py_func.__name__, driver, bind
        self.handle, self.layout = driver.CUfunction(handle), struct.Struct(f"@{fields}")
        self.values, self.lock = ctypes.create_string_buffer(self.layout.size), threading.Lock()
        ends = [struct.calcsize(f"@{fields[: i + 1]}") for i in range(len(fields))]
        first = ctypes.addressof(self.values)
        places = [first + end - struct.calcsize(field) for end, field in zip(ends, fields, strict=True)]
        self.places = (ctypes.c_void_p * len(places))(*places)
        self.parameters = ctypes.addressof(self.places)

    def __call__(self, blocks, threads, stream, values):
        """Launch; the driver has copied the values when it returns. RuntimeError where it refuses."""
        with self.lock:
            self.layout.pack_into(self.values, 0, *values)
            error = self._launch(blocks, threads, stream)
            if error == NO_CONTEXT:
                self.bind()
                error = self._launch(blocks, threads, stream)
        if error:
            _, text = self.driver.cuGetErrorString(self.driver.CUresult(error))
            raise RuntimeError(f"{self.name}, {blocks} blocks of {threads} threads: {text.decode()} (error {error})")

    def _launch(self, blocks, threads, stream):
        (error,) = self.driver.cuLaunchKernel(
            self.handle, blocks, 1, 1, threads, 1, 1, 0, stream, self.parameters, 0
        )  # fmt: skip
        return int(error)


def _type_of(kind):
    """Numba's type of a kind."""
    if isinstance(kind, np.dtype):
        return types.Array(from_dtype(kind), 1, "C")
    return types.float64 if kind is float else from_dtype(np.dtype(kind))


@lru_cache(maxsize=64)
def stream_at(pointer):
    """A stream of CuPy's as the driver takes it."""
    from cuda.bindings import driver

    return driver.CUstream(pointer)
