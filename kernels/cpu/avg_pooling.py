"""Average pooling on the CPU: a thread takes whole planes (n, c), so nothing depends on the number of threads.

Columns first, then rows, as in max_pooling.py; the gradient goes the same way back. Bytes a call: x and y once.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from .parallel import share, streaming
from .plane_means import means, means_input_grad
from .pooling_pairs import are_pairs, mean_of_pairs, mean_of_pairs_input_grad
from .row_moves import copy_row
from .vectors import copies, lanes_of, load, load_apart, store, store_in_turns
from .windows import axis_of, counts, covering, inside_each, packed, rows_to_read_whole, strip_of, whole

IDLE = 4  # a vector of windows of which only one in so many is there takes longer than one by one (Zen 3, 2026-11)


def avg_pool(g, x, count_include_pad, divisor, y):
    """y = sum over the window / divisor: the one given, or if 0, as many as count by PyTorch's rule."""
    if x.size and _one_whole_window(g):
        means(x, divisor or g.taps, y)
        return
    if are_pairs(g):
        mean_of_pairs(g, x, divisor or g.taps, y)
        return
    flat = x.reshape(-1), y.reshape(-1)
    _avg_pool(g.n * g.c, y.size * g.taps, g.n * g.c, packed(g), count_include_pad, divisor, *flat)


def avg_pool_input_grad(g, dy, count_include_pad, divisor, dx):
    """dx[i] = sum of dy / divisor over the windows that cover position i."""
    if dx.size and _one_whole_window(g):
        means_input_grad(dy, divisor or g.taps, dx)
        return
    if are_pairs(g):
        mean_of_pairs_input_grad(g, dy, divisor or g.taps, dx)
        return
    flat = dy.reshape(-1), dx.reshape(-1)
    _avg_pool_grad(g.n * g.c, dx.size * g.taps, g.n * g.c, packed(g), count_include_pad, divisor, *flat)


@lru_cache(maxsize=1024)
def _one_whole_window(g):
    """Whether a plane is one window, and nothing else is."""
    return all((axis.windows, axis.taps, axis.before, axis.after) == (1, axis.size, 0, 0) for axis in (g.d, g.h, g.w))


@streaming
def _avg_pool(planes, axes, count_include_pad, divisor, x, y, thread, threads):
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    taps_d, taps_h, taps_w = inside_each(depth), inside_each(height), inside_each(width)
    row_counts, column_counts = _counts(depth, height, width, count_include_pad, divisor, x)
    rows, lines = strip_of(height, width)
    pitch = max(width.windows, lanes_of(x))
    sums = np.empty(depth.taps * lines * pitch + lanes_of(x), x.dtype)  # vectors are written whole
    divisors = np.ones(pitch, x.dtype)
    divisors[: width.windows] = column_counts
    first, last = share(planes, thread, threads)
    for plane in range(first, last):
        for z in range(depth.windows):
            t0, t1 = taps_d[z]
            for p0 in range(0, height.windows, rows):
                p1, top = min(p0 + rows, height.windows), p0 * height.stride - height.before
                h0, h1 = max(top, 0), min(top + lines, height.size)
                for t in range(t0, t1):
                    d = plane * depth.size + z * depth.stride - depth.before + t
                    place = (t * lines + h0 - top) * pitch
                    _sums_of_columns(width, taps_w, x, d * height.size + h0, h1 - h0, sums, place, pitch)
                out = (plane * depth.windows + z) * height.windows
                _means_of_lines(height, width, lines, taps_h, t0, t1, p0, p1, sums, row_counts[z], divisors, y, out)


@njit(cache=True, nogil=True)
def _counts(depth, height, width, count_include_pad, divisor, like):
    """The divisor's factors for each depth and row, and for each column; all of it in the columns' if it was given."""
    rows, columns = np.ones((depth.windows, height.windows), like.dtype), np.empty(width.windows, like.dtype)
    if divisor:
        columns[:] = divisor
    else:
        depths, heights = counts(depth, count_include_pad, like), counts(height, count_include_pad, like)
        for z in range(depth.windows):
            for p in range(height.windows):
                rows[z, p] = depths[z] * heights[p]
        columns[:] = counts(width, count_include_pad, like)
    return rows, columns


