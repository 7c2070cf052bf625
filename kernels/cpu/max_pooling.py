"""Maximum pooling on the CPU: a thread takes whole planes (n, c), so nothing depends on the number of threads.

The forward kernel goes over a strip of rows twice. First each row of the input is pooled along its columns, a vector of
neighbouring windows at a time; then each row of windows joins the rows it covers. A maximum found in that order is the
first in row-major order, as the taps of a row come before those of the next; and a row that two rows of windows share
is pooled once.

Bytes a call: x and y once, and the mask.
"""

import numpy as np
from numba import njit

from .parallel import share, streaming
from .vectors import copies, first_of, lanes_of, load, load_apart, store
from .windows import axis_of, inside_each, packed, strip_of, whole


def max_pool(g, x, y, mask):
    """y = max over the window, mask = the winner's (t R + r) S + s: the first in this order, a NaN before others."""
    first_position = np.int32(0) if x.itemsize == 4 else np.int64(0)  # as wide as a value, for vectors of both
    flat = x.reshape(-1), y.reshape(-1), mask.reshape(-1)
    _max_pool(g.n * g.c, y.size * g.taps, g.n * g.c, packed(g), first_position, *flat)


def max_pool_input_grad(g, dy, mask, dx):
    """dx[i] = sum of dy over the windows that position i won."""
    flat = dy.reshape(-1), mask.reshape(-1), dx.reshape(-1)
    _max_pool_grad(g.n * g.c, dx.size + 8 * dy.size, g.n * g.c, packed(g), *flat)


@streaming
def _max_pool(planes, axes, first_position, x, y, mask, thread, threads):
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    taps_d, taps_h, taps_w = inside_each(depth), inside_each(height), inside_each(width)
    rows, lines = strip_of(height, width)
    size = depth.taps * lines * width.windows
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
                    _best_of_columns(width, taps_w, x, row, h1 - h0, best, winner, line)
                _best_of_lines(height, width, lines, taps_h, t0, t1, p0, p1, best, winner, y, mask, out)
            _name_first_tap_of_empty_windows(taps_w, height.windows, mask, out)


@njit(cache=True, nogil=True)
def _best_of_columns(width, taps, x, row, rows, best, winner, line):
    """best[line, q], winner[line, q] = the largest tap of window q along a row of x, and which; so for several rows."""
    zero, one, two = copies(winner, 0), copies(winner, 1), copies(winner, 2)
    step, stride = width.dilation, width.stride
    q0, q1 = whole(width, lanes_of(x))
    for i in range(rows):
        at, place = (row + i) * width.size - width.before, (line + i) * width.windows
        q = q0
        while q < q1:
            q = min(q, q1 - lanes_of(x))
            tap = at + q * stride
            value, position = load_apart(x, tap, stride), zero
            if width.taps > 1:  # three taps apart from the loop, whose overhead would be a third of the work
                value, position = first_of(value, position, load_apart(x, tap + step, stride), one)
            if width.taps > 2:
                value, position = first_of(value, position, load_apart(x, tap + 2 * step, stride), two)
            for s in range(3, width.taps):
                value, position = first_of(value, position, load_apart(x, tap + s * step, stride), copies(winner, s))
            store(best, place + q, value)
            store(winner, place + q, position)
            q += lanes_of(x)
        if q0 > 0:
            _best_of_windows(width, taps, 0, q0, x, at, best, winner, place)
        if q1 < width.windows:
            _best_of_windows(width, taps, q1, width.windows, x, at, best, winner, place)


@njit(cache=True, nogil=True)
def _best_of_windows(width, taps, q0, q1, x, at, best, winner, place):
    """The same of the windows [q0, q1), one by one and only of the taps inside."""
    for q in range(q0, q1):
        s0, s1 = taps[q]
        tap = at + q * width.stride
        largest, which = x[tap + s0 * width.dilation] if s0 < s1 else x.dtype.type(-np.inf), s0
        for s in range(s0 + 1, s1):
            value = x[tap + s * width.dilation]
            if not (value <= largest or largest != largest):  # noqa: PLR0124  a NaN wins, and stays
                largest, which = value, s
        best[place + q], winner[place + q] = largest, which


@njit(cache=True, nogil=True)
def _best_of_lines(height, width, lines, taps_h, t0, t1, p0, p1, best, winner, y, mask, out):
    """y[p, q], mask[p, q] = the largest of the lines that row p of windows reads, and its position."""
    volume, step = lines * width.windows, height.dilation * width.windows
    for p in range(p0, p1):
        r0, r1 = taps_h[p]
        place = t0 * volume + (p - p0) * height.stride * width.windows + r0 * step
        row, number = (out + p) * width.windows, (t0 * height.taps + r0) * width.taps
        if t0 == t1 or r0 == r1:
            y[row : row + width.windows] = -np.inf
            mask[row : row + width.windows] = 0
            continue
        of_first, of_second = copies(winner, number), copies(winner, number + width.taps)
        of_third, q = copies(winner, number + 2 * width.taps), 0
        while q < width.windows and width.windows >= lanes_of(best):
            q = min(q, width.windows - lanes_of(best))
            at = place + q
            value, position = load(best, at), load(winner, at) + of_first
            if r1 - r0 > 1:
                other = load(winner, at + step) + of_second
                value, position = first_of(value, position, load(best, at + step), other)
            if r1 - r0 > 2:
                other = load(winner, at + 2 * step) + of_third
                value, position = first_of(value, position, load(best, at + 2 * step), other)
            for t in range(t1 - t0):
                for r in range(3 if t == 0 else 0, r1 - r0):
                    line = at + t * volume + r * step
                    other = load(winner, line) + copies(winner, number + (t * height.taps + r) * width.taps)
                    value, position = first_of(value, position, load(best, line), other)
            store(y, row + q, value)
            store(mask, row + q, position)
            q += lanes_of(best)
        for q in range(width.windows if width.windows < lanes_of(best) else 0):
            largest, which = best[place + q], winner[place + q] + number
            for t in range(t1 - t0):
                for r in range(1 if t == 0 else 0, r1 - r0):
                    line = place + q + t * volume + r * step
                    value = best[line]
                    if not (value <= largest or largest != largest):  # noqa: PLR0124  a NaN wins, and stays
                        largest, which = value, winner[line] + number + (t * height.taps + r) * width.taps
            y[row + q], mask[row + q] = largest, which


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
    z01, p01, q01 = whole(depth, 1), whole(height, 1), whole(width, 1)
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
