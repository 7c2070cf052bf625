"""The gradient of maximum pooling on the CPU: a thread takes whole planes (n, c), or slices of them.

Two algorithms: gather, for small overlapping windows (every position adds the gradients of the windows whose mask names
it, a vector of positions at a time), and scatter (every window adds its gradient to its winner, in row-major order; in
float64 where hundreds of windows overlap). Bytes a call: dy, the mask and dx once.
"""

from math import prod

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming, workspace, zeros
from ...cpu.simd import add_interleaved, lanes_of, load, select_equal, splat, store
from ...cpu.simd_rows import PREFETCH_DISTANCE, clear_row, copy_row, prefetch_row
from .windows import (
    axis_of,
    covering_windows,
    gradient_strip,
    interior_windows,
    rounded_to_vectors,
    vector_count,
    vector_pair_count,
)

MAX_GATHERED_TAPS = 32
"""Taps of a window up to which gathering pays: a position looks at every window that covers it (Zen 5, 2026-11)."""


MAX_ADDED_IN_TYPE = 256
"""Windows over a position up to which their gradients are added in the arrays' type."""


def has_many_windows(g):
    """Whether a position may win so many windows that their gradients are added in float64."""
    return prod(min(-(-axis.taps // axis.stride), axis.windows) for axis in (g.d, g.h, g.w)) > MAX_ADDED_IN_TYPE


def gather_is_profitable(g):
    """Whether to gather: dilation 1, at most two columns from window to window, 2 to MAX_GATHERED_TAPS taps."""
    axes = g.d, g.h, g.w
    return all(axis.dilation == 1 for axis in axes) and g.w.stride <= 2 and 1 < g.taps <= MAX_GATHERED_TAPS


@streaming
def gather_gradients(planes, axes, dy, mask, dx, thread, threads):
    """dx[i] = sum of dy over the windows that position i won, gathered.

    dy and mask (planes, Z, P, Q), dx (planes, D, H, W), flat; a thread takes slices (plane, d).
    """
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    # scratch: rows of windows between margins of zeros, and the rows of dx that they cover
    margin, (rows, layer, deep, pitch) = rounded_to_vectors(dy, width.taps), gradient_strip(depth, height, width, dy)
    line = rounded_to_vectors(
        dy, 2 * margin + max(width.windows, (pitch + width.pad_before) // width.stride) + lanes_of(dy)
    )
    gradients, winners = zeros(deep * layer * line, dy), zeros(deep * layer * line, mask)
    gathered = workspace(rows * pitch, dy)
    first, last = share(planes * depth.size, thread, threads)
    for slice_ in range(first, last):
        plane, d = slice_ // depth.size, slice_ % depth.size
        z0, z1 = covering_windows(depth, d)
        for h0 in range(0, height.size, rows):
            h1 = min(h0 + rows, height.size)
            p0, p1 = covering_windows(height, h0)[0], covering_windows(height, h1 - 1)[1]
            # copy the covering rows of windows between their margins
            for z in range(z0, z1):
                for p in range(p0, p1):
                    window = ((plane * depth.windows + z) * height.windows + p) * width.windows
                    offset = ((z - z0) * layer + p - p0) * line + margin
                    copy_row(gradients, offset, dy, window, width.windows)
                    copy_row(winners, offset, mask, window, width.windows)
            # add what each row of windows gives to the strip
            clear_row(gathered, 0, (h1 - h0) * pitch)
            for z in range(z0, z1):
                layer_number = (d + depth.pad_before - z * depth.stride) * height.taps * width.taps
                for p in range(p0, p1):
                    offset = ((z - z0) * layer + p - p0) * line + margin
                    top = p * height.stride - height.pad_before - h0
                    r0, r1 = max(0, -top), min(height.taps, h1 - h0 - top)
                    _add_row(width, layer_number, r0, r1, gradients, winners, offset, gathered, top * pitch, pitch)
            # copy the strip to dx
            for h in range(h0, h1):
                row = (slice_ * height.size + h) * width.size
                copy_row(dx, row, gathered, (h - h0) * pitch, width.size)
                prefetch_row(dx, row + PREFETCH_DISTANCE, width.size)


@njit(cache=True, nogil=True)
def _add_row(width, number, r0, r1, gradients, winners, offset, gathered, row, pitch):
    """gathered[row + r * pitch + w] += gradients of one row of windows at position w of tap row r, for r0 <= r < r1."""
    if width.stride == 2 and width.taps == 3 and (r0, r1) == (0, 3):  # as constants for the compiler
        _add_stride_2(width, 3, number, 0, 3, gradients, winners, offset, gathered, row, pitch)
    elif width.stride == 2:
        _add_stride_2(width, width.taps, number, r0, r1, gradients, winners, offset, gathered, row, pitch)
    else:
        _add_stride_1(width, number, r0, r1, gradients, winners, offset, gathered, row, pitch)


@njit(inline="always")
def _add_stride_1(width, number, r0, r1, gradients, winners, offset, gathered, row, pitch):
    """_add_row for stride 1: each position meets every tap."""
    for part in range(vector_count(gradients, width.size)):
        w = part * lanes_of(gradients)
        for r in range(r0, r1):
            total, tap = load(gathered, row + r * pitch + w), number + r * width.taps
            for s in range(width.taps):
                at = offset + w + width.pad_before - s
                total = total + select_equal(winners, at, tap + s, load(gradients, at))
            store(gathered, row + r * pitch + w, total)


@njit(inline="always")
def _add_stride_2(width, taps, number, r0, r1, gradients, winners, offset, gathered, row, pitch):
    """_add_row for stride 2: even and odd positions meet every other tap."""
    odd_first = width.pad_before % 2
    for part in range(vector_pair_count(gradients, width.size)):
        w = 2 * part * lanes_of(gradients)
        at = offset + (w + width.pad_before) // 2
        for r in range(r0, r1):
            even, odd, tap = splat(gradients, 0), splat(gradients, 0), number + r * taps
            for k in range((taps + 1) // 2):
                q = at + odd_first - k
                even = even + select_equal(winners, q, tap + 2 * k, load(gradients, q))
            for k in range(taps // 2):
                odd = odd + select_equal(winners, at - k, tap + 2 * k + 1, load(gradients, at - k))
            if odd_first:
                add_interleaved(gathered, row + r * pitch + w, odd, even)
            else:
                add_interleaved(gathered, row + r * pitch + w, even, odd)


@streaming
def scatter_gradients(planes, axes, dy, mask, dx, thread, threads):
    """dx[winner] += dy for every window, in row-major order; arguments as for gather_gradients, a thread a plane."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    offsets, size = _tap_offsets(depth, height, width), depth.size * height.size * width.size
    first, last = share(planes, thread, threads)
    for plane in range(first, last):
        _scatter_plane(depth, height, width, offsets, dy, mask, plane, dx, plane * size)


@streaming
def scatter_gradients_in_float64(planes, axes, dy, mask, dx, thread, threads):
    """scatter_gradients where very many windows may have one winner: adds into a float64 plane."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    offsets, totals = _tap_offsets(depth, height, width), np.empty(depth.size * height.size * width.size)
    first, last = share(planes, thread, threads)
    for plane in range(first, last):
        _scatter_plane(depth, height, width, offsets, dy, mask, plane, totals, 0)
        for i in range(totals.size):
            dx[plane * totals.size + i] = totals[i]


@njit(cache=True, nogil=True)
def _tap_offsets(depth, height, width):
    """Offset of each tap from a window's first tap."""
    offsets = np.empty(depth.taps * height.taps * width.taps, np.intp)
    for i in range(offsets.size):
        row, s = i // width.taps, i % width.taps
        d, h = row // height.taps * depth.dilation, row % height.taps * height.dilation
        offsets[i] = (d * height.size + h) * width.size + s * width.dilation
    return offsets


@njit(inline="always")
def _scatter_plane(depth, height, width, offsets, dy, mask, plane, dx, start):
    """scatter_gradients of one plane, to dx[start:]."""
    z01, p01, q01 = interior_windows(depth), interior_windows(height), interior_windows(width)
    size, rows, cleared = depth.size * height.size * width.size, depth.windows * height.windows, 0
    for row in range(rows):
        z, p = row // height.windows, row % height.windows
        d, h = z * depth.stride - depth.pad_before, p * height.stride - height.pad_before
        # clear dx just ahead of this row's gradients, so that they hit the cache
        deepest = min(d + (depth.taps - 1) * depth.dilation, depth.size - 1)
        lowest = min(h + (height.taps - 1) * height.dilation, height.size - 1)
        reached = max(cleared, (deepest * height.size + lowest + 1) * width.size)
        dx[start + cleared : start + reached] = 0
        cleared = reached

        # windows at the border check bounds, interior windows do not
        q0, q1 = q01 if z01[0] <= z < z01[1] and p01[0] <= p < p01[1] else (0, 0)
        window, corner = (plane * rows + row) * width.windows, start + (d * height.size + h) * width.size
        if q0 > 0:
            _scatter_checked(depth, height, width, dy, mask, window, 0, q0, d, h, start, dx)
        for q in range(q0, q1):
            winner = np.intp(mask[window + q])
            if winner < offsets.size:
                dx[corner + q * width.stride - width.pad_before + offsets[winner]] += dy[window + q]
        if q1 < width.windows:
            _scatter_checked(depth, height, width, dy, mask, window, q1, width.windows, d, h, start, dx)
    dx[start + cleared : start + size] = 0


@njit(cache=True, nogil=True)
def _scatter_checked(depth, height, width, dy, mask, window, q0, q1, d0, h0, start, dx):
    """dx[winner] += dy for the windows [q0, q1) of a row, skipping winners outside the input."""
    for q in range(q0, q1):
        winner = np.intp(mask[window + q])
        row, s = winner // width.taps, winner % width.taps
        d, h = d0 + row // height.taps * depth.dilation, h0 + row % height.taps * height.dilation
        w = q * width.stride - width.pad_before + s * width.dilation
        if 0 <= d < depth.size and 0 <= h < height.size and 0 <= w < width.size:
            dx[start + (d * height.size + h) * width.size + w] += dy[window + q]