@njit(cache=True, nogil=True)
def _sums_of_columns(width, taps, x, row, rows, sums, place, pitch):
    """sums[place + q] = the sum of window q's taps along a row of x; so for several rows, the next at place + pitch."""
    at, q01 = row * width.size - width.before, whole(width)
    inside, many = q01[1] - q01[0], rows
    if inside < lanes_of(x):
        many = rows_to_read_whole(width, x, at, rows, q01[0]) if inside * IDLE > lanes_of(x) else 0
    if width.stride == 2 and width.taps == 2:  # numbers that the compiler knows take half the instructions
        _sums_in_vectors(width, 2, 2, q01, x, at, many, sums, place, pitch)
    elif width.stride == 2 and width.taps == 3:
        _sums_in_vectors(width, 2, 3, q01, x, at, many, sums, place, pitch)
    elif width.stride == 1 and width.taps == 3:
        _sums_in_vectors(width, 1, 3, q01, x, at, many, sums, place, pitch)
    else:
        _sums_in_vectors(width, width.stride, width.taps, q01, x, at, many, sums, place, pitch)
    if q01[0] > 0:
        _sums_one_by_one(width, taps, 0, q01[0], x, at, 0, rows, sums, place, pitch)
    if many < rows:
        _sums_one_by_one(width, taps, *q01, x, at, many, rows, sums, place, pitch)
    if q01[1] < width.windows:
        _sums_one_by_one(width, taps, q01[1], width.windows, x, at, 0, rows, sums, place, pitch)


@njit(inline="always")
def _sums_in_vectors(width, stride, taps, q01, x, at, rows, sums, place, pitch):
    """The same of the windows that lie inside the input, a vector at a time."""
    q0, q1 = q01
    for i in range(rows if q0 < q1 else 0):
        q = q0
        while q < q1:
            q = max(q0, min(q, q1 - lanes_of(x)))
            tap = at + i * width.size + q * stride
            total = load_apart(x, tap, stride)
            for s in range(1, taps):
                total = total + load_apart(x, tap + s, stride)
            store(sums, place + i * pitch + q, total)
            q += lanes_of(x)


@njit(cache=True, nogil=True)
def _sums_one_by_one(width, taps, q0, q1, x, at, first, last, sums, place, pitch):
    """The same of other windows, of the taps that lie inside."""
    for i in range(first, last):
        for q in range(q0, q1):
            total = x.dtype.type(0)
            for s in range(taps[q, 0], taps[q, 1]):
                total += x[at + i * width.size + q * width.stride + s]
            sums[place + i * pitch + q] = total


@njit(cache=True, nogil=True)
def _means_of_lines(height, width, lines, taps_h, t0, t1, p0, p1, sums, row_counts, divisors, y, out):
    """y[p, q] = the sum of the lines that row p of windows reads, over the divisor."""
    short, pitch = np.empty(lanes_of(sums), sums.dtype), divisors.size
    for p in range(p0, p1):
        r0, r1 = taps_h[p]
        row = (out + p) * width.windows
        block = (t0 * lines + (p - p0) * height.stride + r0) * pitch, lines * pitch, pitch
        if width.windows < lanes_of(sums):
            _add_up(block, t1 - t0, r1 - r0, sums, row_counts[p], divisors, short, 0)
            for q in range(width.windows):
                y[row + q] = short[q]
        elif t1 - t0 == 1 and r1 - r0 == 2:
            _add_up(block, 1, 2, sums, row_counts[p], divisors, y, row)
        elif t1 - t0 == 1 and r1 - r0 == 3:
            _add_up(block, 1, 3, sums, row_counts[p], divisors, y, row)
        else:
            _add_up(block, t1 - t0, r1 - r0, sums, row_counts[p], divisors, y, row)


