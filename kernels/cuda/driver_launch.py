"""Compiled kernels as the driver calls them: arguments packed where it reads them.

Numba's own launch makes an array of its own of each of CuPy's: 130 microseconds for a launch with two, half a
millisecond for a convolution's (the host of an H200, 2026-11). Here they are packed as Numba's ABI lays them out: an
array of one axis in seven words, a number as it is. What follows from the types alone is found once.
"""

import ctypes
import struct
import threading
from functools import lru_cache
from operator import itemgetter

import numpy as np
from numba import from_dtype, types

ARRAY = "QQqqQqq"
"""Two words of Numba's that kernels do not read, elements, bytes of one, address, length and stride."""

NUMBERS = {
    int: "i", bool: "i", np.int32: "i", np.uint32: "I", np.int64: "q", np.uint64: "Q",
    float: "d", np.float32: "f", np.float64: "d",
}  # fmt: skip
"""Formats of numbers by their types. Integers travel as int32."""

TYPES = {int: types.int32, bool: types.int32, float: types.float64}
"""Numba's types of Python's numbers."""

NO_CONTEXT = 201
"""What the driver answers a thread that has not met the device."""


def place_of(a):
    """(address, device) of an array of CuPy's."""
    return a.data.ptr, a.data.device_id


class Call:
    """How a kernel takes arguments of some types; there is an Entry for each device and the arrays' dtypes.

    Parameters
    ----------
    kernel
        Numba's, of cuda.jit.
    kinds : tuple of type
        Of the arguments; what is no number is an array, or has one on the device.
    """

    def __init__(self, kernel, kinds):
        self.kernel, self.kinds, self.entries = kernel, kinds, {}
        self.arrays = [i for i, kind in enumerate(kinds) if kind not in NUMBERS]
        positions = [i for i, kind in enumerate(kinds) if kind in NUMBERS]
        self.numbers = itemgetter(*positions) if len(positions) > 1 else lambda a: tuple(a[i] for i in positions)

    def entry(self, device, dtypes, bind):
        """The Entry for arrays of some dtypes on a device; `bind` makes its context the thread's."""
        bind()
        dtype_of = dict(zip(self.arrays, dtypes, strict=True))
        signature = [dtype_of.get(i, kind) for i, kind in enumerate(self.kinds)]
        self.entries[device, dtypes] = made = Entry(self.kernel, signature, bind)
        return made


class Entry:
    """A kernel compiled for some kinds of arguments and loaded to the current device.

    Parameters
    ----------
    kernel
        Numba's, of cuda.jit.
    kinds : list
        A dtype for each array, a type for each number.
    bind : callable
        Makes the device's context the thread's.
    """

    def __init__(self, kernel, kinds, bind):
        from cuda.bindings import driver  # comes with numba-cuda

        compiled = kernel.compile(tuple(map(_type_of, kinds)))  # or taken from Numba's cache
        handle = int(compiled._codelibrary.get_cufunc().handle)  # Numba has no public name for it
        self.name, self.driver, self.bind = kernel.py_func.__name__, driver, bind
        self.handle, self.lock = driver.CUfunction(handle), threading.Lock()
        fields, order = _fields(kinds)
        self.layout = struct.Struct(f"@{fields}")
        self.values = ctypes.create_string_buffer(self.layout.size)
        ends = [struct.calcsize(f"@{fields[: i + 1]}") for i in range(len(fields))]
        first = ctypes.addressof(self.values)
        places = [first + end - struct.calcsize(field) for end, field in zip(ends, fields, strict=True)]
        self.places = (ctypes.c_void_p * len(places))(*(places[i] for i in order))
        self.parameters = ctypes.addressof(self.places)

    def __call__(self, blocks, threads, stream, values):
        """Launch with the numbers, then the words of the arrays; the driver has copied them when it returns.

        OverflowError where an integer does not fit, RuntimeError where the driver refuses.
        """
        with self.lock:
            try:
                self.layout.pack_into(self.values, 0, *values)
            except struct.error as error:
                raise OverflowError(f"{self.name}: an argument does not fit its type ({error})") from error
            failed = self._launch(blocks, threads, stream)
            if failed == NO_CONTEXT:
                self.bind()
                failed = self._launch(blocks, threads, stream)
        if failed:
            _, text = self.driver.cuGetErrorString(self.driver.CUresult(failed))
            raise RuntimeError(f"{self.name}, {blocks} blocks of {threads} threads: {text.decode()} (error {failed})")

    def _launch(self, blocks, threads, stream):
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
    """Numba's type of a kind."""
    if isinstance(kind, np.dtype):
        return types.Array(from_dtype(kind), 1, "C")
    return TYPES[kind] if kind in TYPES else from_dtype(np.dtype(kind))


@lru_cache(maxsize=64)
def stream_at(pointer):
    """A stream of CuPy's as the driver takes it."""
    from cuda.bindings import driver

    return driver.CUstream(pointer)
