"""A warp for each row of contiguous classes: 128-bit accesses, shuffles, one pass for maximum and sum of exponentials.

A lane loads four neighboring classes, then those 128 further on. Where rows are not aligned to 128 bits, it loads them
one by one; past the last class it reads a fill value that the caller names. Exponentials are libdevice's: Numba inlines
our implementation at every call, and NVVM 13.0 emits no PTX with line numbers for so many copies.
"""

import math

from numba import float32

from ..core.scalar import added, corrected
from ..core.scalar_math import ONE, ZERO
from .launch import THREADS, WARP, cuda, int32, tiles, uint32
from .reduce import FULL_MASK
from .vectorized import FOUR, aligned, load4, store4

ROWS_PER_BLOCK = THREADS // WARP
CLASSES_PER_STEP = WARP * FOUR
"""Classes that a warp loads at once."""

LOWEST = float32("-inf")


def launch_warp_rows(kernel, arrays, *arguments):
    """Launch kernel(*arrays, vectors, classes, *arguments), a warp for each row of the arrays (rows, classes)."""
    count, classes = arrays[0].shape[0], arrays[0].shape[1]
    vectors = classes % FOUR == 0 and aligned(*arrays)
    tiles(kernel, -(-count // ROWS_PER_BLOCK), THREADS, *arrays, vectors, classes, *arguments)


@cuda.jit(device=True, inline="always")
def row_and_class(classes):
    """(row of the thread's warp, offset of that row, the thread's first class)."""
    row = uint32(uint32(cuda.blockIdx.x) * uint32(ROWS_PER_BLOCK) + uint32(cuda.threadIdx.x) // uint32(WARP))
    return row, uint32(row * uint32(classes)), int32(int32(cuda.threadIdx.x % WARP) * int32(FOUR))


@cuda.jit(device=True, inline="always")
def load_classes(x, start, c, classes, vectors, fill):
    """x[start + c], ..., x[start + c + 3]; past the end of the row `fill`."""
    at = uint32(start + uint32(c))
    if vectors:
        return load4(x, at)
    x1 = x[uint32(at + uint32(1))] if int32(c + 1) < classes else fill
    x2 = x[uint32(at + uint32(2))] if int32(c + 2) < classes else fill
    x3 = x[uint32(at + uint32(3))] if int32(c + 3) < classes else fill
    return x[at], x1, x2, x3


@cuda.jit(device=True, inline="always")
def store_classes(y, start, c, classes, vectors, values):
    """y[start + c : start + c + 4] = values, up to the end of the row."""
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
    """The sum over a warp's lanes, for all lanes; a butterfly, so every lane gets the same bits."""
    distance = int32(WARP // 2)
    while distance:
        total += cuda.shfl_xor_sync(FULL_MASK, total, distance)
        distance = int32(distance // 2)
    return total


@cuda.jit(device=True, inline="always")
def _rescaled(rest, largest, new):
    """The sum of exp(x - largest) but for one of the largest, as sum exp(x - new); unchanged where new is the largest.

    The one left out is 1, so the difference of two -inf is not formed.
    """
    return rest if largest == new else (rest + ONE) * math.exp(largest - new)


@cuda.jit(device=True, inline="always")
def _power(x, base):
    """exp(x - base), and 1 if x is the base."""
    difference = x - base
    won = difference == ZERO
    return (ZERO, ONE) if won else (math.exp(difference), ZERO)


@cuda.jit(device=True, inline="always")
def sum_exponentials(x, start, c, classes, vectors):
    """(max, sum_c exp(x_c - max) less 1 for the maximum) of a row, in one pass; for all lanes of its warp.

    Milakov and Gimelshein, 2018. Where the others are all but nothing, the logarithm and 1 - softmax need what the
    whole sum would lose.
    """
    largest, rest, error = x.dtype.type(LOWEST), x.dtype.type(0), x.dtype.type(0)
    while c < classes:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, x.dtype.type(LOWEST))
        new = max(largest, x0, x1, x2, x3)
        base = ZERO if new == LOWEST else new  # -inf masks classes out; less -inf it would be NaN
        (p0, n0), (p1, n1), (p2, n2), (p3, n3) = _power(x0, base), _power(x1, base), _power(x2, base), _power(x3, base)
        # what was added so far, by the new maximum
        if new > largest:
            rest, error = _rescaled(corrected(rest, error), largest, new), x.dtype.type(0)
        # four powers; of the largest, which are 1, one is left out
        winners = ((n0 + n1) + (n2 + n3)) - (ONE if new > largest else ZERO)
        rest, error = added(rest, error, ((p0 + p1) + (p2 + p3)) + winners)
        largest, c = new, int32(c + CLASSES_PER_STEP)
    return _merge_lanes(largest, corrected(rest, error))


@cuda.jit(device=True, inline="always")
def _merge_lanes(largest, rest):
    """(max, sum of exponentials less 1) over a warp's lanes from those of each lane."""
    distance = int32(WARP // 2)
    while distance:
        other_largest, other_rest = (
            cuda.shfl_xor_sync(FULL_MASK, largest, distance),
            cuda.shfl_xor_sync(FULL_MASK, rest, distance),
        )
        both = max(largest, other_largest)
        one_more = ONE if largest == other_largest else ZERO
        rest = (_rescaled(rest, largest, both) + _rescaled(other_rest, other_largest, both)) + one_more
        largest, distance = both, int32(distance // 2)
    return largest, rest
