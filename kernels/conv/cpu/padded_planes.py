"""Tiling of a direct convolution: strips of the input as zero-padded planes, split by stride phase.

A task is a strip of output rows of one image and group; where a map is small, a task is several whole images. Its
input is copied once into planes,

    plane[m, c, u, v][i, j] = x[n + m, c, (p0 + i) st_h + top + u, j st_w + left + v], zero outside x,

so that for every tap (r, s) the outputs of a row read one contiguous run: no im2col, for any stride and dilation. The
outputs are cut into vectors, either along the rows laid end to end over the planes' width or row by row, whichever
needs fewer; one offset table holds where the vectors start, another how far each tap lies from a start.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from ...cpu.simd_rows import clear_row, copy_row, fill_row, prefetch_row, unzip_row
from .correlation import MIN_TASKS

TASK_OUTPUTS = 512  # of a task, about: its planes and its results then share the second-level cache
TASK_PLANE_ELEMENTS = 1 << 16  # of a task, about: half the second-level cache (Zen 3, 2026-11)
TASK_MULTIPLE = 4  # tasks of whole images come to a multiple of it, so that threads have as many each
SPARE_ENTRIES = 8  # of an offset table: a last tile is read whole


class TileShape(NamedTuple):
    """How one correlation is cut into tasks, as integers for the kernels."""

    n: int
    """Shape of the input."""
    c: int
    h: int
    w: int
    p: int
    """Output rows and columns."""
    q: int
    stride_h: int
    stride_w: int
    top: int
    """Input row and column that the first tap of output (0, 0) reads."""
    left: int
    phases_h: int
    phases_w: int
    groups: int
    taps: int
    images: int
    """Images of a task."""
    rows: int
    """Output rows of a task."""
    height: int
    """Rows and columns of a plane."""
    width: int
    step: int
    """Channels multiplied at once."""
    pitch: int
    """Distance of output rows in a task's results; a multiple of the vector's length, or the planes' width."""
    run: int
    """Vectors of one image in a task."""
    vectors: int
    """Vectors of a task."""
    lanes: int
    """Elements of a vector."""


class OffsetTables(NamedTuple):
    """The tables of a correlation: element (channel, tap) of vector v is at starts[v] + offsets[(channel, tap)]."""

    taps: np.ndarray
    """(T,): which weight r * S + s each tap is."""
    offsets: np.ndarray
    """(step * T,): how far each channel and tap lies from a vector's start."""
    starts: np.ndarray
    """(vectors + spare,): where each vector of the outputs starts."""


