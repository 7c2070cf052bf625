"""Where Winograd's algorithm reads and writes: tiles of 4x4 outputs, any of which may share a vector.

A task is some rows of tiles of one image or, where maps are small, several whole images. A channel of its input is
copied into zero-padded planes, tile (ty, tx) of image m reading 6x6 elements at (m, 4 ty, 4 tx); its outputs are joined
in planes of whole tiles. The lanes of a vector are the tiles in order, whatever rows and images they are of.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from .row_moves import clear_row, copy_row

EDGE = 4  # outputs of a tile along each axis
REACH = 2  # inputs a tile reads past its outputs


class Tiles(NamedTuple):
    """How one correlation is cut into tasks, as integers for the kernels."""

    n: int
    """Shape of the input."""
    c: int
    h: int
    w: int
    p: int
    """Output rows and columns."""
    q: int
    top: int
    """Input row and column that output (0, 0) reads first."""
    left: int
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


class Places(NamedTuple):
    """Where the tiles of a task lie."""

    inputs: np.ndarray
    """(count,): the first element of each in the input planes."""
    outputs: np.ndarray
    """(count,): the same in the output planes; tiles that only fill up write behind them."""


@lru_cache(maxsize=1024)
def cut(x_shape, size, corner, tiles, multiple, lanes, tasks):
    """Cut a correlation into tasks of about so many tiles.

    Parameters
    ----------
    x_shape : (N, C, H, W)
    size : (P, Q)
    corner : (top, left)
        What output (0, 0) reads first.
    tiles : int
    multiple : int
        Tiles are multiplied so many at a time.
    lanes : int
        Elements of a vector.
    tasks : int
        At least so many tasks, where there are images enough.

    Returns
    -------
    Tiles, Places
    """
    n, (p, q) = x_shape[0], size
    down, across = -(-p // EDGE), -(-q // EDGE)
    if down * across > tiles:
        images, rows = 1, _rows(down, across, tiles, multiple)
    else:
        images, rows = max(1, min(tiles // (down * across), n // tasks)), down
    height, width = EDGE * rows + REACH, EDGE * across + REACH
    count = -(-images * rows * across // multiple) * multiple
    inputs, outputs = np.zeros(count, np.int32), np.full(count, images * EDGE * rows * EDGE * across, np.int32)
    for tile in range(images * rows * across):
        m, ty, tx = tile // (rows * across), tile // across % rows, tile % across
        inputs[tile] = (m * height + EDGE * ty) * width + EDGE * tx
        outputs[tile] = ((m * rows + ty) * EDGE * across + tx) * EDGE
    g = Tiles(*x_shape, p, q, *corner, images, down, across, rows, height, width, count, lanes)
    return g, Places(inputs, outputs)


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
def task_of(g, task):
    """(first image, images, first row of tiles, row after the last) of a task."""
    strips = (g.down + g.rows - 1) // g.rows
    n, first = task // strips * g.images, task % strips * g.rows
    return n, min(g.images, g.n - n), first, min(first + g.rows, g.down)


@njit(cache=True, nogil=True)
def input_size(g):
    """Elements of the planes of one channel's inputs, with what a last quad reads too far."""
    return g.images * g.height * g.width + REACH


@njit(cache=True, nogil=True)
def output_size(g):
    """Elements of the planes of one filter's outputs, with room behind them for the tiles that only fill up."""
    return (g.images * g.rows + 1) * EDGE * EDGE * g.across


@njit(cache=True, nogil=True)
def fill_inputs(g, x, n, images, c, first, planes):
    """planes[m, i, j] = x[n + m, c, 4 first + i + top, j + left], zero outside; x is flat."""
    channel = (n * g.c + c) * g.h * g.w
    _fill(planes, x, channel, g.c, images, EDGE * first + g.top, g.left, g.h, g.w, g.height, g.width)


@njit(cache=True, nogil=True)
def fill_outputs(g, dy, n, images, k, filters, first, planes):
    """planes[m, i, j] = dy[n + m, k, 4 first + i, j], zero outside and in the images that a last task lacks."""
    height, width = EDGE * g.rows, EDGE * g.across
    _fill(planes, dy, (n * filters + k) * g.p * g.q, filters, images, EDGE * first, 0, g.p, g.q, height, width)
    if images < g.images:
        planes[images * height * width :] = 0


@njit(cache=True, nogil=True)
def _fill(planes, x, start, channels, images, top, left, h, w, height, width):
    """planes[m, i, j] = x[start + m channels h w + (i + top) w + j + left], zero outside of h x w.

    The columns left and right of w are never written: they are zero since the planes were made.
    """
    j0 = min(max(0, -left), width)
    inner = max(0, min(w - left, width) - j0)
    for m in range(images):
        for i in range(height):
            place = (m * height + i) * width + j0
            if 0 <= i + top < h:
                copy_row(planes, place, x, start + m * channels * h * w + (i + top) * w + left + j0, inner)
            else:
                clear_row(planes, place, inner)
