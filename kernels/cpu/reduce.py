"""Sums on the CPU: blocks in the arrays' type, in vectors, the sum of the blocks in float64, in a fixed order.

Accurate, and the same bits for any number of threads. A block whose sum overflows is added again in float64: the mean
of numbers that float32 holds is finite.
"""

import numpy as np
from numba import njit

from .parallel import share, streaming

BLOCK_TERMS = 512
"""Summed in the arrays' type: some ten for each element of the vectors that they are added in."""
THREAD_TERMS = 8 * BLOCK_TERMS
"""Summed by one thread."""

blocked = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
"""Of sums in blocks: their loops become vectors of partial sums, whose order depends on the length alone."""


def total(values):
    """The sum of all values, in float64."""
    sums = block_sums(values)
    _sums(sums.size, values.size, values.reshape(-1), sums)
    return sums.sum() if sums.size != 1 else sums[0]


def sum_columns(values, sums):
    """sums[k] = sum_{n,i} values[n,k,i] for values (N, K, positions)."""
    if values.shape[2] == 1:
        _sums_of_columns(values.shape[1], values.size, values.reshape(values.shape[:2]), sums)
    else:
        _column_sums(values.shape[1], values.size, values, sums)


def block_sums(values):
    """Memory for a sum for each thread's stretch."""
    return np.empty(-(-values.size // THREAD_TERMS))


@blocked
def block_sum(terms):
    """The sum of a block in its type."""
    partial = terms.dtype.type(0)
    for i in range(terms.size):
        partial += terms[i]
    return partial


@blocked
def sum_in_float64(values):
    """The sum of a flat array, every term in float64, by one thread: for sums that take no longer than their memory."""
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total


@njit(cache=True, nogil=True)
def sum_in_blocks(values):
    """The sum of a flat array, in float64, by one thread."""
    total = 0.0
    for start in range(0, values.size, BLOCK_TERMS):
        terms = values[start : start + BLOCK_TERMS]
        partial = np.float64(block_sum(terms))
        if not np.isfinite(partial):
            partial = 0.0
            for i in range(terms.size):
                partial += terms[i]
        total += partial
    return total


def _sums_body(values, sums, thread, threads):
    first, last = share(sums.size, thread, threads)
    for i in range(first, last):
        sums[i] = sum_in_blocks(values[i * THREAD_TERMS : (i + 1) * THREAD_TERMS])


def _column_sums_body(values, sums, thread, threads):
    first, last = share(values.shape[1], thread, threads)
    for k in range(first, last):
        column = 0.0
        for n in range(values.shape[0]):
            column += sum_in_blocks(values[n, k])
        sums[k] = column


def _sums_of_columns_body(values, sums, thread, threads):
    """_column_sums_body for values (N, K), a vector of columns at a time."""
    first, last = share(values.shape[1], thread, threads)
    totals = np.zeros(last - first)
    for n in range(values.shape[0]):
        row = values[n, first:last]
        for k in range(row.size):
            totals[k] += row[k]
    for k in range(totals.size):
        sums[first + k] = totals[k]


_sums, _column_sums, _sums_of_columns = (
    streaming(body) for body in (_sums_body, _column_sums_body, _sums_of_columns_body)
)
