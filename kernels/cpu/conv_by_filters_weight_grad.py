"""The weight gradient whose lanes are filters: no row of pixels is too short for a vector.

    dw[k, l] = sum_j x[place(j) + move(l)] dy[k, j],    j = (n, p, q), l = (c, r, s)

The product of conv_by_filters.py with rows and reduction exchanged: the micro-kernel broadcasts x at MR pairs l and
multiplies with NV vectors of filters, dy transposed into panels [block of filters, j, filter].
"""

import numpy as np
from numba import njit

from ..memory import new
from .conv_by_filters import STEPS
from .conv_direct import SERIAL
from .emitter import MR, tile_columns
from .gathering import even_parts, gather, pad, room_for_copy
from .microkernel import multiply_gathered
from .parallel import share
from .row_moves import clear_row
from .threads import on_threads, threads_for
from .transposing import transpose

PAIRS = 128  # of a task: their sums share the first-level cache with a panel's part
FEWEST = 96  # pairs: with fewer, transposing dy takes longer than is gained (Xeon with AVX-512, 2026-11)


def correlate_with_gradient_by_filters(g, taps, x, dy, dw):
    """dw[k, c, r, s] = sum_{n, p, q} dy[n, k, p, q] x[n, c, p st + r d - pad, ...]: equation (13), one group.

    Parameters
    ----------
    g : ConvGeometry
    taps : tuple of (r, s, dh, dw)
        The forward pass's taps, in the order of dw.
    x : array (N, C, H, W)
    dy : array (N, K, P, Q)
    dw : array (K, C, R, S)
    """
    if g.n == 0:
        dw[...] = 0
        return
    width = tile_columns(x.dtype)
    panels = new((-(-g.k // width), g.n * g.p * g.q, width), x.dtype)
    reads, tables = gather(x.shape, (g.p, g.q), taps, (g.stride_h, g.stride_w), panels.shape[0])
    threads = threads_for(panels.shape[0] * -(-g.c * reads.taps // PAIRS), g.flops < 2 * SERIAL)
    arrays = x.reshape(-1), room_for_copy(reads, x.dtype), dy.reshape(-1), panels, dw.reshape(-1)
    _launch(reads, tables, g.k, *arrays, threads)


@njit(cache=True, nogil=True)
def _launch(g, tables, filters, x, copy, dy, panels, dw, threads):
    """Pad, transpose, multiply; a parallel region would cost a small problem more than the work."""
    if g.copied:
        if threads == 1:
            pad(g, x, copy, 0, 1)
        else:
            on_threads(pad, (g, x, copy), threads)
    packing = g, dy, filters, panels
    places, moves = tables
    problem = (g, copy if g.copied else x, places, moves, panels, filters, dw)
    if threads == 1:
        _pack(*packing, 0, 1)
        _correlate(*problem, 0, 1)
    else:
        on_threads(_pack, packing, threads)
        on_threads(_correlate, problem, threads)


@njit(cache=True, nogil=True)
def _pack(g, dy, filters, panels, thread, threads):
    """panels[block, j, i] = dy of filter block * NR + i at position j; zero past the last filter."""
    blocks, length, width = panels.shape
    flat, outputs = panels.reshape(-1), g.p * g.q
    first, last = share(blocks * g.n, thread, threads)
    for task in range(first, last):
        block, n = task // g.n, task % g.n
        k, there = block * width, min(width, filters - block * width)
        place = (block * length + n * outputs) * width
        if there < width:
            clear_row(flat, place, outputs * width)
        transpose(dy, (n * filters + k) * outputs, outputs, there, outputs, flat, place, width)


@njit(cache=True, nogil=True)
def _correlate(g, x, places, moves, panels, filters, dw, thread, threads):
    """The equation at the head of this file, for one thread's pairs and blocks of filters.

    Every sum is one thread's, over the positions in order: the bits do not depend on the number of threads.

    FLOPs: 2 N K P Q C R S. Bytes: x once a block, dw once, the panels once for PAIRS pairs.
    """
    blocks, length, width = panels.shape
    flat, pairs, outputs = panels.reshape(-1), g.c * g.taps, g.p * g.q
    step, sums = even_parts(g.images * outputs, STEPS), np.empty((PAIRS + MR) * width, x.dtype)
    first, last = share((pairs + PAIRS - 1) // PAIRS * blocks, thread, threads)
    for task in range(first, last):
        block, pair = task % blocks, task // blocks * PAIRS
        count, there = min(PAIRS, pairs - pair), min(width, filters - block * width)
        for n in range(0, g.n, g.images):
            image, positions = n * g.c * g.height * g.width, min(g.images, g.n - n) * outputs
            for j in range(0, positions, step):
                panel = (block * length + n * outputs + j) * width
                for i in range(0, count, MR):
                    multiply_gathered(
                        x, image, moves, pair + i, places, j, min(step, positions - j), flat, panel,
                        sums, i * width, width, n + j > 0,
                    )  # fmt: skip
        transpose(sums, 0, width, count, there, dw, block * width * pairs + pair, pairs)
