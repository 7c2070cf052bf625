"""Resampling on the CPU (padding, cropping, resizing): a thread takes whole rows of the result.

The longest run of a row that copies a row of x is added in vectors, the rest term by term. Bytes a call: x once for
each term along the outer axes, y once.
"""

import math

import numpy as np
from numba import njit

from ..cpu.parallel import share, streaming


def resample(x, tables, fill, y):
    """y[o, p, q, j] = sum over the terms of p, q and j of weights times x; fill where an axis has no terms.

    x (outer, I0, I1, I2), y (outer, O0, O1, O2), three resampling tables.
    """
    arrays = [a for t in tables for a in (t.starts, t.sources, t.weights.astype(x.dtype))]
    rows, terms = y.shape[0] * y.shape[1] * y.shape[2], math.prod(np.diff(t.starts).max(initial=0) for t in tables)
    if terms <= FEW_TERMS:
        _resample(rows, 2 * y.size, x, *arrays, tables[2].run, fill, y)
    else:
        _resample_many(rows, x.size, x, *arrays, fill, y)


FEW_TERMS = 64
"""Of an element, added in the arrays' type; more, as in the gradient of a map of one pixel, are added in float64."""


@streaming
def _resample(
    x, a_starts, a_sources, a_weights, b_starts, b_sources, b_weights, starts, sources, weights, run, fill, y,
    thread, threads,
):  # fmt: skip
    """x (outer, I0, I1, I2), y (outer, O0, O1, O2); tables a, b of the outer axes, one of the columns."""
    P, Q, columns = y.shape[1:]
    low, high, shift = run
    first, last = share(y.shape[0] * P * Q, thread, threads)
    for row in range(first, last):
        # rows without terms
        o, p, q = row // (P * Q), row // Q % P, row % Q
        target = y[o, p, q]
        if a_starts[p] == a_starts[p + 1] or b_starts[q] == b_starts[q + 1]:
            for j in range(columns):
                target[j] = fill
            continue
        # weighted sum of the source rows, from -0, to which any number, -0 too, is added unchanged
        for j in range(columns):
            target[j] = -0.0
        for s in range(a_starts[p], a_starts[p + 1]):
            for t in range(b_starts[q], b_starts[q + 1]):
                source, weight = x[o, a_sources[s], b_sources[t]], a_weights[s] * b_weights[t]
                _add_terms(source, weight, starts, sources, weights, 0, low, target)
                _add_copy(source[low - shift : high - shift], weight, target[low:high])
                _add_terms(source, weight, starts, sources, weights, high, columns, target)
        # columns without terms
        _fill(starts, 0, low, fill, target)
        _fill(starts, high, columns, fill, target)


@streaming
def _resample_many(
    x, a_starts, a_sources, a_weights, b_starts, b_sources, b_weights, starts, sources, weights, fill, y,
    thread, threads,
):  # fmt: skip
    """As _resample, where elements have many terms: each is one sum in float64."""
    P, Q, columns = y.shape[1:]
    first, last = share(y.shape[0] * P * Q, thread, threads)
    for row in range(first, last):
        o, p, q = row // (P * Q), row // Q % P, row % Q
        for j in range(columns):
            total, count = -0.0, 0
            for s in range(a_starts[p], a_starts[p + 1]):
                for t in range(b_starts[q], b_starts[q + 1]):
                    source, weight = x[o, a_sources[s], b_sources[t]], np.float64(a_weights[s] * b_weights[t])
                    for u in range(starts[j], starts[j + 1]):
                        total += weight * weights[u] * source[np.int64(sources[u])]
                        count += 1
            y[o, p, q, j] = total if count else fill


@njit(cache=True, nogil=True)
def _add_copy(source, weight, target):
    """target += weight source."""
    for j in range(target.size):
        target[j] += weight * source[j]


@njit(cache=True, nogil=True)
def _add_terms(source, weight, starts, sources, weights, first, last, target):
    """target[j] += weight sum_t weights[t] source[sources[t]] over the terms t of j."""
    for j in range(first, last):
        for t in range(starts[j], starts[j + 1]):
            target[j] += weight * weights[t] * source[np.int64(sources[t])]


@njit(cache=True, nogil=True)
def _fill(starts, first, last, fill, target):
    """target[j] = fill for the columns first <= j < last without terms."""
    for j in range(first, last):
        if starts[j] == starts[j + 1]:
            target[j] = fill
