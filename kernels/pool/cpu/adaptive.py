"""Adaptive and global pooling on the CPU: a thread takes whole planes (n, c).

Window i of P over H positions is floor(i H / P) to ceil((i + 1) H / P). Bytes a call: x and y once, and the indices.
"""

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming
from ..scalar import is_new_maximum
from . import avg, global_avg, small_plane_plans
from .max import POSITION_TYPES
from .max_grad import MAX_ADDED_IN_TYPE
from .windows import AxisWindows

MAX_TAPS = 64
"""Of windows that are pooled as those of a regular pooling, which adds in the arrays' type."""


def adaptive_avg_pool(g, x, y):
    """y = the mean over the window."""
    plan = _plan(g)
    if plan.regular is not None:
        avg.avg_pool(plan.regular, x, True, 0, y)
    elif plan.is_global:
        global_avg.plane_means(plan.planes, x.size, x.reshape(-1), x.dtype.type(plan.plane_size), y.reshape(-1))
    elif plan.small_table is not None:
        small_plane_plans.adaptive_avg_pool(plan.planes, plan.small_table, x, y)
    else:
        _adaptive_avg_pool(plan.planes, x.size, *plan.windows, x.reshape(plan.x_shape), y.reshape(-1))


def adaptive_avg_pool_input_grad(g, dy, dx):
    """dx[i] = the sum of dy / size over the windows that cover position i."""
    plan = _plan(g)
    if plan.regular is not None:
        avg.avg_pool_input_grad(plan.regular, dy, True, 0, dx)
    elif plan.is_global:
        global_avg.spread_means(plan.planes, dx.size, dy.reshape(-1), dx.dtype.type(plan.plane_size), dx.reshape(-1))
    elif plan.small_table is not None:
        small_plane_plans.adaptive_avg_pool_grad(plan.planes, plan.small_table, dy, dx)
    else:
        arrays = dy.reshape(plan.y_shape), dx.reshape(plan.x_shape)
        _adaptive_avg_pool_grad(plan.planes, dx.size, *plan.windows, *plan.covering, *arrays)


def adaptive_max_pool(g, x, y, indices):
    """y = max over the window, indices = the winner's (d H + h) W + w: the first in this order, a NaN before others."""
    plan = _plan(g)
    if plan.small_table is not None:
        code_like = POSITION_TYPES[x.itemsize]
        small_plane_plans.adaptive_max_pool(plan.planes, plan.small_table, code_like, x, y, indices)
        return
    arrays = x.reshape(plan.x_shape), y.reshape(-1), indices.reshape(-1)
    _adaptive_max_pool(plan.planes, x.size, *plan.windows, *arrays)


def adaptive_max_pool_input_grad(g, dy, indices, dx):
    """dx[i] = the sum of dy over the windows that position i won."""
    plan = _plan(g)
    if plan.small_table is not None:
        small_plane_plans.adaptive_max_pool_grad(plan.planes, plan.small_table, dy, indices, dx)
        return
    arrays = dy.reshape(plan.y_shape), indices.reshape(plan.y_shape), dx.reshape(plan.x_shape)
    _adaptive_max_pool_grad(plan.planes, dx.size, *plan.windows, plan.has_many_windows, *arrays)


class _Plan(NamedTuple):
    """What follows from a shape: (planes, D, H, W), (planes, Z, P, Q), and for each axis tables of windows."""

    planes: int
    plane_size: int
    is_global: bool
    """Whether a plane is one window."""
    x_shape: tuple
    y_shape: tuple
    windows: tuple
    """(windows, 2): the positions [first, last) of each window."""
    covering: tuple
    """(size, 2): the windows [first, last) that cover each position."""
    has_many_windows: bool
    """Whether a position may win so many windows that their gradients are added in float64."""
    small_table: tuple | None
    """Windows of small planes, for small_planes.py."""
    regular: tuple | None
    """The shape of a pooling by windows of few elements that lie side by side, for averages."""


class _Regular(NamedTuple):
    """The shape of a pooling without padding whose stride is the size of a window."""

    n: int
    c: int
    d: AxisWindows
    h: AxisWindows
    w: AxisWindows
    taps: int


