"""One row of classes at a time, in contiguous memory of its own: what softmax and cross-entropy have in common.

A row is copied first, so that the loops below run over contiguous memory whichever axis the classes lie along.
"""

import numpy as np
from numba import njit

from ...core.scalar_math import exp_nonpositive
from ...cpu import simd
from ...cpu.simd import lanes_of, larger, largest_lane
from ...cpu.simd_rows import AHEAD, prefetch_row


@njit(cache=True, nogil=True)
def largest_of(row):
    """The largest element; not always NaN if one is, but then the exponentials' sum is."""
    lanes = lanes_of(row)
    if row.size < lanes:
        largest = row[0]
        for c in range(1, row.size):
            largest = max(largest, row[c])
        return largest
    best, other = simd.load(row, 0), simd.load(row, row.size - lanes)
    for c in range(lanes, row.size - lanes, 2 * lanes):  # two at a time: each waits for the one before it
        best = larger(simd.load(row, c), best)
        other = larger(simd.load(row, min(c + lanes, row.size - lanes)), other)
    return largest_lane(larger(best, other))


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def sum_of_row(row):
    """The sum of a row; the order depends on nothing but its length."""
    total = row.dtype.type(0)
    for c in range(row.size):
        total += row[c]
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def product_of_rows(a, b):
    """The inner product of two rows."""
    total = a.dtype.type(0)
    for c in range(a.size):
        total += a[c] * b[c]
    return total


@njit(inline="always")
def place(i, classes, inner):
    """Where row i of a flat array (outer, classes, inner) begins."""
    return np.uint64(i * classes if inner == 1 else i // inner * classes * inner + i % inner)


@njit(cache=True, nogil=True)
def load(x, start, inner, row):
    """row[c] = x[start + c inner]."""
    if inner == 1:  # a loop of its own, of which LLVM makes vectors
        for c in range(row.size):
            row[c] = x[start + np.uint64(c)]
        prefetch_row(x, start + np.uint64(AHEAD), row.size)
    else:
        for c in range(row.size):
            row[c] = x[start + np.uint64(c * inner)]


@njit(cache=True, nogil=True)
def store(row, x, start, inner):
    """x[start + c inner] = row[c]."""
    if inner == 1:
        for c in range(row.size):
            x[start + np.uint64(c)] = row[c]
        prefetch_row(x, start + np.uint64(AHEAD), row.size)
    else:
        for c in range(row.size):
            x[start + np.uint64(c * inner)] = row[c]


@njit(cache=True, nogil=True)
def exponentials(row, result):
    """result = exp(row - max), in memory of its own or LLVM cannot make vectors of it; their sum, and the maximum."""
    largest = largest_of(row)
    for c in range(row.size):
        result[c] = exp_nonpositive(row[c] - largest)
    return sum_of_row(result), largest
