"""Tables of windows for pooling small planes on the CPU, and its launchers; None where planes are not small."""

from functools import lru_cache
from math import prod

import numpy as np

from . import pool2x2, small_planes
from .windows import AxisWindows, divisor_factors, packed_axes


def max_plan(g, backward):
    """(kernel, its arguments before the arrays) of a maximum's pass, or None."""
    limit, size = (
        small_planes.MAX_MAXIMUM_GRAD if backward else small_planes.MAX_FORWARD,
        g.d.size * g.h.size * g.w.size,
    )
    table = _table_of_windows(g) if size <= limit and g.n * g.c > 0 else None
    if table is None:
        return None
    tasks = _tasks(g.n * g.c, table)
    if backward and _has_few_windows(table, size):
        return small_planes.scatter_gradients, (*tasks, _lookup(*table[:3], g.taps))
    if not _is_small(g, limit):
        return None
    return (small_planes.max_pool_grad if backward else small_planes.max_pool), (*tasks, *table[:3])


def has_small_planes(g, backward):
    """Whether averages are taken here."""
    limit = small_planes.MAX_AVERAGE_GRAD if backward else small_planes.MAX_FORWARD
    return _is_small(g, limit) and _table_of_windows(g) is not None


def avg_pool(g, x, count_include_pad, divisor, y):
    """y = sum over the window / divisor: the one given, or if 0, as many positions as count."""
    _avg_pool(g.n * g.c, _table_of_windows(g), _divisors(g, count_include_pad, divisor, x.dtype), x, y)


def avg_pool_grad(g, dy, count_include_pad, divisor, dx):
    """dx[i] = sum of dy / divisor over the windows that cover position i."""
    _avg_pool_grad(g.n * g.c, _table_of_windows(g), _divisors(g, count_include_pad, divisor, dy.dtype), dy, dx)


def adaptive_table(planes, windows, x_sizes):
    """Table of adaptive windows, or None: as of others, then what gradients of maxima of few windows look up, or None.

    windows has for each axis (windows, 2): the positions [first, last) of each.
    """
    reads = prod(int(np.diff(axis).sum()) for axis in windows)
    small = 0 < prod(x_sizes) <= small_planes.MAX_POSITIONS and 0 < reads <= small_planes.MAX_READS
    if not small or planes == 0:
        return None
    ranges = [[range(first, last) for first, last in axis] for axis in windows]
    table, size = _joined(ranges, x_sizes), prod(x_sizes)
    if table is None:
        return None
    starts, _, positions = table[:3]
    return *table, (_lookup(starts, positions, positions, size) if _has_few_windows(table, size) else None)


def _has_few_windows(table, plane_size):
    """Whether gradients of maxima are scattered, rather than added to planes that lie side by side."""
    return (table[0].size - 1) * small_planes.SCATTERED_SHARE <= plane_size


def _lookup(starts, codes, positions, count):
    """(windows, count): the position of each window's code, or -1."""
    lookup = np.full((starts.size - 1, count), -1)
    lookup[np.repeat(np.arange(starts.size - 1), np.diff(starts)), codes] = positions
    return lookup


def adaptive_avg_pool(planes, table, x, y):
    """y = the mean over the window."""
    _avg_pool(planes, table, _sizes(table[0], x), x, y)


def adaptive_avg_pool_grad(planes, table, dy, dx):
    """dx[i] = the sum of dy / size over the windows that cover position i."""
    _avg_pool_grad(planes, table, _sizes(table[0], dy), dy, dx)


def adaptive_max_pool(planes, table, code_like, x, y, indices):
    """y = max over the window, indices = the winner's position in its plane."""
    starts, _, positions = table[:3]
    flat = x.reshape(-1), y.reshape(-1), indices.reshape(-1)
    small_planes.max_pool(*_tasks(planes, table), starts, positions, positions, code_like, *flat)


