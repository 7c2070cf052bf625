"""Average pooling on the CPU: a thread takes whole planes (n, c), so results do not depend on the number of threads.

Forward, the input rows under a row of windows are added up into a scratch row with zeros at both ends for the padding;
then a vector of neighboring windows at a time adds its taps along that row. Backward, each row of windows is divided
and spread along its columns once, a vector of positions at a time; then each row of dx adds up the rows of windows that
cover it. Bytes a call: x and y once, or dy and dx.
"""

from functools import lru_cache

from numba import njit

from ...cpu.parallel import share, streaming, workspace, zeros
from ...cpu.simd import (
    lanes_of,
    load,
    load_deinterleaved,
    load_strided,
    shift_in,
    splat,
    store,
    store_interleaved,
    store_row,
)
from ...cpu.simd_rows import PREFETCH_DISTANCE, prefetch_row, sum_rows
from . import direct, global_avg, pool2x2, small_plane_plans, wide_windows
from .overflow import is_finite, mend_plane
from .windows import (
    axis_of,
    covering_windows,
    divisor_factors,
    forward_strip,
    gradient_strip,
    line_length,
    packed_axes,
    rounded_to_vectors,
    valid_taps,
    vector_count,
    vector_pair_count,
)


def avg_pool(g, x, count_include_pad, divisor, y):
    """y = sum over the window / divisor: the one given, or if 0, as many positions as count by PyTorch's rule."""
    special, arguments, taps = _plan(g, False)
    if arguments is None:
        special(g, x, count_include_pad, divisor, y)
    elif special is None:
        _avg_pool(*arguments, count_include_pad, divisor, x.reshape(-1), y.reshape(-1))
    else:
        special(*arguments, x.reshape(-1), x.dtype.type(divisor or taps), y.reshape(-1))


def avg_pool_input_grad(g, dy, count_include_pad, divisor, dx):
    """dx[i] = sum of dy / divisor over the windows that cover position i."""
    special, arguments, taps = _plan(g, True)
    if arguments is None:
        special(g, dy, count_include_pad, divisor, dx)
    elif special is None:
        _avg_pool_grad(*arguments, count_include_pad, divisor, dy.reshape(-1), dx.reshape(-1))
    else:
        special(*arguments, dy.reshape(-1), dx.dtype.type(divisor or taps), dx.reshape(-1))


@lru_cache(maxsize=1024)
def _plan(g, backward):
    """(kernel for special windows or None, arguments that follow from the shape or None for all, taps of a window)."""
    planes = g.n * g.c
    inputs, outputs = planes * g.d.size * g.h.size * g.w.size, planes * g.d.windows * g.h.windows * g.w.windows
    if inputs and _one_whole_window(g):
        return (global_avg.spread_means if backward else global_avg.plane_means), (planes, inputs), g.taps
    if small_plane_plans.has_small_planes(g, backward):
        return (small_plane_plans.avg_pool_grad if backward else small_plane_plans.avg_pool), None, g.taps
    if wide_windows.supports(g):
        return (wide_windows.avg_pool_grad if backward else wide_windows.avg_pool), None, g.taps
    if any(axis.dilation > 1 for axis in (g.d, g.h, g.w)) or not direct.padding_is_narrow(g):
        return (direct.avg_pool_grad if backward else direct.avg_pool), None, g.taps
    if pool2x2.supports(g):
        return (pool2x2.avg_pool_grad if backward else pool2x2.avg_pool), pool2x2.arguments(g), g.taps
    work = (inputs if backward else outputs) * g.taps
    return None, (planes, work, planes, packed_axes(g)), g.taps


def _one_whole_window(g):
    """Whether the only window is the whole plane."""
    axes = g.d, g.h, g.w
    return all((a.windows, a.taps, a.pad_before, a.pad_after) == (1, a.size, 0, 0) for a in axes)


