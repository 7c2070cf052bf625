"""Registries of faulty and of correct kernels.

`case(kind, grid, block, *arguments)` registers a kernel in FAULTS, `correct(...)` in CORRECT. Arguments are factories,
so that every run gets new arrays.
"""

import numpy as np

from gpuconv import emulator

FAULTS = {}
CORRECT = {}


def case(kind, grid, block, *arguments):
    """Register a kernel with a fault of a kind."""

    def enter(kernel):
        FAULTS[kernel.__name__] = (kind, kernel, grid, block, arguments)
        return kernel

    return enter


def correct(grid, block, *arguments):
    """Register a correct kernel."""

    def enter(kernel):
        CORRECT[kernel.__name__] = (kernel, grid, block, arguments)
        return kernel

    return enter


def floats(n):
    """An array of 0, 1, 2, ..."""
    return lambda: np.arange(n, dtype=np.float32)


def integers(n):
    """An array of int32 zeros."""
    return lambda: np.zeros(n, np.int32)


def unwritten(n):
    """Uninitialized device memory."""
    return lambda: emulator.empty(n, np.float32)
