"""Direct convolution whose lanes are filters: no row of pixels is too short for a vector.

    y[n, k, row0 + p * row_step, col0 + q * col_step] = sum_l w[k, l] x[place(n, p, q) + move(l)],    l = (c, r, s)

A product of matrices, one of which is read where it lies (gathering.py): the micro-kernel broadcasts MR elements of x
and multiplies them with NV vectors of filters. Weights are transposed into panels as they are needed, a part that stays
in the first-level cache; sums are transposed back as they are stored. The forward pass, and the input gradient from dy
with the taps of the rotated kernel, where one correlation has them all: at stride 1, and of 1x1 kernels.
"""

import numpy as np
from numba import njit

from ...core.scalar import IDENTITY, activate
from ...cpu.emitter import MR, tile_columns
from ...cpu.microkernel import multiply_gathered
from ...cpu.parallel import share
from ...cpu.simd_rows import copy_row
from ...cpu.threads import on_threads, threads_for
from ...cpu.transposing import transpose
from ...cpu.workspaces import workspace, zeros
from .direct import SERIAL, store_planes
from .offset_tables import even_parts, gather, pad, room_for_copy

STEPS = 192  # of a reduction at once, at most: a panel's part then fills half of the first-level cache


def correlate_by_filters(x, w, taps, stride, transposed, lattice, bias, activation, slope, pre_activation, y):
    """Correlate x with w and store on a lattice of y; one group.

    Parameters
    ----------
    x : array (N, C, H, W)
    w : array (K, C, R, S), or with `transposed` (C, K, R, S)
    taps : tuple of (r, s, dh, dw)
        Where each weight of a filter reads, in their order.
    stride, lattice, bias, activation, slope, pre_activation, y
        As conv_direct.correlate takes them.
    """
    if x.shape[0] == 0 or lattice.p == 0 or lattice.q == 0:
        return
    width = tile_columns(x.dtype)
    blocks = -(-lattice.k // width)
    g, tables = gather(x.shape, (lattice.p, lattice.q), taps, stride, blocks)
    tasks = -(-g.n // g.images) * -(-g.p // g.rows) * blocks
    threads = threads_for(tasks, g.n * g.p * g.q * g.c * g.taps * lattice.k < SERIAL)
    weights = w.reshape(-1), transposed, width
    result = lattice, bias, activation, slope, pre_activation.reshape(-1), y.reshape(-1)
    _launch(g, x.reshape(-1), room_for_copy(g, x.dtype), (*tables, *weights, *result), threads)


@njit(cache=True, nogil=True)
def _launch(g, x, copy, problem, threads):
    """Pad, then multiply."""
    if g.copied:
        on_threads(pad, (g, x, copy), threads)
    problem = (g, copy if g.copied else x, *problem)
    on_threads(_correlate, problem, threads)


@njit(cache=True, nogil=True)
def _pack(g, w, transposed, filters, k, there, c0, c1, panel, width):
    """panel[(c - c0) * T + t, i] = w of filter k + i, channel c and tap t for c0 <= c < c1, i < there."""
    if not transposed:
        transpose(w, (k * g.c + c0) * g.taps, g.c * g.taps, there, (c1 - c0) * g.taps, panel, 0, width)
    elif g.taps == 1:
        for c in range(c0, c1):
            copy_row(panel, (c - c0) * width, w, c * filters + k, there)
    else:
        for c in range(c0, c1):
            transpose(w, (c * filters + k) * g.taps, g.taps, there, g.taps, panel, (c - c0) * g.taps * width, width)


@njit(cache=True, nogil=True)
def _correlate(
    g, x, places, moves, w, transposed, width, lattice, bias, activation, slope, pre_activation, y, thread, threads
):
    """The equation at the head of this file, for one thread's strips and blocks of filters.

    FLOPs: 2 N K P Q C R S. Bytes: x and y once, w once a strip.
    """
    blocks, strips = (lattice.k + width - 1) // width, (g.p + g.rows - 1) // g.rows
    longest = (g.images * g.rows * g.q + MR - 1) // MR * MR
    step = even_parts(g.c, max(1, STEPS // g.taps))
    panel = zeros(step * g.taps * width, x)
    sums, rows = workspace(longest * width, x), workspace(width * longest, x)
    mine = np.empty(longest, places.dtype)  # this task's places: a last tile is read whole, but not past the images
    first, last = share((g.n + g.images - 1) // g.images * strips * blocks, thread, threads)
    for task in range(first, last):
        block, strip, n = task % blocks, task // blocks % strips, task // (blocks * strips) * g.images
        k, there = block * width, min(width, lattice.k - block * width)
        images, p0 = min(g.images, g.n - n), strip * g.rows
        p1 = min(p0 + g.rows, g.p)
        image, count = n * g.c * g.height * g.width, images * (p1 - p0) * g.q
        for j in range(longest):
            mine[j] = places[p0 * g.q + j] if j < count else places[p0 * g.q]
        for c0 in range(0, g.c, step):
            c1 = min(c0 + step, g.c)
            _pack(g, w, transposed, lattice.k, k, there, c0, c1, panel, width)
            for j in range(0, count, MR):
                multiply_gathered(
                    x, image, mine, j, moves, c0 * g.taps, (c1 - c0) * g.taps, panel, 0,
                    sums, j * width, width, c0 > 0,
                )  # fmt: skip
        if lattice.row_step == 1 and lattice.col_step == 1 and not pre_activation.size:
            _finish(sums, count, width, bias, k, there, activation, slope)
            for m in range(images):
                place = (((n + m) * lattice.k + k) * g.p + p0) * g.q
                transpose(sums, m * g.p * g.q * width, width, (p1 - p0) * g.q, there, y, place, g.p * g.q)
        else:
            transpose(sums, 0, width, count, there, rows, 0, longest)
            store_planes(
                lattice, rows, 0, longest, there, g.p * g.q, images, g.q, n, k, p0, p1, bias, activation, slope,
                pre_activation, y,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _finish(sums, count, width, bias, k, filters, activation, slope):
    """sums[j, i] = f(sums[j, i] + bias[k + i]); the lanes are filters."""
    biased = False
    for i in range(k, k + filters):
        biased |= bias[i] != 0
    if activation == IDENTITY and not biased:
        return
    for j in range(count):
        row, first = np.uint64(j * width), np.uint64(k)  # unsigned: no test for a negative index, as in conv_direct.py
        for i in range(np.uint64(filters)):
            sums[row + i] = activate(sums[row + i] + bias[first + i], activation, slope)
