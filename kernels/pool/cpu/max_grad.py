"""The gradient of maximum pooling on the CPU: a thread takes whole planes (n, c), or slices of them.

Where windows are small and overlap, every position gathers from the windows that may have named it, a vector of
positions at a time; otherwise each window gives what it has to its winner. Bytes a call: dy, the mask and dx once.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming
from ...cpu.simd import add_in_turns, copies, lanes_of, load, store, where_equal
from ...cpu.simd_rows import AHEAD, clear_row, copy_row, prefetch_row
from ...cpu.workspaces import workspace, zeros
from .windows import axis_of, covering, pairs_of, strip_covered, vectors_of, whole, whole_vectors

GATHERED = 32  # taps: a position asks as many windows as cover it (Zen 5, 2026-11)


@lru_cache(maxsize=1024)
def gathers(g):
    """Whether positions gather their gradients: from windows without gaps, a column or two apart, not too many."""
    axes = g.d, g.h, g.w
    return all(axis.dilation == 1 for axis in axes) and g.w.stride <= 2 and 1 < g.taps <= GATHERED


@streaming
def gather_gradients(planes, axes, dy, mask, dx, thread, threads):
    """dx[i] = sum of dy over the windows that position i won."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    margin, (rows, layer, deep, pitch) = whole_vectors(dy, width.taps), strip_covered(depth, height, width, dy)
    line = whole_vectors(dy, 2 * margin + max(width.windows, (pitch + width.before) // width.stride) + lanes_of(dy))
    gradients, winners = zeros(deep * layer * line, dy), zeros(deep * layer * line, mask)
    gathered = workspace(rows * pitch, dy)
    first, last = share(planes * depth.size, thread, threads)
    for slice_ in range(first, last):
        plane, d = slice_ // depth.size, slice_ % depth.size
        z0, z1 = covering(depth, d)
        for h0 in range(0, height.size, rows):
            h1 = min(h0 + rows, height.size)
            p0, p1 = covering(height, h0)[0], covering(height, h1 - 1)[1]
            for z in range(z0, z1):
                for p in range(p0, p1):
                    window = ((plane * depth.windows + z) * height.windows + p) * width.windows
                    place = ((z - z0) * layer + p - p0) * line + margin
                    copy_row(gradients, place, dy, window, width.windows)
                    copy_row(winners, place, mask, window, width.windows)
            clear_row(gathered, 0, (h1 - h0) * pitch)
            for z in range(z0, z1):
                layer_number = (d + depth.before - z * depth.stride) * height.taps * width.taps
                for p in range(p0, p1):
                    place = ((z - z0) * layer + p - p0) * line + margin
                    top = p * height.stride - height.before - h0
                    r0, r1 = max(0, -top), min(height.taps, h1 - h0 - top)
                    _add_row(width, layer_number, r0, r1, gradients, winners, place, gathered, top * pitch, pitch)
            for h in range(h0, h1):
                row = (slice_ * height.size + h) * width.size
                copy_row(dx, row, gathered, (h - h0) * pitch, width.size)
                prefetch_row(dx, row + AHEAD, width.size)


@njit(cache=True, nogil=True)
def _add_row(width, number, r0, r1, gradients, winners, place, gathered, row, pitch):
    """gathered[row + r * pitch + w] += what one row of windows gives to position w of the row of its taps r."""
    if width.stride == 2 and width.taps == 3 and (r0, r1) == (0, 3):  # numbers that the compiler knows
        _add_in_turns(width, 3, number, 0, 3, gradients, winners, place, gathered, row, pitch)
    elif width.stride == 2:
        _add_in_turns(width, width.taps, number, r0, r1, gradients, winners, place, gathered, row, pitch)
    else:
        _add_side_by_side(width, number, r0, r1, gradients, winners, place, gathered, row, pitch)


@njit(inline="always")
def _add_side_by_side(width, number, r0, r1, gradients, winners, place, gathered, row, pitch):
    """The same, where every tap of a window falls on every position."""
    for part in range(vectors_of(gradients, width.size)):
        w = part * lanes_of(gradients)
        for r in range(r0, r1):
            total, tap = load(gathered, row + r * pitch + w), number + r * width.taps
            for s in range(width.taps):
                at = place + w + width.before - s
                total = total + where_equal(winners, at, tap + s, load(gradients, at))
            store(gathered, row + r * pitch + w, total)


@njit(inline="always")
def _add_in_turns(width, taps, number, r0, r1, gradients, winners, place, gathered, row, pitch):
    """The same, where every other tap of a window falls on every other position."""
    odd_first = width.before % 2
    for part in range(pairs_of(gradients, width.size)):
        w = 2 * part * lanes_of(gradients)
        at = place + (w + width.before) // 2
        for r in range(r0, r1):
            even, odd, tap = copies(gradients, 0), copies(gradients, 0), number + r * taps
            for k in range((taps + 1) // 2):
                q = at + odd_first - k
                even = even + where_equal(winners, q, tap + 2 * k, load(gradients, q))
            for k in range(taps // 2):
                odd = odd + where_equal(winners, at - k, tap + 2 * k + 1, load(gradients, at - k))
            if odd_first:
                add_in_turns(gathered, row + r * pitch + w, odd, even)
            else:
                add_in_turns(gathered, row + r * pitch + w, even, odd)


@streaming
def scatter_gradients(planes, axes, dy, mask, dx, thread, threads):
    """dx[i] = sum of dy over the windows that position i won: each window gives its gradient to its winner."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    z01, p01, q01 = whole(depth), whole(height), whole(width)
    offsets = np.empty(depth.taps * height.taps * width.taps, np.intp)  # of the taps, from a window's first
    for i in range(offsets.size):
        row, s = i // width.taps, i % width.taps
        d, h = row // height.taps * depth.dilation, row % height.taps * height.dilation
        offsets[i] = (d * height.size + h) * width.size + s * width.dilation

    size, rows = depth.size * height.size * width.size, depth.windows * height.windows
    first, last = share(planes, thread, threads)
    for plane in range(first, last):
        start, cleared = plane * size, 0
        for row in range(rows):
            z, p = row // height.windows, row % height.windows
            d, h = z * depth.stride - depth.before, p * height.stride - height.before
            # Cleared just ahead of where the row's gradients go, so that they find it in the cache.
            deepest = min(d + (depth.taps - 1) * depth.dilation, depth.size - 1)
            lowest = min(h + (height.taps - 1) * height.dilation, height.size - 1)
            reached = max(cleared, (deepest * height.size + lowest + 1) * width.size)
            dx[start + cleared : start + reached] = 0
            cleared = reached

            q0, q1 = q01 if z01[0] <= z < z01[1] and p01[0] <= p < p01[1] else (0, 0)
            window, corner = (plane * rows + row) * width.windows, start + (d * height.size + h) * width.size
            if q0 > 0:
                _give_within(depth, height, width, dy, mask, window, 0, q0, d, h, start, dx)
            for q in range(q0, q1):
                winner = np.intp(mask[window + q])
                if winner < offsets.size:
                    dx[corner + q * width.stride - width.before + offsets[winner]] += dy[window + q]
            if q1 < width.windows:
                _give_within(depth, height, width, dy, mask, window, q1, width.windows, d, h, start, dx)
        dx[start + cleared : start + size] = 0


@njit(cache=True, nogil=True)
def _give_within(depth, height, width, dy, mask, window, q0, q1, d0, h0, start, dx):
    """Give the winners of the windows [q0, q1) of a row their gradients, save those outside the input."""
    for q in range(q0, q1):
        winner = np.intp(mask[window + q])
        row, s = winner // width.taps, winner % width.taps
        d, h = d0 + row // height.taps * depth.dilation, h0 + row % height.taps * height.dilation
        w = q * width.stride - width.before + s * width.dilation
        if 0 <= d < depth.size and 0 <= h < height.size and 0 <= w < width.size:
            dx[start + (d * height.size + h) * width.size + w] += dy[window + q]
