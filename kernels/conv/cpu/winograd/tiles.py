"""Tiling of Winograd's algorithm: square tiles of outputs, any of which may share a vector.

A task is some rows of tiles of one image or, where maps are small, several whole images. A channel of its input is
copied into zero-padded planes, one for each phase that is read; tile (ty, tx) of image m reads 6 x 6 elements at
(m, edge ty, edge tx), and its outputs are assembled in planes of whole tiles. The lanes of a vector are
consecutive tiles, from whatever rows and images.

What a dilation of d reads is, for the outputs of every d-th row and column, an image without dilation: image
(n d + a) d + b here is all (i d + a, j d + b) of image n.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from ....cpu.registers import NV
from ....cpu.simd_rows import clear_row, copy_row, fill_row, unzip_row
from .transforms import TILE_SIDE, outputs_of


class Tiles(NamedTuple):
    """How one correlation is cut into tasks, as integers for the kernels."""

    n: int
    """Images, each step of a dilation one."""
    c: int
    """Channels of a group."""
    h: int
    """Rows and columns of what is read."""
    w: int
    p: int
    """Rows and columns of a phase of the result."""
    q: int
    reads: int
    """Step of the rows and columns that are read, in reads x reads phases."""
    top: int
    """Row and column that output (0, 0) reads first."""
    left: int
    groups: int
    dilation_h: int
    dilation_w: int
    taps: int
    """Along an axis."""
    edge: int
    """Outputs of a tile along an axis."""
    images: int
    """Images of a task."""
    down: int
    """Rows of tiles of an image."""
    across: int
    """Tiles of a row."""
    rows: int
    """Rows of tiles of a task."""
    height: int
    """Rows and columns of an input plane."""
    width: int
    count: int
    """Tiles of a task, filled up to a multiple of what is multiplied at once."""
    lanes: int
    """Elements of a vector."""


class TileOffsets(NamedTuple):
    """Where the tiles of a task begin."""

    inputs: np.ndarray
    """(count,): the first element of each in the input planes."""
    outputs: np.ndarray
    """(count,): the same in the output planes; tiles that only fill up write behind them."""


@lru_cache(maxsize=1024)
def cut(x_shape, size, correlation, tiles, multiple, lanes):
    """Cut a correlation into tasks of so many tiles at most, if a row has not more.

    Parameters
    ----------
    x_shape : (N, C, H, W)
    size : (P, Q)
        Of the result's first phase, or of the first step of a dilation.
    correlation : PhaseCorrelation
    tiles : int
    multiple : int
        Tiles are multiplied so many at a time.
    lanes : int
        Elements of a vector.

    Returns
    -------
    Tiles, TileOffsets
    """
    # rows and images of a task
    taps, reads, _, top, left, groups, *dilation = correlation
    n, c, *plane = x_shape
    n, c, (p, q), edge = n * dilation[0] * dilation[1], c // groups, size, outputs_of(taps)
    down, across = -(-p // edge), -(-q // edge)
    if down * across > tiles:
        images, rows = 1, _rows(down, across, tiles, multiple)
    else:
        images, rows = _images(n, down * across, tiles, multiple), down

    # input planes, and the tiles in input and output planes
    height, width = edge * rows + TILE_SIDE - edge, edge * across + TILE_SIDE - edge
    count = -(-images * rows * across // multiple) * multiple
    inputs, outputs = np.zeros(count, np.int32), np.full(count, images * edge * rows * edge * across, np.int32)
    tile = np.arange(images * rows * across)
    m, ty, tx = tile // (rows * across), tile // across % rows, tile % across
    inputs[: tile.size] = (m * height + edge * ty) * width + edge * tx
    outputs[: tile.size] = ((m * rows + ty) * edge * across + tx) * edge
    g = Tiles(
        n, c, *plane, p, q, reads, top, left, groups, *dilation,
        taps, edge, images, down, across, rows, height, width, count, lanes,
    )  # fmt: skip
    return g, TileOffsets(inputs, outputs)


def _images(n, each, tiles, multiple):
    """Images of a task, such that the fewest tiles only fill up: `each` an image."""

    def multiplied(images):
        whole, rest = divmod(n, images)
        return whole * -(-images * each // multiple) + -(-rest * each // multiple), -images

    return min(range(1, max(1, min(n, tiles // each)) + 1), key=multiplied)


def _rows(down, across, tiles, multiple):
    """Rows of tiles of a task, such that the fewest tiles only fill up."""

    def multiplied(rows):
        whole, rest = divmod(down, rows)
        return sum(-(-r * across // multiple) * multiple for r in [rows] * whole + [rest])

    most = max(1, min(down, tiles // across))
    return min(range(1, most + 1), key=lambda rows: (multiplied(rows), -rows))


@njit(cache=True, nogil=True)
def task_count(g):
    """Tasks of the whole correlation."""
    return (g.n + g.images - 1) // g.images * ((g.down + g.rows - 1) // g.rows)


@njit(cache=True, nogil=True)
def task_bounds(g, task):
    """(first image, images, first row of tiles, row after the last) of a task."""
    strips = (g.down + g.rows - 1) // g.rows
    n, first = task // strips * g.images, task % strips * g.rows
    return n, min(g.images, g.n - n), first, min(first + g.rows, g.down)


@njit(cache=True, nogil=True)
def padded_tiles(g, task):
    """Tiles of a task, filled up to what is multiplied at once."""
    _, images, first, last = task_bounds(g, task)
    columns = NV * g.lanes
    return (images * (last - first) * g.across + columns - 1) // columns * columns


@njit(cache=True, nogil=True)
def plane_size(g):
    """Elements of the planes of one phase of a channel's inputs, with what a last quad reads too far."""
    return g.images * g.height * g.width + TILE_SIDE


