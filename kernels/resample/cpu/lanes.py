"""Resampling on the CPU with planes or rows side by side, as lanes of vectors: any size and ratio alike."""

import numpy as np
from numba import njit

from ...cpu.lanes import lanes_to_rows, rows_to_lanes, weighted_sums
from ...cpu.parallel import share, streaming, zeros
from ...cpu.simd import lanes_of
from ...cpu.simd_rows import copy_row


@streaming
def resample_planes(x, starts, sources, weights, fill, y, thread, threads):
    """x (outer, I0, I1, I2), y (outer, O0, O1, O2); the table is of whole planes, a thread takes groups of them."""
    flat_x, flat_y, lanes = x.reshape(-1), y.reshape(-1), lanes_of(y)
    size, result_size = x.size // x.shape[0], starts.size - 1
    block, result = zeros(size * lanes, flat_y), zeros(result_size * lanes, flat_y)
    first, last = share((x.shape[0] + lanes - 1) // lanes, thread, threads)
    for group in range(first, last):
        plane = group * lanes
        count = min(lanes, x.shape[0] - plane)
        rows_to_lanes(flat_x, plane * size, size, count, size, block)
        weighted_sums(starts, sources, weights, block, fill, result)
        lanes_to_rows(result, result_size, flat_y, plane * result_size, result_size, count)


@streaming
def resample_rows(
    x, a_starts, a_sources, a_weights, b_starts, b_sources, b_weights, starts, sources, weights, repeats, fill, y,
    thread, threads,
):  # fmt: skip
    """x (outer, I0, I1, I2), y (outer, O0, O1, O2); tables a, b of the outer axes, one of the columns.

    A thread takes rows of y; those with the terms of the row before them are copies of it.
    """
    P, Q, lanes = y.shape[1], y.shape[2], lanes_of(y)
    flat_y, size, columns = y.reshape(-1), x.shape[3], y.shape[3]
    lines, block = zeros(lanes * size, flat_y), zeros(size * lanes, flat_y)
    result, resized = zeros(columns * lanes, flat_y), zeros(lanes * columns, flat_y)
    rows, count = np.zeros(lanes, np.intp), 0
    first, last = share(y.shape[0] * P * Q, thread, threads)
    for row in range(first, last):
        o, p, q = row // (P * Q), row // Q % P, row % Q
        a0, a1, b0, b1 = a_starts[p], a_starts[p + 1], b_starts[q], b_starts[q + 1]
        if a0 == a1 or b0 == b1:
            y[o, p, q] = fill
        elif row == first or not repeats[q]:
            # weighted sum of the source rows
            line = lines[count * size : (count + 1) * size]
            for s in range(a0, a1):
                for t in range(b0, b1):
                    source, weight = x[o, a_sources[s], b_sources[t]], a_weights[s] * b_weights[t]
                    _add(source, weight, s == a0 and t == b0, line)
            rows[count], count = row, count + 1
        # resample so many of them
        if count == lanes or (count > 0 and row == last - 1):
            rows_to_lanes(lines, 0, size, lanes, size, block)
            weighted_sums(starts, sources, weights, block, fill, result)
            lanes_to_rows(result, columns, resized, 0, columns, lanes)
            for i in range(count):
                copy_row(flat_y, rows[i] * columns, resized, i * columns, columns)
                following = rows[i] + 1
                while following < last and repeats[following % Q]:
                    copy_row(flat_y, following * columns, resized, i * columns, columns)
                    following += 1
            count = 0


@njit(inline="always")
def _add(source, weight, is_first, line):
    """line += weight source, or = weight source."""
    if is_first:
        for j in range(line.size):
            line[j] = weight * source[j]
    else:
        for j in range(line.size):
            line[j] += weight * source[j]