def tile(correlation, panel_pairs, lanes, *, serial, filters=None, multiple=1, min_tasks=MIN_TASKS):
    """Cut a correlation into tasks.

    Parameters
    ----------
    correlation : Correlation
    panel_pairs : int
        (channel, tap) pairs that are multiplied at once, at most, if one channel's taps are fewer.
    lanes : int
        Elements of a vector.
    serial : bool
        Whether one thread computes all tasks, so that a few will do.
    filters : int, optional
        Of a group, that tasks are sized for; default: the correlation's.
    min_tasks : int
        Tasks of a problem that is not serial, where the shape allows it.
    multiple : int
        Of channels that are multiplied at once; the correlation has a multiple of it in each group.

    Returns
    -------
    TileShape, OffsetTables
    """
    c = correlation
    filters = c.lattice.k // c.groups if filters is None else filters
    size, min_tasks = (c.lattice.p, c.lattice.q), 1 if serial else min_tasks
    return _tile(
        c.x_shape, filters, c.taps, c.field, c.stride, c.groups, size, panel_pairs, lanes, min_tasks, multiple
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _tile(x_shape, filters, taps, field, stride, groups, size, panel_pairs, lanes, min_tasks, multiple):
    """What `tile` returns."""
    # what the taps reach
    (stride_h, stride_w), (p, q) = stride, size
    images, channels = x_shape[0], x_shape[1] // groups
    top, left = min(tap.dh for tap in taps), min(tap.dw for tap in taps)
    reach_h, reach_w = max(tap.dh for tap in taps) - top, max(tap.dw for tap in taps) - left
    phases_h, phases_w = min(stride_h, reach_h + 1), min(stride_w, reach_w + 1)
    width = q + reach_w // stride_w

    # rows and images of a task, channels of a step
    at_once = channels * len(taps) <= panel_pairs  # then the sums of a few filters at a time are stored for good
    outputs = TASK_OUTPUTS if at_once else TASK_OUTPUTS * 64 // max(filters, 64)
    rows = max(1, min(p, outputs // width))
    strips = max(-(-p // rows), min(p, -(-min_tasks // (images * groups))))
    rows = -(-p // strips)
    batch = 1 if rows < p else max(1, min(outputs // (p * width), images * groups // min_tasks))
    batch = -(-images // (-(-images // batch // TASK_MULTIPLE) * TASK_MULTIPLE)) if batch > 1 else 1
    height = rows + reach_h // stride_h
    plane = phases_h * phases_w * height * width
    most = max(1, min(channels, panel_pairs // len(taps), TASK_PLANE_ELEMENTS // (batch * plane)))
    step = -(-channels // -(-channels // most) // multiple) * multiple

    # vectors: row by row, or along the rows laid end to end
    by_row, flat = rows * -(-q // lanes), -(-((rows - 1) * width + q) // lanes)
    run, pitch = (by_row, by_row // rows * lanes) if by_row <= flat else (flat, width)
    each = by_row // rows if by_row <= flat else run
    shape = TileShape(
        *x_shape,
        p, q, stride_h, stride_w, top, left, phases_h, phases_w, groups, len(taps),
        batch, rows, height, width, step, pitch, run, batch * run, lanes,
    )  # fmt: skip
    return shape, _offset_tables(shape, taps, field, each)


def _offset_tables(g, taps, field, each):
    """The tables of a tiling with so many vectors from one row of the planes to the next."""
    plane = g.phases_h * g.phases_w * g.height * g.width
    starts = [
        m * g.step * plane + v // each * g.width + v % each * g.lanes for m in range(g.images) for v in range(g.run)
    ]
    offsets = [
        c * plane
        + ((dh - g.top) % g.stride_h * g.phases_w + (dw - g.left) % g.stride_w) * g.height * g.width
        + (dh - g.top) // g.stride_h * g.width
        + (dw - g.left) // g.stride_w
        for c in range(g.step)
        for _, _, dh, dw in taps
    ]
    spare, weights = [0] * SPARE_ENTRIES, [tap.r * field[1] + tap.s for tap in taps]
    return OffsetTables(*(np.array(table, np.int32) for table in (weights, offsets + spare, starts + spare)))


@njit(cache=True, nogil=True)
def planes_size(g):
    """Elements of a task's planes, with room for the last vector and for one line of input."""
    return g.images * g.step * g.phases_h * g.phases_w * g.height * g.width + 2 * g.lanes + g.stride_w * g.width


@njit(cache=True, nogil=True)
def task_bounds(g, task):
    """(first image, images, group, first row, row after the last) of a task."""
    strips = (g.p + g.rows - 1) // g.rows
    n, group, p0 = task // (g.groups * strips) * g.images, task // strips % g.groups, task % strips * g.rows
    return n, min(g.images, g.n - n), group, p0, min(p0 + g.rows, g.p)


@njit(cache=True, nogil=True)
def task_count(g):
    """Tasks of the whole correlation."""
    return (g.n + g.images - 1) // g.images * g.groups * ((g.p + g.rows - 1) // g.rows)


@njit(cache=True, nogil=True)
def task_vectors(g, images, rows):
    """Vectors of a task of so many images and rows."""
    return images * g.run if rows == g.rows else ((rows - 1) * g.pitch + g.q + g.lanes - 1) // g.lanes


@njit(inline="always")
def is_end_to_end(g, p1):
    """Whether planes of rows up to p1 are stretches of their channels: one tap, no stride, no padding."""
    same = g.stride_h == 1 and g.stride_w == 1 and g.height == g.rows and g.width == g.w
    return same and g.top == 0 and g.left == 0 and p1 <= g.h


@njit(cache=True, nogil=True)
def fill_planes(g, x, n, images, c0, c1, p0, p1, planes):
    """The equation at the head of this file, for channels c0 to c1 of some images; x is flat."""
    size = g.phases_h * g.phases_w * g.height * g.width
    for m in range(images):
        for c in range(c0, c1):
            fill_channel(g, x, ((n + m) * g.c + c) * g.h * g.w, p0, p1, planes, (m * g.step + c - c0) * size)


@njit(cache=True, nogil=True)
def fill_channel(g, x, channel, p0, p1, planes, first):
    """The planes of one channel, a line of input at a time: all its column phases at once.

    At stride 1, columns outside x are left as they are: zeros from the start.
    """
    # columns j0 to j1 of a line are inside x
    length = g.width if g.phases_w == 1 else g.stride_w * g.width
    j0 = min(max(0, -g.left), length)
    j1 = min(max(j0, g.w - g.left), length)
    line = planes.size - length

    # one tap, no padding: all rows end to end
    if is_end_to_end(g, p1):
        copy_row(planes, first, x, channel + p0 * g.w, (p1 - p0) * g.w)
        prefetch_row(x, channel + g.h * g.w + p0 * g.w, (p1 - p0) * g.w)
        return

    # line by line: a copy, or one separated by column phase
    for u in range(g.phases_h):
        for i in range(g.height - g.rows + p1 - p0):
            row = (p0 + i) * g.stride_h + g.top + u
            inside = 0 <= row < g.h
            target, source = first + (u * g.phases_w * g.height + i) * g.width, channel + row * g.w + g.left
            if g.stride_w == 1 and inside:
                copy_row(planes, target + j0, x, source + j0, j1 - j0)
            elif g.stride_w == 1:
                clear_row(planes, target + j0, j1 - j0)
            elif g.phases_w > 1:
                fill_row(planes, line, length, x, source, j0, j1 if inside else j0)
                _split_line(planes, line, g.stride_w, g.phases_w, target, g.height * g.width, g.width)
            else:
                for j in range(g.width):
                    column = j * g.stride_w + g.left
                    planes[target + j] = x[source + j * g.stride_w] if inside and 0 <= column < g.w else 0


@njit(cache=True, nogil=True)
def _split_line(planes, line, stride, phases, target, plane_stride, width):
    """planes[target + v * plane_stride + j] = planes[line + j * stride + v] for each phase v."""
    if stride == 2:
        unzip_row(planes, target, planes, target + plane_stride, planes, line, width)
        return
    line, target, plane_stride, step = np.uint64(line), np.uint64(target), np.uint64(plane_stride), np.uint64(stride)
    for v in range(np.uint64(phases)):
        for j in range(np.uint64(width)):
            planes[target + v * plane_stride + j] = planes[line + j * step + v]