def adaptive_max_pool_grad(planes, table, dy, indices, dx):
    """dx[i] = the sum of dy over the windows that position i won."""
    starts, _, positions = table[:3]
    flat = dy.reshape(-1), indices.reshape(-1), dx.reshape(-1)
    if table[5] is not None:
        small_planes.scatter_gradients(*_tasks(planes, table), table[5], *flat)
        return
    small_planes.max_pool_grad(*_tasks(planes, table), starts, positions, positions, *flat)


def _is_small(g, limit):
    """Whether planes are small; however many there are, or some planes at a time would give other last bits."""
    limit = min(limit, small_planes.MAX_ADJACENT_2X2) if pool2x2.supports(g) else limit
    return g.d.size * g.h.size * g.w.size <= limit and g.n * g.c > 0


@lru_cache(maxsize=1024)
def _table_of_windows(g):
    """Table of a pooling's windows, or None where it is not small; the codes are numbers of taps."""
    axes = g.d, g.h, g.w
    reads, plane_size = prod(axis.windows * axis.taps for axis in axes), prod(axis.size for axis in axes)
    if plane_size == 0 or not 0 < reads <= 2 * small_planes.MAX_READS:
        return None
    ranges = [[_positions(axis, window) for window in range(axis.windows)] for axis in axes]
    tables = _joined(ranges, [axis.size for axis in axes])
    if tables is None:
        return None
    # the tap of each position read
    starts, _, positions, *back = tables
    windows = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    code = 0
    for axis, i, at in zip(
        axes,
        np.unravel_index(windows, [axis.windows for axis in axes]),
        np.unravel_index(positions, [axis.size for axis in axes]),
        strict=True,
    ):
        code = code * axis.taps + (at - (i * axis.stride - axis.pad_before)) // axis.dilation
    return starts, np.asarray(code, np.intp), positions, *back


def _positions(axis, window):
    """The positions of a window that lie inside the input."""
    first = window * axis.stride - axis.pad_before
    return [p for p in range(first, first + axis.taps * axis.dilation, axis.dilation) if 0 <= p < axis.size]


def _joined(ranges, sizes):
    """Table of the windows whose positions along each axis are given, or None where it is not small."""
    starts, positions = [0], []
    for windows in np.ndindex(*(len(axis) for axis in ranges)):
        flat = np.zeros(1, np.intp)
        for axis, size, window in zip(ranges, sizes, windows, strict=True):
            flat = (flat[:, None] * size + np.array(axis[window], np.intp)).reshape(-1)
        positions.append(flat)
        starts.append(starts[-1] + flat.size)
    starts, positions, plane_size = np.array(starts), np.concatenate(positions), prod(sizes)
    back = small_planes.transposed(starts, positions, plane_size)
    return (starts, None, positions, *back) if small_planes.table_is_small(plane_size, starts, back[0]) else None


@lru_cache(maxsize=1024)
def _divisors(g, count_include_pad, divisor, dtype):
    """What the sum of each window is divided by."""
    axes = [AxisWindows(*map(int, axis)) for axis in packed_axes(g)]
    rows, columns = divisor_factors(*axes, count_include_pad, divisor, np.empty(0, dtype))
    return (rows[:, :, None] * columns[: g.w.windows]).reshape(-1)


def _sizes(starts, like):
    return np.diff(starts).astype(like.dtype)


def _tasks(planes, table):
    """Tasks and work of a launch."""
    return planes, planes * int(table[0][-1])


def _avg_pool(planes, table, divisors, x, y):
    starts, _, positions = table[:3]
    flat = x.reshape(-1), y.reshape(-1)
    small_planes.avg_pool(*_tasks(planes, table), starts, positions, _ones(positions.size, x.dtype), divisors, *flat)


def _avg_pool_grad(planes, table, divisors, dy, dx):
    starts, windows = table[3:5]
    flat = dy.reshape(-1), dx.reshape(-1)
    small_planes.avg_pool_grad(*_tasks(planes, table), starts, windows, _ones(windows.size, dy.dtype), divisors, *flat)


@lru_cache(maxsize=64)
def _ones(count, dtype):
    return np.ones(count, dtype)
