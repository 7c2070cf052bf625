"""Maximum pooling on the CPU: a thread takes whole planes (n, c), so nothing depends on the number of threads.

The forward kernel goes over a strip of rows three times. Rows of the input are copied into lines with minus infinity at
both ends for the padding; each line is pooled along its columns, a vector of neighbouring windows at a time; then each
row of windows joins the lines it covers. A maximum found in that order is the first in row-major order, as the taps of
a row come before those of the next; and a row that two rows of windows share is pooled once.

Bytes a call: x and y once, and the mask.
"""

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming
from ...cpu.simd import copies, first_of, lanes_of, load, load_apart, load_in_turns, moved_up, store, store_row
from ...cpu.simd_rows import AHEAD, copy_row, prefetch_row
from ...cpu.workspaces import workspace
from .max_grad import gather_gradients, gathers, scatter_gradients
from .pool2x2 import are_pairs, max_of_pairs, max_of_pairs_input_grad
from .windows import axis_of, inside_each, line_of, packed, strip_of, vectors_of, whole_vectors


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
    if gathers(g):
        gather_gradients(g.n * g.c * g.d.size, dx.size + 8 * dy.size, g.n * g.c, packed(g), *flat)
    else:
        scatter_gradients(g.n * g.c, dx.size + 8 * dy.size, g.n * g.c, packed(g), *flat)


@streaming
def _max_pool(planes, axes, first_position, x, y, mask, thread, threads):
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    taps_d, taps_h, taps_w = inside_each(depth), inside_each(height), inside_each(width)
    rows, lines = strip_of(height, width)
    line, pitch = line_of(width, x), whole_vectors(x, width.windows)
    padded, size, leftmost = workspace(lines * line, x), depth.taps * lines * pitch, np.full(pitch, first_position)
    best, winner = workspace(size, x), workspace(size, leftmost)
    padded[:] = -np.inf
    for q in range(width.windows):
        leftmost[q] = taps_w[q, 0]
    first, last = share(planes, thread, threads)
    end = last * depth.windows * height.windows * width.windows
    for plane in range(first, last):
        for z in range(depth.windows):
            t0, t1 = taps_d[z, 0], taps_d[z, 1]
            out = (plane * depth.windows + z) * height.windows
            for p0 in range(0, height.windows, rows):
                p1, top = min(p0 + rows, height.windows), p0 * height.stride - height.before
                h0, h1 = max(top, 0), min(top + lines, height.size)
                for t in range(t0, t1):
                    d = plane * depth.size + z * depth.stride - depth.before + t * depth.dilation
                    for h in range(h0, h1):
                        place = (h - h0) * line + width.before
                        row = (d * height.size + h) * width.size
                        copy_row(padded, place, x, row, width.size)
                        prefetch_row(x, row + AHEAD, width.size)
                    place = (t * lines + h0 - top) * pitch
                    _best_of_columns(width, h1 - h0, padded, line, leftmost, best, winner, place)
                _best_of_lines(height, width, lines, taps_h, t0, t1, p0, p1, best, winner, y, mask, out, end)
            _name_first_tap_of_empty_windows(taps_w, height.windows, mask, out)


@njit(cache=True, nogil=True)
def _best_of_columns(width, rows, padded, line, leftmost, best, winner, place):
    """best[place + q], winner[place + q] = the largest tap of window q along a line, and which; for several lines."""
    if width.dilation == 1 and width.stride == 2 and width.taps == 3:  # numbers that the compiler knows
        _best_in_vectors(2, 3, 1, rows, padded, line, leftmost, best, winner, place)
    elif width.dilation == 1 and width.stride == 1 and width.taps == 3:
        _best_in_vectors(1, 3, 1, rows, padded, line, leftmost, best, winner, place)
    else:
        _best_in_vectors(
            width.stride, width.taps, width.dilation, rows, padded, line, leftmost, best, winner, place
        )  # fmt: skip


@njit(inline="always")
def _best_in_vectors(stride, taps, dilation, rows, padded, line, leftmost, best, winner, place):
    """The same, a vector of windows at a time. Where nothing is larger than minus infinity, the leftmost tap inside."""
    for i in range(rows):
        for part in range(vectors_of(padded, leftmost.size)):
            q = part * lanes_of(padded)
            at, position = i * line + q * stride, load(leftmost, q)
            if stride == 2 and dilation == 1 and taps == 3:
                even, odd = load_in_turns(padded, at)
                value, position = first_of(even, position, odd, copies(winner, 1))
                third = moved_up(even, padded, at + 2 * lanes_of(padded))
                value, position = first_of(value, position, third, copies(winner, 2))
            else:
                value = load_apart(padded, at, stride)
                for s in range(1, taps):
                    other = load_apart(padded, at + s * dilation, stride)
                    value, position = first_of(value, position, other, copies(winner, s))
            store(best, place + i * leftmost.size + q, value)
            store(winner, place + i * leftmost.size + q, position)


@njit(cache=True, nogil=True)
def _best_of_lines(height, width, lines, taps_h, t0, t1, p0, p1, best, winner, y, mask, out, end):
    """y[p, q], mask[p, q] = the largest of the lines that row p of windows reads, and its position."""
    pitch, windows = whole_vectors(best, width.windows), width.windows
    for p in range(p0, p1):
        r0, r1 = taps_h[p, 0], taps_h[p, 1]
        row = (out + p) * width.windows
        place = (t0 * lines + (p - p0) * height.stride + r0 * height.dilation) * pitch
        block = place, lines * pitch, height.dilation * pitch
        numbers = (t0 * height.taps + r0) * width.taps, height.taps * width.taps, width.taps
        if t0 == t1 or r0 == r1:
            y[row : row + width.windows] = -np.inf
            mask[row : row + width.windows] = 0
        elif t1 - t0 == 1 and r1 - r0 == 3:
            _join(block, numbers, 1, 3, best, winner, row, windows, y, mask, end)
        else:
            _join(block, numbers, t1 - t0, r1 - r0, best, winner, row, windows, y, mask, end)


@njit(inline="always")
def _join(block, numbers, depths, rows, best, winner, row, windows, y, mask, end):
    """One row of windows, a vector at a time: depths x rows lines."""
    place, volume, step = block
    number, layer, taps = numbers
    for part in range(vectors_of(best, windows)):
        start = part * lanes_of(best)
        q = max(0, min(start, windows - lanes_of(best)))
        value, position = load(best, place + q), load(winner, place + q) + copies(winner, number)
        for t in range(depths):
            for r in range(0 if t else 1, rows):
                line = place + t * volume + r * step + q
                other = load(winner, line) + copies(winner, number + t * layer + r * taps)
                value, position = first_of(value, position, load(best, line), other)
        store_row(y, row + q, value, windows, end)
        store_row(mask, row + q, position, windows, end)


@njit(cache=True, nogil=True)
def _name_first_tap_of_empty_windows(taps_w, rows, mask, out):
    """mask = 0 in columns of windows that have no tap inside, which wide dilations can bring about."""
    for q in range(taps_w.shape[0]):
        if taps_w[q, 0] == taps_w[q, 1]:
            for row in range(out, out + rows):
                mask[row * taps_w.shape[0] + q] = 0
