"""The weight gradient of 1 x 1 convolutions of small maps: one product of matrices over the pixels of all images.

    dw[k, c] = sum_{n, p} dy[n, k, p] x[n, c, place(p)],    place(p) every stride-th row and column

A map of 7 x 7 is too short for the rows that conv_weight_grad.py multiplies; here a sum goes over all images.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from ..memory import new
from .emitter import MR, tile_columns
from .microkernel import multiply_tile
from .parallel import share
from .products import STEPS, places_of
from .threads import on_threads, threads_for

PIXELS, CHANNELS = 196, 256  # most outputs of a map, fewest channels: others are faster elsewhere (Zen 3, 2026-11)
SERIAL = 1 << 20  # multiplications: fewer take less than two threads gain (Zen 3, 2 cores, 2026-11)


@lru_cache(maxsize=1024)
def is_small_and_pointwise(g):
    """Whether a convolution has 1 x 1 kernels, one group, no padding, many channels and small maps."""
    pointwise = (g.r, g.s, g.groups, g.pad_top, g.pad_bottom, g.pad_left, g.pad_right) == (1, 1, 1, 0, 0, 0, 0)
    return pointwise and 0 < g.p * g.q <= PIXELS and g.c >= CHANNELS and g.n > 0


@lru_cache(maxsize=256)
def pixels(h, w, stride_h, stride_w):
    """place(p): where a channel's pixels that a 1 x 1 kernel sees lie in it."""
    rows, columns = np.arange(0, h, stride_h, dtype=np.intp), np.arange(0, w, stride_w, dtype=np.intp)
    return (rows[:, None] * w + columns).reshape(-1)


def correlate_pointwise_with_gradient(g, x, dy, dw):
    """dw = dy x^T over the pixels of all images: x (N, C, H, W), dy (N, K, P, Q), dw (K, C, 1, 1).

    What has more rows is packed into panels, the other into tiles, which costs more for each element.
    """
    places, dw = pixels(g.h, g.w, g.stride_h, g.stride_w), dw.reshape(g.k, g.c)
    x, dy = x.reshape(g.n, g.c, g.h * g.w), dy.reshape(g.n, g.k, g.p * g.q)
    images, count = dy.shape[0], places.size
    flipped = x.shape[1] > dy.shape[1]
    none = pixels(1, count, 1, 1)
    ours, theirs = (dy, none), (x, places)
    (a, a_places), (b, b_places) = (theirs, ours) if flipped else (ours, theirs)
    rows, columns = a.shape[1], b.shape[1]
    panels = new((-(-rows // MR), images * count, MR), x.dtype)
    tiles = -(-columns // tile_columns(x.dtype))
    threads = threads_for(tiles, rows * columns * images * count < SERIAL)
    sizes = images, rows, columns, a.shape[2], b.shape[2]
    arrays = a.reshape(-1), a_places, b.reshape(-1), b_places
    _launch_gradient(panels, arrays, sizes, *places_of(x.dtype), flipped, dw, threads)


@njit(cache=True, nogil=True)
def _launch_gradient(panels, arrays, sizes, offsets, starts, flipped, dw, threads):
    """Pack the rows, then multiply."""
    a, a_places, b, b_places = arrays
    packing = a, a_places, sizes, panels
    rest = panels.reshape(-1), b, b_places, sizes, offsets, starts, flipped, dw
    if threads == 1:
        _pack_rows(*packing, 0, 1)
        _correlate_with_gradient(*rest, 0, 1)
    else:
        on_threads(_pack_rows, packing, threads)
        on_threads(_correlate_with_gradient, rest, threads)


@njit(cache=True, nogil=True)
def _pack_rows(a, places, sizes, panels, thread, threads):
    """panels[block, n P + p, i] = a[n, block * MR + i, place(p)]; zero past the last row."""
    images, rows, _, area, _ = sizes
    count = places.size
    first, last = share(panels.shape[0], thread, threads)
    flat = panels.reshape(-1)
    for block in range(first, last):
        there = min(MR, rows - block * MR)
        for n in range(images):
            source, target = (n * rows + block * MR) * area, (block * images + n) * count * MR
            for p in range(count):
                for i in range(there):
                    flat[target + p * MR + i] = a[source + i * area + places[p]]
                for i in range(there, MR):
                    flat[target + p * MR + i] = 0


@njit(cache=True, nogil=True)
def _correlate_with_gradient(panels, b, places, sizes, offsets, starts, flipped, dw, thread, threads):
    """The equation at the head of this file, for one thread's tiles of columns.

    A sum goes over the pixels in one order, whatever the threads.

    FLOPs: 2 N P K C. Bytes: dy and x twice, the panels once a tile.
    """
    images, rows, columns, _, area = sizes
    count, width = places.size, offsets[1]
    length, blocks = images * count, (rows + MR - 1) // MR
    tile, sums = np.zeros(STEPS * width, b.dtype), np.empty(blocks * MR * width, b.dtype)
    first, last = share((columns + width - 1) // width, thread, threads)
    for number in range(first, last):
        column, there = number * width, min(width, columns - number * width)
        if there < width:
            tile[:] = 0
        for l0 in range(0, length, STEPS):
            l1 = min(l0 + STEPS, length)
            _pack_columns(b, places, columns, area, column, there, l0, l1, tile, width)
            for block in range(blocks):
                multiply_tile(
                    panels, (block * length + l0) * MR, tile, 0, starts, 0, offsets, l1 - l0,
                    sums, block * MR * width, width, l0 > 0,
                )  # fmt: skip
        for i in range(rows):
            for j in range(there):
                if flipped:
                    dw[column + j, i] = sums[i * width + j]
                else:
                    dw[i, column + j] = sums[i * width + j]


@njit(cache=True, nogil=True)
def _pack_columns(b, places, columns, area, column, there, l0, l1, tile, width):
    """tile[l - l0, j] = b[n, column + j, place(p)] for l = n P + p."""
    count, step = places.size, l0
    while step < l1:
        n, p = step // count, step % count
        length = min(l1 - step, count - p)
        source, target = (n * columns + column) * area, (step - l0) * width
        for i in range(length):
            at = source + places[p + i]
            for j in range(there):
                tile[target + i * width + j] = b[at + j * area]
        step += length
