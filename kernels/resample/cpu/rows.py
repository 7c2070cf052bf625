"""Resampling on the CPU a row at a time: a thread takes whole rows of the result.

The longest run of a row that copies a row of x is copied in vectors, the rest term by term.
"""

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming, zeros
from ...cpu.simd_rows import add_row, copy_row


@streaming
def resample(
    x, a_starts, a_sources, a_weights, b_starts, b_sources, b_weights, starts, sources, weights, run, fill, y,
    thread, threads,
):  # fmt: skip
    """x (outer, I0, I1, I2), y (outer, O0, O1, O2); tables a, b of the outer axes, one of the columns."""
    P, Q, columns, size = y.shape[1], y.shape[2], y.shape[3], x.shape[3]
    flat_x, flat_y, line = x.reshape(-1), y.reshape(-1), zeros(size, y.reshape(-1))
    low, high, shift = run
    first, last = share(y.shape[0] * P * Q, thread, threads)
    o, p, q = first // (P * Q), first // Q % P, first % Q - 1
    for row in range(first, last):
        q += 1
        if q == Q:
            p, q = p + 1, 0
        if p == P:
            o, p = o + 1, 0
        a0, a1, b0, b1, target = a_starts[p], a_starts[p + 1], b_starts[q], b_starts[q + 1], row * columns
        # rows without terms
        if a0 == a1 or b0 == b1:
            flat_y[target : target + columns] = fill
            continue
        # rows of one term, in place
        weight = a_weights[a0] * b_weights[b0]
        source = ((o * x.shape[1] + a_sources[a0]) * x.shape[2] + b_sources[b0]) * size
        if a1 - a0 == 1 and b1 - b0 == 1 and weight == 1:
            copy_row(flat_y, target + low, flat_x, source + low - shift, high - low)
            _add_terms(flat_x, source, starts, sources, weights, 0, low, fill, flat_y, target)
            _add_terms(flat_x, source, starts, sources, weights, high, columns, fill, flat_y, target)
            continue
        # weighted sum of the source rows
        for s in range(a0, a1):
            for t in range(b0, b1):
                source = ((o * x.shape[1] + a_sources[s]) * x.shape[2] + b_sources[t]) * size
                weight = a_weights[s] * b_weights[t]
                if s == a0 and t == b0:
                    for j in range(size):
                        line[j] = weight * flat_x[source + j]
                elif weight == 1:
                    add_row(line, 0, flat_x, source, size)
                else:
                    for j in range(size):
                        line[j] += weight * flat_x[source + j]
        copy_row(flat_y, target + low, line, low - shift, high - low)
        _add_terms(line, 0, starts, sources, weights, 0, low, fill, flat_y, target)
        _add_terms(line, 0, starts, sources, weights, high, columns, fill, flat_y, target)


@njit(inline="always")
def _add_terms(line, offset, starts, sources, weights, first, last, fill, y, target):
    """y[target + j] = sum_t weights[t] line[offset + sources[t]] over the terms t of j, or fill without any."""
    for j in range(first, last):
        value = fill
        for t in range(starts[j], starts[j + 1]):
            term = weights[t] * line[offset + sources[t]]
            value = term if t == starts[j] else value + term
        y[target + j] = value


@streaming
def resample_many(
    x, a_starts, a_sources, a_weights, b_starts, b_sources, b_weights, starts, sources, weights, fill, y,
    thread, threads,
):  # fmt: skip
    """As resample, where elements have many terms: each is one sum in float64."""
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
                        total += weight * weights[u] * source[sources[u]]
                        count += 1
            y[o, p, q, j] = total if count else fill
