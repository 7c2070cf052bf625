"""Registries of the catalog.

`buggy(kind, grid, block, *arguments)` registers a kernel in BUGGY: the fault is on a line marked `# FAULT`.
`correct(grid, block, *arguments, result=...)` registers one in CORRECT: `result` is what its last argument holds then.
Arguments are factories, so that every run gets new arrays.
"""

import numpy as np

from gpuconv import emulator

BUGGY = {}
CORRECT = {}


def buggy(kind, grid, block, *arguments, seeds=(0, 1, 5)):
    """Register a kernel with a bug."""

    def enter(kernel):
        BUGGY[kernel.__name__] = (kind, kernel, grid, block, arguments, seeds)
        return kernel

    return enter


def correct(grid, block, *arguments, result=None, cooperative=False):
    """Register a correct kernel."""

    def enter(kernel):
        CORRECT[kernel.__name__] = (kernel, grid, block, arguments, result, cooperative)
        return kernel

    return enter


def ramp(n, dtype=np.float32):
    """0, 1, 2, ..."""
    return lambda: np.arange(n).astype(dtype)


def zeros(n, dtype=np.int32):
    """Zeros."""
    return lambda: np.zeros(n, dtype)


def spread(n, bins):
    """Numbers below `bins` that repeat in every warp."""
    return lambda: (np.arange(n) * 7 % bins).astype(np.int32)


def unwritten(n, dtype=np.float32):
    """Uninitialized device memory."""
    return lambda: emulator.empty(n, dtype)