@streaming
def _avg_pool(planes, axes, count_include_pad, divisor, x, y, thread, threads):
    """x (planes, D, H, W), y (planes, Z, P, Q), flat."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    taps_d, taps_h = valid_taps(depth), valid_taps(height)
    row_counts, column_counts = divisor_factors(depth, height, width, count_include_pad, divisor, x)
    (rows, _), line = forward_strip(height, width), line_length(width, x)
    sums, area, seen = zeros(rows * line, x), height.size * width.size, zeros(lanes_of(x), x)
    first, last = share(planes, thread, threads)
    end = last * depth.windows * height.windows * width.windows
    for plane in range(first, last):
        for z in range(depth.windows):
            t0, t1 = taps_d[z, 0], taps_d[z, 1]
            d, out = plane * depth.size + z * depth.stride - depth.pad_before + t0, plane * depth.windows + z
            for p0 in range(0, height.windows, rows):
                count = min(rows, height.windows - p0)
                # add up the input rows under each row of windows
                for i in range(count):
                    r0, r1 = taps_h[p0 + i, 0], taps_h[p0 + i, 1]
                    source = d * area + ((p0 + i) * height.stride - height.pad_before + r0) * width.size
                    offset = i * line + width.pad_before
                    sum_rows(sums, offset, x, source, area, t1 - t0, width.size, r1 - r0, width.size)
                    prefetch_row(x, source + PREFETCH_DISTANCE, height.stride * width.size)
                # add the taps along each scratch row, and divide
                counts = row_counts[z, p0 : p0 + count]
                _means_of_lines(width, sums, line, counts, column_counts, y, out * height.windows + p0, end, seen)
        # sums that overflow
        if not is_finite(seen):
            mend_plane(plane, axes, count_include_pad, divisor, x, y)
            seen[:] = 0


@njit(cache=True, nogil=True)
def _means_of_lines(width, sums, line, row_counts, column_counts, y, row, end, seen):
    """y[row + i, q] = the sum of window q's taps along line i, over the divisor; seen += 0 y."""
    if width.stride == 2 and width.taps == 3:  # as constants for the compiler: half the instructions
        _means(2, 3, width.windows, sums, line, row_counts, column_counts, y, row, end, seen)
    elif width.stride == 1 and width.taps == 3:
        _means(1, 3, width.windows, sums, line, row_counts, column_counts, y, row, end, seen)
    else:
        _means(width.stride, width.taps, width.windows, sums, line, row_counts, column_counts, y, row, end, seen)


@njit(inline="always")
def _means(stride, taps, windows, sums, line, row_counts, column_counts, y, row, end, seen):
    """_means_of_lines, a vector of windows at a time; the last vector overlaps the one before."""
    zero, zeros_of_y = splat(sums, 0), load(seen, 0)
    for i in range(row_counts.size):
        count = splat(sums, row_counts[i])
        for part in range(vector_count(sums, windows)):
            start = part * lanes_of(sums)
            q = max(0, min(start, windows - lanes_of(sums)))
            total = _sum_along(sums, i * line + q * stride, stride, taps)
            mean = total / (count * load(column_counts, q))
            zeros_of_y = zeros_of_y + zero * mean
            store_row(y, (row + i) * windows + q, mean, windows, end)
    store(seen, 0, zeros_of_y)


@njit(inline="always")
def _sum_along(sums, at, stride, taps):
    """A vector of windows' sums: window j adds `taps` elements from sums[at + j stride] on."""
    if stride == 2 and taps > 1:
        total, odd = load_deinterleaved(sums, at)
        even, total = total, total + odd
        for s in range(2, taps):
            total = total + (shift_in(even, sums, at + 2 * lanes_of(sums)) if s == 2 else load_strided(sums, at + s, 2))
        return total
    total = load_strided(sums, at, stride)
    for s in range(1, taps):
        total = total + load_strided(sums, at + s, stride)
    return total


