"""A warp for each row of classes that lie side by side: 128-bit accesses, shuffles, one pass for the exponentials.

A lane takes four neighbouring classes, then those 128 further on. Where 128-bit accesses do not reach every row, it
takes them one by one; behind the last class it finds a number that the caller names. Exponentials are libdevice's:
Numba inlines our own in each place, and of so many copies NVVM 13.0 makes no PTX with line numbers.
"""

import math

from numba import float32

from ..core.scalar_math import ZERO
from .launch import THREADS, WARP, cuda, int32, tiles, uint32
from .reduce import FULL_MASK
from .vectorized import FOUR, aligned, load4, store4

ROWS_PER_BLOCK = THREADS // WARP
"""Rows of a block."""

CLASSES_PER_STEP = WARP * FOUR
"""Classes that a warp takes at once."""

LOWEST = float32("-inf")


def launch_warp_rows(kernel, arrays, *arguments):
    """Launch kernel(*arrays, vectors, classes, *arguments) with a warp for each row of the arrays (rows, classes)."""
    count, classes = arrays[0].shape[0], arrays[0].shape[1]
    vectors = classes % FOUR == 0 and aligned(*arrays)
    tiles(kernel, -(-count // ROWS_PER_BLOCK), THREADS, *arrays, vectors, classes, *arguments)


@cuda.jit(device=True, inline="always")
def row_and_class(classes):
    """(the row of a thread's warp, where it starts, the thread's first class)."""
    row = uint32(uint32(cuda.blockIdx.x) * uint32(ROWS_PER_BLOCK) + uint32(cuda.threadIdx.x) // uint32(WARP))
    return row, uint32(row * uint32(classes)), int32(int32(cuda.threadIdx.x % WARP) * int32(FOUR))


@cuda.jit(device=True, inline="always")
def load_classes(x, start, c, classes, vectors, beyond):
    """x[start + c], ..., x[start + c + 3]; behind the row's end the number given."""
    at = uint32(start + uint32(c))
    if vectors:
        return load4(x, at)
    x1 = x[uint32(at + uint32(1))] if int32(c + 1) < classes else beyond
    x2 = x[uint32(at + uint32(2))] if int32(c + 2) < classes else beyond
    x3 = x[uint32(at + uint32(3))] if int32(c + 3) < classes else beyond
    return x[at], x1, x2, x3


@cuda.jit(device=True, inline="always")
def store_classes(y, start, c, classes, vectors, values):
    """y[start + c : start + c + 4] = values, as far as the row goes."""
    at = uint32(start + uint32(c))
    if vectors:
        store4(y, at, values)
        return
    y[at] = values[0]
    if int32(c + 1) < classes:
        y[uint32(at + uint32(1))] = values[1]
    if int32(c + 2) < classes:
        y[uint32(at + uint32(2))] = values[2]
    if int32(c + 3) < classes:
        y[uint32(at + uint32(3))] = values[3]


@cuda.jit(device=True, inline="always")
def warp_sum(total):
    """The sum over a warp's lanes, for all of them; in the same order for each."""
    apart = int32(WARP // 2)
    while apart:
        total += cuda.shfl_xor_sync(FULL_MASK, total, apart)
        apart = int32(apart // 2)
    return total


@cuda.jit(device=True, inline="always")
def _shrunk(total, largest, new):
    """A sum of exponentials less `largest`, as one less `new`. Nothing shrinks by infinity less infinity."""
    return total if largest == new else total * math.exp(largest - new)


@cuda.jit(device=True, inline="always")
def sum_exponentials(x, start, c, classes, vectors):
    """(max, sum_c exp(x_c - max)) of a row, in one pass (Milakov and Gimelshein, 2018); for all lanes of its warp."""
    largest, total = x.dtype.type(LOWEST), x.dtype.type(0)
    while c < classes:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, x.dtype.type(LOWEST))
        new = max(largest, x0, x1, x2, x3)
        base = ZERO if new == LOWEST else new  # -inf masks classes out; less -inf it would be NaN
        total = _shrunk(total, largest, new) + (
            (math.exp(x0 - base) + math.exp(x1 - base)) + (math.exp(x2 - base) + math.exp(x3 - base))
        )
        largest, c = new, int32(c + CLASSES_PER_STEP)
    return _merged(largest, total)


@cuda.jit(device=True, inline="always")
def _merged(largest, total):
    """The lanes' sums of exponentials, each less its lane's maximum, as one less the largest."""
    apart = int32(WARP // 2)
    while apart:
        its_largest, its_total = (
            cuda.shfl_xor_sync(FULL_MASK, largest, apart),
            cuda.shfl_xor_sync(FULL_MASK, total, apart),
        )
        both = max(largest, its_largest)
        total = _shrunk(total, largest, both) + _shrunk(its_total, its_largest, both)
        largest, apart = both, int32(apart // 2)
    return largest, total
