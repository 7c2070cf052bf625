"""Where kernels with faults, and the same kernels done right, are entered.

`case(kind, grid, block, *arguments)` enters a kernel in FAULTS, `right(...)` in RIGHT. Arguments are functions that
make them, so that each run has fresh arrays.
"""

import numpy as np

from gpuconv import emulator

FAULTS = {}
RIGHT = {}


def case(kind, grid, block, *arguments):
    """Enter a kernel whose fault is of a kind."""

    def enter(kernel):
        FAULTS[kernel.__name__] = (kind, kernel, grid, block, arguments)
        return kernel

    return enter


def right(grid, block, *arguments):
    """Enter a kernel that does nothing wrong."""

    def enter(kernel):
        RIGHT[kernel.__name__] = (kernel, grid, block, arguments)
        return kernel

    return enter


def floats(n):
    """An array of 0, 1, 2, ..."""
    return lambda: np.arange(n, dtype=np.float32)


def integers(n):
    """An array of int32 zeros."""
    return lambda: np.zeros(n, np.int32)


def unwritten(n):
    """Device memory that nothing has been written to."""
    return lambda: emulator.empty(n, np.float32)
