"""Sums on the CPU: blocks in the arrays' type, the sum of the blocks in float64, in a fixed order.

Accurate, and the same bits for any number of threads.
"""

import numpy as np

from .parallel import share, streaming

BLOCK_TERMS = 4096  # summed in the arrays' type


def total(values):
    """The sum of all values, in float64."""
    sums = block_sums(values)
    _sums(sums.size, values.size, values.reshape(-1), sums)
    return sums.sum() if sums.size != 1 else sums[0]


def sum_columns(values, sums):
    """sums[k] = sum_{n,i} values[n,k,i] for values (N, K, positions)."""
    _column_sums(values.shape[1], values.size, values, sums)


def block_sums(values):
    """Memory for a sum for each block."""
    return np.empty(-(-values.size // BLOCK_TERMS))


def _sums_body(values, sums, thread, threads):
    first, last = share(sums.size, thread, threads)
    for block in range(first, last):
        terms, partial = values[block * BLOCK_TERMS : (block + 1) * BLOCK_TERMS], values.dtype.type(0)
        for i in range(terms.size):
            partial += terms[i]
        sums[block] = partial


def _column_sums_body(values, sums, thread, threads):
    first, last = share(values.shape[1], thread, threads)
    for k in range(first, last):
        column = 0.0
        for n in range(values.shape[0]):
            for start in range(0, values.shape[2], BLOCK_TERMS):
                terms, partial = values[n, k, start : start + BLOCK_TERMS], sums.dtype.type(0)
                for i in range(terms.size):
                    partial += terms[i]
                column += partial
        sums[k] = column


_sums, _column_sums = (streaming(body, fastmath={"reassoc", "nsz"}) for body in (_sums_body, _column_sums_body))
