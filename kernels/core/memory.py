"""Memory for results on the CPU: blocks that nobody holds any more are used again.

The C library gives large blocks back to the system when they are freed, and gets them anew, page by page: 660 page
faults and a fifth of the time of a LeNet's training step (Zen 3, one thread, 2026-11). A block is free again once no
array refers to it, which its reference count says.
"""

import math
import sys
import threading
from collections import deque
from typing import Any

import numpy as np

SMALLEST, LARGEST = 1 << 17, 1 << 26
"""Bytes of blocks worth keeping: smaller ones are not given back, and what is far larger costs more than its pages."""
KEPT = 1 << 28
"""Bytes kept at most, in use or not: as much as training a ResNet-8 at batch 64 goes through twice over."""
LINE = 64
"""Bytes of a cache line, and of the longest vectors."""
TRIES = 4
"""Blocks looked at before a new one is made; the ones handed out first, which are mostly free first, come first."""

_blocks: dict[int, deque[np.ndarray[Any, Any]]] = {}
_changing = threading.Lock()


def new(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """An array like numpy.empty's, in a block that was used before where there is one.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    NumPy array
        Not initialised; a large one begins where a cache line does: a vector in two lines takes twice as long.
    """
    if is_small(shape, dtype):
        return np.empty(shape, dtype)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    block = _take(size) if COUNTED and size <= LARGEST else np.empty(size + LINE, np.uint8)
    # Not a slice of the block: NumPy would let the array refer to the block itself, and the slice's count say nothing.
    return np.ndarray(shape, dtype, block, -block.__array_interface__["data"][0] % LINE)


def is_small(shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether `new` leaves an array of this size to NumPy."""
    return math.prod(shape) * np.dtype(dtype).itemsize < SMALLEST


def forget() -> None:
    """Let go of every block; those in use live on with their arrays."""
    with _changing:
        _blocks.clear()


def _take(size: int) -> np.ndarray[Any, Any]:
    """A block of so many bytes and a line. A thread that looks at a block refers to it, so no two find it free."""
    queue = _blocks.get(size) or deque()
    for _ in range(min(TRIES, len(queue))):
        try:
            block, references = _first(queue)
        except IndexError:  # another thread was faster
            break
        queue.append(block)
        if references == UNUSED:
            return block
    block = np.empty(size + LINE, np.uint8)
    _keep(size, block)
    return block


def _keep(size: int, block: np.ndarray[Any, Any]) -> None:
    """Remember a block; where that is too much, all of the sizes first seen are let go."""
    with _changing:
        kept = sum(bytes_each * len(queue) for bytes_each, queue in _blocks.items())
        while kept + size > KEPT:
            oldest = next(iter(_blocks))
            kept -= oldest * len(_blocks.pop(oldest))
        _blocks.setdefault(size, deque()).append(block)


def _first(queue: deque[np.ndarray[Any, Any]]) -> tuple[np.ndarray[Any, Any], int]:
    """The first block of a queue, taken out, and how many refer to it."""
    block = queue.popleft()
    return block, sys.getrefcount(block)


UNUSED = _first(deque([np.empty(1, np.uint8)]))[1]
"""References to a free block, as this very interpreter counts them: versions differ in what a local variable adds."""

COUNTED: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether the counts can be relied on: without the interpreter's lock another thread may refer to a block unseen."""
