"""Maximum pooling on the CPU: a thread takes whole planes (n, c), so nothing depends on the number of threads.

The forward kernel goes over a strip of rows twice. First each row of the input is pooled along its columns, a vector of
neighbouring windows at a time; then each row of windows joins the rows it covers. A maximum found in that order is the
first in row-major order, as the taps of a row come before those of the next; and a row that two rows of windows share
is pooled once.

Bytes a call: x and y once, and the mask.
"""

import numpy as np
from numba import njit

from ..scalar import beats
from .parallel import share, streaming
from .pooling_pairs import are_pairs, max_of_pairs, max_of_pairs_input_grad
from .vectors import copies, first_of, lanes_of, load, load_apart, store
from .windows import axis_of, inside_each, packed, rows_to_read_whole, strip_of, whole


def max_pool(g, x, y, mask):
    """y = max over the window, mask = the winner's (t R + r) S + s: the first in this order, a NaN before others."""
    if are_pairs(g):
        max_of_pairs(g, x, y, mask)
        return
    first_position = np.int32(0) if x.itemsize == 4 else np.int64(0)  # as wide as a value, for vectors of both
    flat = x.reshape(-1), y.reshape(-1), mask.reshape(-1)
    _max_pool(g.n * g.c, y.size * g.taps, g.n * g.c, packed(g), first_position, *flat)


def max_pool_input_grad(g, dy, mask, dx):
    """dx[i] = sum of dy over the windows that position i won."""
    if are_pairs(g):
        max_of_pairs_input_grad(g, dy, mask, dx)
        return
    flat = dy.reshape(-1), mask.reshape(-1), dx.reshape(-1)
    _max_pool_grad(g.n * g.c, dx.size + 8 * dy.size, g.n * g.c, packed(g), *flat)


@streaming
def _max_pool(planes, axes, first_position, x, y, mask, thread, threads):
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    taps_d, taps_h, taps_w = inside_each(depth), inside_each(height), inside_each(width)
    rows, lines = strip_of(height, width)
    pitch = max(width.windows, lanes_of(x))
    size = depth.taps * lines * pitch + lanes_of(x)  # vectors are written whole
    best, winner = np.empty(size, x.dtype), np.full(size, first_position)
    first, last = share(planes, thread, threads)
    for plane in range(first, last):
        for z in range(depth.windows):
            t0, t1 = taps_d[z]
            out = (plane * depth.windows + z) * height.windows
            for p0 in range(0, height.windows, rows):
                p1, top = min(p0 + rows, height.windows), p0 * height.stride - height.before
                h0, h1 = max(top, 0), min(top + lines, height.size)
                for t in range(t0, t1):
                    d = plane * depth.size + z * depth.stride - depth.before + t * depth.dilation
                    row, line = d * height.size + h0, t * lines + h0 - top
                    _best_of_columns(width, taps_w, x, row, h1 - h0, best, winner, line * pitch, pitch)
                _best_of_lines(height, width, lines, pitch, taps_h, t0, t1, p0, p1, best, winner, y, mask, out)
            _name_first_tap_of_empty_windows(taps_w, height.windows, mask, out)


@njit(cache=True, nogil=True)
def _best_of_columns(width, taps, x, row, rows, best, winner, place, pitch):
    """best[place + q], winner[place + q] = the largest tap of window q along a row of x, and which.

    So for several rows, the next line at place + pitch.
    """
    at, q01 = row * width.size - width.before, whole(width)
    many = rows_to_read_whole(width, x, at, rows, q01[0]) if q01[1] - q01[0] < lanes_of(x) else rows
    if width.stride == 2 and width.taps == 2:  # numbers that the compiler knows take half the instructions
        _best_in_vectors(width, 2, 2, q01, x, at, many, best, winner, place, pitch)
    elif width.stride == 2 and width.taps == 3:
        _best_in_vectors(width, 2, 3, q01, x, at, many, best, winner, place, pitch)
    elif width.stride == 1 and width.taps == 3:
        _best_in_vectors(width, 1, 3, q01, x, at, many, best, winner, place, pitch)
    else:
        _best_in_vectors(width, width.stride, width.taps, q01, x, at, many, best, winner, place, pitch)
    if q01[0] > 0:
        _best_one_by_one(width, taps, 0, q01[0], x, at, 0, rows, best, winner, place, pitch)
    if many < rows:
        _best_one_by_one(width, taps, *q01, x, at, many, rows, best, winner, place, pitch)
    if q01[1] < width.windows:
        _best_one_by_one(width, taps, q01[1], width.windows, x, at, 0, rows, best, winner, place, pitch)