@njit(inline="always")
def _add_up(block, depths, rows, sums, row_count, divisors, y, out):
    """One row of windows, a vector at a time: depths x rows lines."""
    place, volume, step = block
    count, q = copies(sums, row_count), 0
    while q < divisors.size:
        q = min(q, divisors.size - lanes_of(sums))
        total = copies(sums, 0)
        for t in range(depths):
            for r in range(rows):
                total = total + load(sums, place + t * volume + r * step + q)
        store(y, out + q, total / (count * load(divisors, q)))
        q += lanes_of(sums)


@streaming
def _avg_pool_grad(planes, axes, count_include_pad, divisor, dy, dx, thread, threads):
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    row_counts, column_counts = _counts(depth, height, width, count_include_pad, divisor, dy)
    taps_w = inside_each(width)
    margin = lanes_of(dy) + width.taps  # zeros on both sides, so that no position asks whether a window is there
    line = np.zeros(width.windows + 2 * margin, dy.dtype)
    first, last = share(planes, thread, threads)
    for plane in range(first, last):
        for d in range(depth.size):
            z0, z1 = covering(depth, d)
            before = (0, 0)
            for h in range(height.size):
                p0, p1 = covering(height, h)
                row = ((plane * depth.size + d) * height.size + h) * width.size
                if h > 0 and (p0, p1) == before:  # under the same windows as the row above
                    copy_row(dx, row, dx, row - width.size, width.size)
                    continue
                before = (p0, p1)
                line[margin : margin + width.windows] = 0
                for z in range(z0, z1):
                    for p in range(p0, p1):
                        window = ((plane * depth.windows + z) * height.windows + p) * width.windows
                        _add_quotient(dy, window, row_counts[z, p], column_counts, line, margin)
                _spread(width, taps_w, line, margin, dx, row)


@njit(inline="always")
def _add_quotient(dy, window, row_count, column_counts, line, margin):
    """line[margin + q] += dy[window + q] / divisor."""
    q, count = 0, copies(dy, row_count)
    while q <= column_counts.size - lanes_of(dy):
        quotient = load(dy, window + q) / (count * load(column_counts, q))
        store(line, margin + q, load(line, margin + q) + quotient)
        q += lanes_of(dy)
    while q < column_counts.size:
        line[margin + q] += dy[window + q] / (row_count * column_counts[q])
        q += 1


@njit(inline="always")
def _spread(width, taps, line, margin, dx, start):
    """dx[start + w] = the sum of line[margin + q] over the windows q that cover position w of a row."""
    w = 0
    if width.stride > 2:
        w = _spread_each(width, taps, line, margin, dx, start)
    elif width.stride == 1:
        while w <= width.size - lanes_of(dx):
            at = margin + w + width.before
            total = load(line, at)
            for s in range(1, width.taps):
                total = total + load(line, at - s)
            store(dx, start + w, total)
            w += lanes_of(dx)
    elif width.stride == 2:
        if width.before % 2 == 1:
            dx[start] = _covered(width, line, margin, 0)
            w = 1
        while w <= width.size - 2 * lanes_of(dx):
            at = margin + (w + width.before) // 2
            even, odd = load(line, at), copies(dx, 0)
            if width.taps > 1:
                odd = even
            for s in range(2, width.taps, 2):
                even = even + load(line, at - s // 2)
            for s in range(3, width.taps, 2):
                odd = odd + load(line, at - s // 2)
            store_in_turns(dx, start + w, even, odd)
            w += 2 * lanes_of(dx)
    while w < width.size:
        dx[start + w] = _covered(width, line, margin, w)
        w += 1


@njit(inline="always")
def _spread_each(width, taps, line, margin, dx, start):
    """The same, a window at a time; gives back the positions that are done, which are all."""
    for w in range(width.size):
        dx[start + w] = 0
    for q in range(width.windows):
        first, count = start + q * width.stride - width.before + taps[q, 0], taps[q, 1] - taps[q, 0]
        for s in range(count):
            dx[first + s] += line[margin + q]
    return width.size


@njit(inline="always")
def _covered(width, line, margin, w):
    """The sum over the windows that cover one position."""
    total = line.dtype.type(0)
    q = margin + (w + width.before) // width.stride
    for k in range((width.taps - (w + width.before) % width.stride + width.stride - 1) // width.stride):
        total += line[q - k]
    return total
