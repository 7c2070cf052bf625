"""Matrix products on the CPU of which one side is a few numbers long: memory bounds them, and packing would double it.

In the arrays' type in vectors, with partial sums of some hundred terms that are added in float64.
"""

import numpy as np

from ...cpu.parallel import share, streaming, workspace, zeros
from ...cpu.simd import lanes_of, load, splat, store
from ...cpu.simd_compare import lane_sum, multiply_add

FEW, FEW_UNITS = 4, 16
"""Terms, or rows of a result, of a product that is bound by memory; units of a layer of rows that are not short."""
MIN_COLUMNS, MIN_TERMS = 32, 128
"""Columns of a row that is taken in vectors; terms of an inner product."""
CACHED_BYTES = 1 << 15
"""Of the rows of more than FEW terms or results (Granite Rapids, 2026-12)."""
PARTIAL_TERMS = 256
"""Of a sum in the arrays' type."""
TASK_COLUMNS = 64
"""Columns of the result that a thread takes, at least."""


def has_few_terms(c, terms):
    """Whether each element of C is a sum of few terms, and its rows are long."""
    return 0 < terms and _is_skinny(terms, c.shape[1], c.dtype.itemsize)


def has_few_rows(c):
    """Whether C has few, long rows."""
    return _is_skinny(*c.shape, c.dtype.itemsize)


def _is_skinny(few, columns, itemsize):
    """Whether so many rows are few: four, or more that stay in the first-level cache."""
    fits = few <= FEW_UNITS and few * columns * itemsize <= CACHED_BYTES
    return itemsize > 2 and columns >= MIN_COLUMNS and (few <= FEW or fits)


def has_few_units(x, w):
    """Whether a layer has few units, to be had by inner products with rows that are not short."""
    rows, length = x.shape
    return FEW < w.shape[0] <= FEW_UNITS and rows >= FEW and length >= MIN_TERMS and x.dtype.itemsize > 2


@streaming
def combine_rows(a, b, c, thread, threads):
    """C (M, N) = A (M, T) B (T, N) for few terms T; a thread takes rows of C. Bytes: C once."""
    lanes, terms, columns = lanes_of(c), a.shape[1], c.shape[1]
    flat_b, flat_c = b.reshape(-1), c.reshape(-1)
    first, last = share(c.shape[0], thread, threads)
    for i in range(first, last):
        for vector in range((columns + lanes - 1) // lanes):
            j = min(vector * lanes, columns - lanes)
            total = splat(c, a[i, 0]) * load(flat_b, j)
            for t in range(1, terms):
                total = multiply_add(splat(c, a[i, t]), load(flat_b, t * columns + j), total)
            store(flat_c, i * columns + j, total)


@streaming
def weighted_row_sums(x, weights, sums, thread, threads):
    """sums[k] = sum_m weights[m, k] x[m] for few k; a thread takes columns. Bytes: x once."""
    lanes, (count, columns) = lanes_of(sums), sums.shape
    flat, first, last = x.reshape(-1), *share(columns // lanes, thread, threads)
    partial, totals = workspace(count * columns, sums), np.zeros(count * columns)
    end = columns if thread == threads - 1 else last * lanes
    for top in range(0, x.shape[0], PARTIAL_TERMS):
        bottom = min(top + PARTIAL_TERMS, x.shape[0])
        partial[:] = 0
        # four rows at a time
        whole = top + (bottom - top) // 4 * 4
        for m in range(top, whole, 4):
            row = m * columns
            for vector in range(first, last):
                j = vector * lanes
                a, b = load(flat, row + j), load(flat, row + columns + j)
                c, d = load(flat, row + 2 * columns + j), load(flat, row + 3 * columns + j)
                for k in range(count):
                    total = multiply_add(splat(sums, weights[m, k]), a, load(partial, k * columns + j))
                    total = multiply_add(splat(sums, weights[m + 1, k]), b, total)
                    total = multiply_add(splat(sums, weights[m + 2, k]), c, total)
                    store(partial, k * columns + j, multiply_add(splat(sums, weights[m + 3, k]), d, total))
        # the rows that are left, and the columns of the last one
        for m in range(whole, bottom):
            for k in range(count):
                for j in range(first * lanes, last * lanes):
                    partial[k * columns + j] += weights[m, k] * x[m, j]
        for m in range(top, bottom if end > last * lanes else top):
            for k in range(count):
                for j in range(last * lanes, end):
                    partial[k * columns + j] += weights[m, k] * x[m, j]
        for k in range(count):
            for j in range(k * columns + first * lanes, k * columns + end):
                totals[j] += partial[j]
    for k in range(count):
        for j in range(first * lanes, end):
            sums[k, j] = totals[k * columns + j]


def inner_products(x, w, bias, y):
    """y[m, k] = <x[m], w[k]> + bias[k]."""
    flat = x.reshape(-1), w.reshape(-1), np.empty(0, y.dtype) if bias is None else bias
    _inner_products(x.shape[0], y.size * x.shape[1], *flat, x.shape[1], y)


@streaming
def _inner_products(x, w, bias, length, y, thread, threads):
    """Four units at a time; a thread takes rows of x. The last vector of a row is zero past its end."""
    lanes, units = lanes_of(y), y.shape[1]
    whole = length // lanes * lanes
    tails, tail = zeros((units + 3) * lanes, y), zeros(lanes, y)
    for k in range(units):
        tails[k * lanes : k * lanes + length - whole] = w[k * length + whole : (k + 1) * length]
    first, last = share(y.shape[0], thread, threads)
    for m in range(first, last):
        tail[: length - whole] = x[m * length + whole : (m + 1) * length]
        for first_unit in range(0, units, 4):
            k = min(first_unit, units - 4)
            s, t, u, v = 0.0, 0.0, 0.0, 0.0
            for start in range(0, whole, 16 * PARTIAL_TERMS):
                a, b, c, d = splat(y, 0), splat(y, 0), splat(y, 0), splat(y, 0)
                for j in range(start, min(start + 16 * PARTIAL_TERMS, whole), lanes):
                    value, row = load(x, m * length + j), k * length + j
                    a, b = multiply_add(value, load(w, row), a), multiply_add(value, load(w, row + length), b)
                    c = multiply_add(value, load(w, row + 2 * length), c)
                    d = multiply_add(value, load(w, row + 3 * length), d)
                s, t, u, v = s + lane_sum(a), t + lane_sum(b), u + lane_sum(c), v + lane_sum(d)
            value = load(tail, 0)
            s, t = s + lane_sum(value * load(tails, k * lanes)), t + lane_sum(value * load(tails, (k + 1) * lanes))
            u, v = (
                u + lane_sum(value * load(tails, (k + 2) * lanes)),
                v + lane_sum(value * load(tails, (k + 3) * lanes)),
            )
            y[m, k], y[m, k + 1], y[m, k + 2], y[m, k + 3] = s, t, u, v
        if bias.size:
            for k in range(units):
                y[m, k] += bias[k]
