"""A memory pool for results on the CPU: blocks that nothing refers to are reused.

The C library gives large blocks back to the system when they are freed, and gets them anew, page by page: 660 page
faults and a fifth of the time of a LeNet's training step (Zen 3, one thread, 2026-11). A block is free again once no
array refers to it, which its reference count says.
"""

import math
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import forks

POOLED_MIN_BYTES, POOLED_MAX_BYTES = 1 << 17, 1 << 26
"""Sizes of pooled blocks: the C library keeps smaller ones itself, and page faults are a small part of larger ones."""
POOL_BYTES = 1 << 28
"""Limit of the pool, blocks in use included: twice what training a ResNet-8 at batch 64 allocates."""
LINE_BYTES = 64
"""Of a cache line, and of the longest vectors."""
MAX_TRIES = 4
"""Blocks looked at before a new one is allocated, in the order in which they were handed out."""

provider: Callable[[tuple[int, ...], Any], np.ndarray[Any, Any]] | None = None
"""What `new` takes memory from instead of the pool; `provided_by` sets it."""

_blocks: dict[int, deque[np.ndarray[Any, Any]]] = {}
_changing = forks.lock()


def new(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """An array like numpy.empty's, in a free block of the pool if it has one.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    NumPy array
        Not initialised; a large one begins where a cache line does: a vector in two lines takes twice as long.
    """
    if provider is not None:
        return provider(shape, dtype)
    if is_small(shape, dtype):
        return np.empty(shape, dtype)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    block = _take(size) if COUNTED and size <= POOLED_MAX_BYTES else np.empty(size + LINE_BYTES, np.uint8)
    # Not a slice of the block: NumPy would let the array refer to the block itself, and the slice's count say nothing.
    return np.ndarray(shape, dtype, block, -block.__array_interface__["data"][0] % LINE_BYTES)


@contextmanager
def provided_by(allocate: Callable[[tuple[int, ...], Any], np.ndarray[Any, Any]]) -> Iterator[None]:
    """Within the block, take memory from allocate(shape, dtype): poisoned, or between guard pages, for tests."""
    global provider  # noqa: PLW0603
    previous, provider = provider, allocate
    try:
        yield
    finally:
        provider = previous


def is_small(shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether `new` leaves an array of this size to NumPy."""
    return provider is None and math.prod(shape) * np.dtype(dtype).itemsize < POOLED_MIN_BYTES


def forget() -> None:
    """Empty the pool; blocks in use live on with their arrays."""
    with _changing:
        _blocks.clear()


def _take(size: int) -> np.ndarray[Any, Any]:
    """A block of so many bytes and a cache line. To look at a block is to refer to it: no two threads find it free."""
    queue = _blocks.get(size) or deque()
    for _ in range(min(MAX_TRIES, len(queue))):
        try:
            block, references = _first(queue)
        except IndexError:  # another thread was faster
            break
        queue.append(block)
        if references == UNUSED:
            return block
    block = np.empty(size + LINE_BYTES, np.uint8)
    _keep(size, block)
    return block


def _keep(size: int, block: np.ndarray[Any, Any]) -> None:
    """Add a block to the pool; where that exceeds its limit, drop all blocks of the sizes that were first used."""
    with _changing:
        kept = sum(bytes_each * len(queue) for bytes_each, queue in _blocks.items())
        while kept + size > POOL_BYTES:
            oldest = next(iter(_blocks))
            kept -= oldest * len(_blocks.pop(oldest))
        _blocks.setdefault(size, deque()).append(block)


def _first(queue: deque[np.ndarray[Any, Any]]) -> tuple[np.ndarray[Any, Any], int]:
    """Pop the first block of a queue; the block and its reference count."""
    block = queue.popleft()
    return block, sys.getrefcount(block)


UNUSED = _first(deque([np.empty(1, np.uint8)]))[1]
"""Reference count of a free block in this interpreter: versions differ in what a local variable adds."""

COUNTED: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether the counts can be relied on: without the GIL another thread may refer to a block unseen."""
