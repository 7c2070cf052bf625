"""Tiling of Winograd's algorithm: tiles of 4x4 or 2x2 outputs, any of which may share a vector.

A task is some rows of tiles of one image or, where maps are small, several whole images. A channel of its input is
copied into zero-padded planes, one for each phase that is read; tile (ty, tx) of image m reads 6 x 6 elements at
(m, edge ty, edge tx), and its outputs are assembled in planes of whole tiles. The lanes of a vector are
consecutive tiles, from whatever rows and images.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from ...cpu.simd_rows import clear_row, copy_row, fill_row, unzip_row
from .winograd_transforms import TILE_SIDE, outputs_of


class Tiles(NamedTuple):
    """How one correlation is cut into tasks, as integers for the kernels."""

    n: int
    """Shape of what is read."""
    c: int
    h: int
    w: int
    p: int
    """Rows and columns of a phase of the result."""
    q: int
    reads: int
    """Step of the rows and columns that are read, in reads x reads phases."""
    top: int
    """Row and column that output (0, 0) reads first."""
    left: int
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
        Of the result's first phase.
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
    n, (p, q), edge = x_shape[0], size, outputs_of(correlation.taps)
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
    taps, reads, _, top, left = correlation
    g = Tiles(*x_shape, p, q, reads, top, left, taps, edge, images, down, across, rows, height, width, count, lanes)
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
def fill_inputs(g, x, n, images, c, first, planes, start):
    """planes[u, v, m, i, j] = x[n + m, c, (edge first + i) reads + u + top, j reads + v + left], zero outside; flat.

    From planes[start] on.
    """
    channel, top = (n * g.c + c) * g.h * g.w, g.edge * first * g.reads + g.top
    # one phase: plain rows
    if g.reads == 1:
        _fill_planes(planes, start, x, channel, g.c, images, top, g.left, g.h, g.w, g.height, g.width)
        return
    # two phases: a line, then its even and its odd columns
    size, line, length = plane_size(g), planes.size - g.reads * g.width, g.reads * g.width
    j0 = min(max(0, -g.left), length)
    j1 = min(max(j0, g.w - g.left), length)
    for u in range(g.reads):
        for m in range(images):
            for i in range(g.height):
                row, target = i * g.reads + u + top, start + (m * g.height + i) * g.width
                source, end = channel + m * g.c * g.h * g.w + row * g.w + g.left, j1 if 0 <= row < g.h else j0
                fill_row(planes, line, length, x, source, j0, end)
                even = u * g.reads * size + target
                unzip_row(planes, even, planes, even + size, planes, line, g.width)


@njit(cache=True, nogil=True)
def fill_outputs(g, dy, n, images, k, filters, first, planes, start):
    """planes[m, i, j] = dy[n + m, k, edge first + i, j], zero outside; from planes[start] on."""
    height, width = g.edge * g.rows, g.edge * g.across
    channel = (n * filters + k) * g.p * g.q
    _fill_planes(planes, start, dy, channel, filters, images, g.edge * first, 0, g.p, g.q, height, width)


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
