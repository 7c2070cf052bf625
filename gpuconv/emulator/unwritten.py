"""Memory of `emulator.empty`: which of its bytes nobody has written yet.

It is filled with a pattern, a random word of 8 bytes for each array. What Python code has written since is found by
comparing elements of at least 4 bytes, and 8 bytes of smaller elements at once, so that no value that it writes passes
for the pattern but by a chance of 2^-32.
"""

import weakref
from typing import Any

import numpy as np

_GENERATOR = np.random.default_rng(0xCB)


class Fill:
    """The pattern of an array, and its shadow: one byte for each byte, 1 once written."""

    def __init__(self, array: Any) -> None:
        self.array = weakref.ref(array, lambda _: _FILLS.pop(self.low, None))
        self.low, self.bytes = array.ctypes.data, array.nbytes
        self.unit = 8 if array.itemsize % 4 or array.itemsize % 8 == 0 else 4
        self.word = _GENERATOR.integers(1, 256, 8, np.uint8)
        self.shadow = np.zeros(array.nbytes, np.uint8)
        self.complete = False
        memory = array.reshape(-1).view(np.uint8)
        whole = memory.size // 8 * 8
        memory[:whole].view(np.uint64)[...] = self.word.view(np.uint64)
        memory[whole:] = self.word[: memory.size - whole]

    def update(self, memory: Any) -> None:
        """Mark the bytes of units that no longer hold the pattern."""
        unit, type_ = self.unit, np.uint64 if self.unit == 8 else np.uint32
        whole = memory.size // unit * unit
        changed = memory[:whole].view(type_) != np.resize(self.word.view(type_), whole // unit)
        self.shadow[:whole].view(type_)[changed] = type_(0x0101010101010101 % 256**unit)
        # a shorter rest: fewer than 4 bytes go with the unit before them
        rest = memory[whole:]
        if rest.size:
            start = whole % 8
            differs = bool((rest != self.word[start : start + rest.size]).any())
            small = rest.size < 4 and (whole == 0 or bool(self.shadow[whole - 1]))
            if differs or small:
                self.shadow[whole:] = 1
        self.complete = bool(self.shadow.all())


_FILLS: dict[int, Fill] = {}
"""Address of an array from `empty` -> its fill."""


def empty(shape: Any, dtype: Any = np.float32) -> Any:
    """Allocate uninitialized device memory: a kernel that reads it before writing it is reported.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype

    Returns
    -------
    numpy.ndarray
        Filled with arbitrary bytes. What Python code writes to it, whatever the value, counts as written from the next
        launch on; of elements smaller than 4 bytes, the aligned 8 bytes around each one.

    Examples
    --------
    >>> from gpuconv import emulator
    >>> emulator.empty((2, 3)).shape
    (2, 3)
    """
    array = np.empty(shape, dtype)
    if array.nbytes:
        _FILLS[array.ctypes.data] = Fill(array)
    return array


def shadow_of(low: int, high: int) -> Any:
    """Shadow of addresses within memory from `empty`; None for other memory, and if all of it has been written."""
    for fill in _FILLS.values():
        array = fill.array()
        if array is not None and fill.low <= low and high <= fill.low + fill.bytes:
            if not fill.complete:
                fill.update(array.reshape(-1).view(np.uint8))
            return None if fill.complete else fill.shadow[low - fill.low : high - fill.low]
    return None
