"""Average pooling on the CPU: a thread takes whole planes (n, c), so nothing depends on the number of threads.

First the rows that a row of windows reads are added up, into a line with zeros at both ends for the padding; then a
vector of neighbouring windows at a time adds what lies along that line. Bytes a call: x and y once.
"""

from functools import lru_cache

from numba import njit

from ...cpu.parallel import share, streaming
from ...cpu.simd import copies, lanes_of, load, load_apart, load_in_turns, moved_up, store_row
from ...cpu.simd_rows import AHEAD, prefetch_row, sum_rows
from ...cpu.workspaces import zeros
from .avg_grad import spread_quotients
from .global_avg import means, means_input_grad
from .pool2x2 import are_pairs, mean_of_pairs, mean_of_pairs_input_grad
from .windows import axis_of, divisors, inside_each, line_of, packed, strip_of, vectors_of


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
    spread_quotients(g.n * g.c, dx.size * g.taps, g.n * g.c, packed(g), count_include_pad, divisor, *flat)


@lru_cache(maxsize=1024)
def _one_whole_window(g):
    """Whether a plane is one window, and nothing else is."""
    return all((axis.windows, axis.taps, axis.before, axis.after) == (1, axis.size, 0, 0) for axis in (g.d, g.h, g.w))


@streaming
def _avg_pool(planes, axes, count_include_pad, divisor, x, y, thread, threads):
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    taps_d, taps_h = inside_each(depth), inside_each(height)
    row_counts, column_counts = divisors(depth, height, width, count_include_pad, divisor, x)
    (rows, _), line = strip_of(height, width), line_of(width, x)
    sums, area = zeros(rows * line, x), height.size * width.size
    first, last = share(planes, thread, threads)
    end = last * depth.windows * height.windows * width.windows
    for plane in range(first, last):
        for z in range(depth.windows):
            t0, t1 = taps_d[z, 0], taps_d[z, 1]
            d, out = plane * depth.size + z * depth.stride - depth.before + t0, plane * depth.windows + z
            for p0 in range(0, height.windows, rows):
                count = min(rows, height.windows - p0)
                for i in range(count):
                    r0, r1 = taps_h[p0 + i, 0], taps_h[p0 + i, 1]
                    source = d * area + ((p0 + i) * height.stride - height.before + r0) * width.size
                    place = i * line + width.before
                    sum_rows(sums, place, x, source, area, t1 - t0, width.size, r1 - r0, width.size)
                    prefetch_row(x, source + AHEAD, height.stride * width.size)
                counts = row_counts[z, p0 : p0 + count]
                _means_of_lines(width, sums, line, counts, column_counts, y, out * height.windows + p0, end)


@njit(cache=True, nogil=True)
def _means_of_lines(width, sums, line, row_counts, column_counts, y, row, end):
    """y[row + i, q] = the sum of window q's taps along line i, over the divisor."""
    if width.stride == 2 and width.taps == 3:  # numbers that the compiler knows take half the instructions
        _means(2, 3, width.windows, sums, line, row_counts, column_counts, y, row, end)
    elif width.stride == 1 and width.taps == 3:
        _means(1, 3, width.windows, sums, line, row_counts, column_counts, y, row, end)
    else:
        _means(width.stride, width.taps, width.windows, sums, line, row_counts, column_counts, y, row, end)


@njit(inline="always")
def _means(stride, taps, windows, sums, line, row_counts, column_counts, y, row, end):
    """The same, a vector of windows at a time; the last one overlaps the one before."""
    for i in range(row_counts.size):
        count = copies(sums, row_counts[i])
        for part in range(vectors_of(sums, windows)):
            start = part * lanes_of(sums)
            q = max(0, min(start, windows - lanes_of(sums)))
            total = _sum_along(sums, i * line + q * stride, stride, taps)
            store_row(y, (row + i) * windows + q, total / (count * load(column_counts, q)), windows, end)


@njit(inline="always")
def _sum_along(sums, at, stride, taps):
    """The sums of `taps` elements from sums[at], sums[at + stride], ... on."""
    if stride == 2 and taps > 1:
        total, odd = load_in_turns(sums, at)
        even, total = total, total + odd
        for s in range(2, taps):
            total = total + (moved_up(even, sums, at + 2 * lanes_of(sums)) if s == 2 else load_apart(sums, at + s, 2))
        return total
    total = load_apart(sums, at, stride)
    for s in range(1, taps):
        total = total + load_apart(sums, at + s, stride)
    return total
