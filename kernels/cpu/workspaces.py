"""Memory that a kernel works in, aligned to a vector: one that crosses a cache line costs as much as two.

Numba aligns to 32 bytes, half of an AVX-512 vector (0.68).
"""

import numpy as np
from numba import njit

from ..core.memory import LINE


@njit(cache=True, nogil=True)
def workspace(size, like):
    """A flat array of so many elements of an array's type, not initialised."""
    room = np.empty(size + LINE // like.itemsize, like.dtype)
    first = -room.ctypes.data % LINE // like.itemsize
    return room[first : first + size]


@njit(cache=True, nogil=True)
def zeros(size, like):
    """The same of zeros."""
    room = workspace(size, like)
    room[:] = 0
    return room