@njit(cache=True, nogil=True)
def input_size(g):
    """Elements of the planes of all phases of a channel's inputs, and of a line that is split among them."""
    return g.reads * g.reads * plane_size(g) + (g.reads * g.width if g.reads > 1 else 0)


@njit(cache=True, nogil=True)
def output_size(g):
    """Elements of the planes of one filter's outputs, with room behind them for the tiles that only fill up."""
    return (g.images * g.rows + 1) * g.edge * g.edge * g.across


@njit(cache=True, nogil=True)
def is_dilated(g):
    """Whether images are steps of a dilation."""
    return g.dilation_h * g.dilation_w > 1


@njit(cache=True, nogil=True)
def image_of(g, image):
    """(n, a, b): the image of the batch, and the first row and column of it, that an image of the tiling is."""
    n = image // (g.dilation_h * g.dilation_w)
    return n, image // g.dilation_w % g.dilation_h, image % g.dilation_w


@njit(cache=True, nogil=True)
def fill_inputs(g, x, n, images, c, first, planes, start):
    """planes[u, v, m, i, j] = x[n + m, c, (edge first + i) reads + u + top, j reads + v + left], zero outside; flat.

    From planes[start] on; channels are counted through all groups.
    """
    channels, top = g.c * g.groups, g.edge * first * g.reads + g.top
    # a dilation: every so many rows and columns
    if is_dilated(g):
        corner = g.edge * first, g.top, g.left
        _fill_dilated(g, planes, start, x, c, channels, n, images, corner, (g.h, g.w), g.height, g.width)
        return
    # one phase: plain rows
    channel = (n * channels + c) * g.h * g.w
    if g.reads == 1:
        _fill_planes(planes, start, x, channel, channels, images, top, g.left, g.h, g.w, g.height, g.width)
        return
    # two phases: a line, then its even and its odd columns
    size, line, length = plane_size(g), planes.size - g.reads * g.width, g.reads * g.width
    j0 = min(max(0, -g.left), length)
    j1 = min(max(j0, g.w - g.left), length)
    for u in range(g.reads):
        for m in range(images):
            for i in range(g.height):
                row, target = i * g.reads + u + top, start + (m * g.height + i) * g.width
                source, end = channel + m * channels * g.h * g.w + row * g.w + g.left, j1 if 0 <= row < g.h else j0
                fill_row(planes, line, length, x, source, j0, end)
                even = u * g.reads * size + target
                unzip_row(planes, even, planes, even + size, planes, line, g.width)


@njit(cache=True, nogil=True)
def fill_outputs(g, dy, size, n, images, k, filters, first, planes, start):
    """planes[m, i, j] = dy[n + m, k, edge first + i, j], zero outside its size (P, Q); from planes[start] on."""
    height, width, (p, q) = g.edge * g.rows, g.edge * g.across, size
    if is_dilated(g):
        _fill_dilated(g, planes, start, dy, k, filters, n, images, (g.edge * first, 0, 0), size, height, width)
    else:
        channel, top = (n * filters + k) * p * q, g.edge * first
        _fill_planes(planes, start, dy, channel, filters, images, top, 0, p, q, height, width)


@njit(cache=True, nogil=True)
def _fill_dilated(g, planes, start, x, c, channels, n, images, corner, size, height, width):
    """planes[m, i, j] = x[n', c, (first + i) d + a + top, j d + b + left] for image_of(n + m) = n', a, b.

    Zero outside; corner (first, top, left), size (h, w) of x.
    """
    (first, top, left), (h, w), step = corner, size, np.uint64(g.dilation_w)
    for m in range(images):
        # columns j0 to j1 are inside x
        image, a, b = image_of(g, n + m)
        column, plane = b + left, (image * channels + c) * h * w
        j0 = min(max(0, (g.dilation_w - 1 - column) // g.dilation_w), width)
        j1 = min(max(j0, (w - column + g.dilation_w - 1) // g.dilation_w), width)
        for i in range(height):
            row, target = (first + i) * g.dilation_h + a + top, start + (m * height + i) * width
            if 0 <= row < h:
                clear_row(planes, target, j0)
                source, inside = np.uint64(plane + row * w + column + j0 * g.dilation_w), np.uint64(target + j0)
                for j in range(np.uint64(j1 - j0)):
                    planes[inside + j] = x[source + j * step]
                clear_row(planes, target + j1, width - j1)
            else:
                clear_row(planes, target, width)


@njit(cache=True, nogil=True)
def _fill_planes(planes, start, x, channel, channels, images, top, left, h, w, height, width):
    """planes[m, i, j] = x[channel + m channels h w + (i + top) w + j + left], zero outside of h x w.

    The columns left and right of w are never written: they are zero since the planes were made.
    """
    j0 = min(max(0, -left), width)
    inner = max(0, min(w - left, width) - j0)
    for m in range(images):
        for i in range(height):
            target = start + (m * height + i) * width + j0
            if 0 <= i + top < h:
                copy_row(planes, target, x, channel + m * channels * h * w + (i + top) * w + left + j0, inner)
            else:
                clear_row(planes, target, inner)