@streaming
def _avg_pool_grad(planes, axes, count_include_pad, divisor, dy, dx, thread, threads):
    """dy (planes, Z, P, Q), dx (planes, D, H, W), flat; a thread takes slices (plane, d)."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    row_counts, column_counts = divisor_factors(depth, height, width, count_include_pad, divisor, dy)
    # scratch: quotients between margins of zeros, so that no position checks for a window, and their spread
    taps_w, margin = valid_taps(width), rounded_to_vectors(dy, width.taps)
    rows, layer, deep, pitch = gradient_strip(depth, height, width, dy)
    reach = max(column_counts.size, (pitch + width.pad_before) // width.stride + lanes_of(dy))
    line = rounded_to_vectors(dy, 2 * margin + reach)
    quotients = zeros(deep * layer * line, dy)
    spread = workspace(deep * layer * pitch, dy)
    first, last = share(planes * depth.size, thread, threads)
    for slice_ in range(first, last):
        plane, d = slice_ // depth.size, slice_ % depth.size
        z0, z1 = covering_windows(depth, d)
        for h0 in range(0, height.size, rows):
            h1 = min(h0 + rows, height.size)
            p0, p1 = covering_windows(height, h0)[0], covering_windows(height, h1 - 1)[1]
            # divide each covering row of windows, and spread it along its columns
            for z in range(z0, z1):
                window = ((plane * depth.windows + z) * height.windows + p0) * width.windows
                counts, offset = row_counts[z, p0:p1], (z - z0) * layer
                _divide(width, dy, window, counts, column_counts, quotients, offset * line + margin, line)
                _spread(width, taps_w, p1 - p0, quotients, offset * line + margin, line, spread, offset * pitch, pitch)
            # add up the rows of windows over each row of dx
            for h in range(h0, h1):
                first_p, last_p = covering_windows(height, h)
                row, source = (slice_ * height.size + h) * width.size, (first_p - p0) * pitch
                covered_by = max(0, last_p - first_p)
                sum_rows(dx, row, spread, source, layer * pitch, z1 - z0, pitch, covered_by, width.size)
                prefetch_row(dx, row + PREFETCH_DISTANCE, width.size)


@njit(cache=True, nogil=True)
def _divide(width, dy, window, row_counts, column_counts, quotients, offset, line):
    """quotients[offset + i * line + q] = dy[window + i * windows + q] / divisor."""
    for i in range(row_counts.size):
        count, source, target = splat(dy, row_counts[i]), window + i * width.windows, offset + i * line
        for part in range(vector_count(dy, width.windows)):
            start = part * lanes_of(dy)
            q = min(start, width.windows - lanes_of(dy))
            if q >= 0:
                store(quotients, target + q, load(dy, source + q) / (count * load(column_counts, q)))
        for q in range(width.windows if width.windows < lanes_of(dy) else 0):
            quotients[target + q] = dy[source + q] / (row_counts[i] * column_counts[q])


@njit(cache=True, nogil=True)
def _spread(width, taps_w, rows, quotients, offset, line, spread, target, pitch):
    """spread[target + i * pitch + w] = the sum of quotients[offset + i * line + q] over the q that cover position w."""
    for i in range(rows):
        source, row = offset + i * line, target + i * pitch
        if width.stride == 1:
            for part in range(vector_count(quotients, width.size)):
                w = part * lanes_of(quotients)
                at = source + w + width.pad_before
                total = load(quotients, at)
                for s in range(1, width.taps):
                    total = total + load(quotients, at - s)
                store(spread, row + w, total)
        elif width.stride == 2 and width.taps == 3:
            _spread_stride_2(3, width, quotients, source, spread, row)
        elif width.stride == 2:
            _spread_stride_2(width.taps, width, quotients, source, spread, row)
        else:
            _spread_any_stride(width, taps_w, quotients, source, spread, row)


@njit(inline="always")
def _spread_stride_2(taps, width, quotients, source, spread, row):
    """_spread of a row for stride 2: even and odd positions meet every other tap."""
    odd_first = width.pad_before % 2
    for part in range(vector_pair_count(quotients, width.size)):
        w = 2 * part * lanes_of(quotients)
        at = source + (w + width.pad_before) // 2
        even, odd = load(quotients, at + odd_first), splat(quotients, 0)
        for s in range(2, taps, 2):
            even = even + load(quotients, at + odd_first - s // 2)
        for s in range(1, taps, 2):
            odd = odd + load(quotients, at - s // 2)
        if odd_first:
            store_interleaved(spread, row + w, odd, even)
        else:
            store_interleaved(spread, row + w, even, odd)


@njit(cache=True, nogil=True)
def _spread_any_stride(width, taps_w, quotients, source, spread, row):
    """_spread of a row for any stride, a window at a time."""
    for w in range(width.size):
        spread[row + w] = 0
    for q in range(width.windows):
        first, count = row + q * width.stride - width.pad_before + taps_w[q, 0], taps_w[q, 1] - taps_w[q, 0]
        for s in range(count):
            spread[first + s] += quotients[source + q]