@lru_cache(maxsize=1024)
def _plan(g):
    planes, axes = g.n * g.c, list(zip(g.x_sizes, g.y_sizes, strict=True))
    plane_size = prod(g.x_sizes)
    is_global = planes * plane_size > 0 and prod(g.y_sizes) == 1
    windows = tuple(_window_positions(size, count) for size, count in axes)
    covering = tuple(_covering_windows(size, count) for size, count in axes)
    many = prod(-(-count // size) + 1 for size, count in axes) > MAX_ADDED_IN_TYPE
    small = small_plane_plans.adaptive_table(planes, windows, g.x_sizes)
    shapes, regular = ((planes, *g.x_sizes), (planes, *g.y_sizes)), None
    taps = plane_size // max(prod(g.y_sizes), 1)
    if planes * plane_size > 0 and 1 < taps <= MAX_TAPS and not any(size % count for size, count in axes):
        sides = [AxisWindows(size, count, size // count, size // count, 0, 0, 1) for size, count in axes]
        regular = _Regular(g.n, g.c, *sides, taps)
    return _Plan(planes, plane_size, is_global, *shapes, windows, covering, many, small, regular)


def _window_positions(size, count):
    """The positions [first, last) of each of `count` windows along an axis."""
    i = np.arange(count)
    return np.stack([i * size // count, -(-(i + 1) * size // count)], axis=1)


def _covering_windows(size, count):
    """The windows [first, last) that cover each position along an axis."""
    i = np.arange(size)
    return np.stack([i * count // size, -(-(i + 1) * count // size)], axis=1)


@streaming
def _adaptive_avg_pool(depths, rows, columns, x, y, thread, threads):
    """x (planes, D, H, W), y flat (planes, Z, P, Q); tables of windows for each axis."""
    line = np.empty(x.shape[3])  # in float64: windows may have any number of elements
    first, last = share(x.shape[0], thread, threads)
    out = first * depths.shape[0] * rows.shape[0] * columns.shape[0]
    for plane in range(first, last):
        for z in range(depths.shape[0]):
            d0, d1 = depths[z, 0], depths[z, 1]
            for p in range(rows.shape[0]):
                h0, h1 = rows[p, 0], rows[p, 1]
                # column sums over the windows' depths and rows
                for d in range(d0, d1):
                    for h in range(h0, h1):
                        source = x[plane, d, h]
                        if d == d0 and h == h0:
                            for w in range(line.size):
                                line[w] = source[w]
                        else:
                            for w in range(line.size):
                                line[w] += source[w]
                # each window adds its columns
                size = (d1 - d0) * (h1 - h0)
                for q in range(columns.shape[0]):
                    w0, w1 = columns[q, 0], columns[q, 1]
                    total = line[w0]
                    for w in range(w0 + 1, w1):
                        total += line[w]
                    y[out] = total / (size * (w1 - w0))
                    out += 1


@streaming
def _adaptive_avg_pool_grad(depths, rows, columns, over_d, over_h, over_w, dy, dx, thread, threads):
    """dy (planes, Z, P, Q), dx (planes, D, H, W); tables of windows, then of the windows over each position.

    Neighboring rows under the same windows are the same.
    """
    line, widths = np.empty(dy.shape[3]), np.empty(dy.shape[3], dy.dtype)
    for q in range(widths.size):
        widths[q] = columns[q, 1] - columns[q, 0]
    first, last = share(dx.shape[0], thread, threads)
    for plane in range(first, last):
        for d in range(dx.shape[1]):
            for h in range(dx.shape[2]):
                target = dx[plane, d, h]
                if h > 0 and over_h[h, 0] == over_h[h - 1, 0] and over_h[h, 1] == over_h[h - 1, 1]:
                    above = dx[plane, d, h - 1]
                    for w in range(target.size):
                        target[w] = above[w]
                    continue
                # quotients of the windows over this row, for each column of windows
                line[:] = 0
                for z in range(over_d[d, 0], over_d[d, 1]):
                    for p in range(over_h[h, 0], over_h[h, 1]):
                        size = dy.dtype.type((depths[z, 1] - depths[z, 0]) * (rows[p, 1] - rows[p, 0]))
                        slopes = dy[plane, z, p]
                        for q in range(line.size):
                            line[q] += slopes[q] / (size * widths[q])
                # each position adds the columns of windows that cover it
                for w in range(target.size):
                    total = line[over_w[w, 0]]
                    for q in range(over_w[w, 0] + 1, over_w[w, 1]):
                        total += line[q]
                    target[w] = total


@streaming
def _adaptive_max_pool(depths, rows, columns, x, y, indices, thread, threads):
    """x (planes, D, H, W), y and indices flat (planes, Z, P, Q)."""
    best, winners = np.empty(x.shape[3], x.dtype), np.empty(x.shape[3], np.int32)
    first, last = share(x.shape[0], thread, threads)
    out = first * depths.shape[0] * rows.shape[0] * columns.shape[0]
    for plane in range(first, last):
        for z in range(depths.shape[0]):
            for p in range(rows.shape[0]):
                # the largest of each column over the windows' depths and rows, and its row
                d0, h0 = depths[z, 0], rows[p, 0]
                for d in range(d0, depths[z, 1]):
                    for h in range(h0, rows[p, 1]):
                        _update(x[plane, d, h], np.int32(d * x.shape[2] + h), d == d0 and h == h0, best, winners)
                # the largest of each window's columns: of equal ones that of the first row
                for q in range(columns.shape[0]):
                    w0 = columns[q, 0]
                    value, row, column = best[w0], winners[w0], w0
                    for w in range(w0 + 1, columns[q, 1]):
                        takes = _precedes(best[w], winners[w], value, row)
                        value, row, column = (
                            (best[w] if takes else value),
                            (winners[w] if takes else row),
                            (w if takes else column),
                        )
                    y[out], indices[out] = value, row * x.shape[3] + column
                    out += 1


@njit(inline="always")
def _precedes(value, row, best, best_row):
    """Whether a column's value is a new maximum, or equals it in a row above it. Branch-free."""
    is_same = (value == best) | ((value != value) & (best != best))  # noqa: PLR0124
    return is_new_maximum(value, best) | (is_same & (row < best_row))


@njit(inline="always")
def _update(source, row, is_first, best, winners):
    """best and winners, of each column, with one more row."""
    if is_first:
        for w in range(best.size):
            best[w], winners[w] = source[w], row
    else:
        for w in range(best.size):
            takes = is_new_maximum(source[w], best[w])
            best[w], winners[w] = source[w] if takes else best[w], row if takes else winners[w]


@streaming
def _adaptive_max_pool_grad(depths, rows, columns, many, dy, indices, dx, thread, threads):
    """dy and indices (planes, Z, P, Q), dx (planes, D, H, W); many windows over a position are added in float64."""
    totals = np.empty(dx.shape[1:] if many else (0, 0, 0))
    first, last = share(dx.shape[0], thread, threads)
    for plane in range(first, last):
        if many:
            _route(depths, rows, columns, dy[plane], indices[plane], totals)
            for d in range(totals.shape[0]):
                for h in range(totals.shape[1]):
                    for w in range(totals.shape[2]):
                        dx[plane, d, h, w] = totals[d, h, w]
        else:
            _route(depths, rows, columns, dy[plane], indices[plane], dx[plane])


@njit(cache=True, nogil=True)
def _route(depths, rows, columns, dy, indices, dx):
    """dx[winner] = the sum of dy over the windows of a plane that it won; a winner outside its window is ignored."""
    height, width = dx.shape[1], dx.shape[2]
    dx[:] = 0
    per_row, per_plane = 1.0 / width, 1.0 / (height * width)  # quotients of integers plus a half are exact enough
    flat = dx.reshape(-1)
    for z in range(depths.shape[0]):
        for p in range(rows.shape[0]):
            h0, h1 = rows[p, 0], rows[p, 1]
            for q in range(columns.shape[0]):
                winner = indices[z, p, q]
                d = int((winner + 0.5) * per_plane) if dx.shape[0] > 1 else 0
                in_plane = winner - d * height * width
                w = in_plane - int((in_plane + 0.5) * per_row) * width
                inside = depths[z, 0] <= d < depths[z, 1] and h0 * width <= in_plane < h1 * width
                if inside and columns[q, 0] <= w < columns[q, 1]:
                    flat[winner] += dy[z, p, q]