@njit(inline="always")
def _best_in_vectors(width, stride, taps, q01, x, at, rows, best, winner, place, pitch):
    """The same of the windows that lie inside the input, a vector at a time."""
    q0, q1 = q01
    for i in range(rows if q0 < q1 else 0):
        q = q0
        while q < q1:
            q = max(q0, min(q, q1 - lanes_of(x)))
            tap = at + i * width.size + q * stride
            value, position = load_apart(x, tap, stride), copies(winner, 0)
            for s in range(1, taps):
                other = load_apart(x, tap + s * width.dilation, stride)
                value, position = first_of(value, position, other, copies(winner, s))
            store(best, place + i * pitch + q, value)
            store(winner, place + i * pitch + q, position)
            q += lanes_of(x)


@njit(cache=True, nogil=True)
def _best_one_by_one(width, taps, q0, q1, x, at, first, last, best, winner, place, pitch):
    """The same of other windows, of the taps that lie inside."""
    for i in range(first, last):
        for q in range(q0, q1):
            s0, s1 = taps[q]
            tap = at + i * width.size + q * width.stride
            largest, which = x[tap + s0 * width.dilation] if s0 < s1 else x.dtype.type(-np.inf), s0
            for s in range(s0 + 1, s1):
                value = x[tap + s * width.dilation]
                takes = beats(value, largest)
                largest, which = value if takes else largest, s if takes else which
            best[place + i * pitch + q], winner[place + i * pitch + q] = largest, which


@njit(cache=True, nogil=True)
def _best_of_lines(height, width, lines, pitch, taps_h, t0, t1, p0, p1, best, winner, y, mask, out):
    """y[p, q], mask[p, q] = the largest of the lines that row p of windows reads, and its position."""
    short, short_mask = np.empty(lanes_of(best), best.dtype), np.empty(lanes_of(best), winner.dtype)
    for p in range(p0, p1):
        r0, r1 = taps_h[p]
        row = (out + p) * width.windows
        place = (t0 * lines + (p - p0) * height.stride + r0 * height.dilation) * pitch
        block = place, lines * pitch, height.dilation * pitch
        numbers = (t0 * height.taps + r0) * width.taps, height.taps * width.taps, width.taps
        if t0 == t1 or r0 == r1:
            y[row : row + width.windows] = -np.inf
            mask[row : row + width.windows] = 0
        elif width.windows < lanes_of(best):
            _join(block, numbers, t1 - t0, r1 - r0, pitch, best, winner, short, short_mask, 0)
            for q in range(width.windows):
                y[row + q], mask[row + q] = short[q], short_mask[q]
        elif t1 - t0 == 1 and r1 - r0 == 2:
            _join(block, numbers, 1, 2, pitch, best, winner, y, mask, row)
        elif t1 - t0 == 1 and r1 - r0 == 3:
            _join(block, numbers, 1, 3, pitch, best, winner, y, mask, row)
        else:
            _join(block, numbers, t1 - t0, r1 - r0, pitch, best, winner, y, mask, row)


@njit(inline="always")
def _join(block, numbers, depths, rows, windows, best, winner, y, mask, out):
    """One row of windows, a vector at a time: depths x rows lines."""
    place, volume, step = block
    number, layer, taps = numbers
    q = 0
    while q < windows:
        q = min(q, windows - lanes_of(best))
        value, position = load(best, place + q), load(winner, place + q) + copies(winner, number)
        for t in range(depths):
            for r in range(0 if t else 1, rows):
                line = place + t * volume + r * step + q
                other = load(winner, line) + copies(winner, number + t * layer + r * taps)
                value, position = first_of(value, position, load(best, line), other)
        store(y, out + q, value)
        store(mask, out + q, position)
        q += lanes_of(best)


@njit(cache=True, nogil=True)
def _name_first_tap_of_empty_windows(taps_w, rows, mask, out):
    """mask = 0 in columns of windows that have no tap inside, which wide dilations can bring about."""
    for q in range(taps_w.shape[0]):
        if taps_w[q, 0] == taps_w[q, 1]:
            for row in range(out, out + rows):
                mask[row * taps_w.shape[0] + q] = 0


@streaming
def _max_pool_grad(planes, axes, dy, mask, dx, thread, threads):
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
