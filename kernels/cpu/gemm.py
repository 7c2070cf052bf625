"""Matrix products on the CPU, blocked for the micro-kernel: what the fully connected layers consist of.

A is packed into panels of MR rows by all threads; each thread then packs a tile of B's columns, a first-level cache's
part of its rows at a time, and multiplies it with every panel.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from .emitter import MR, NV, lanes, tile_columns
from .microkernel import multiply_tile
from .parallel import share
from .simd_rows import copy_row
from .threads import on_threads, threads_for
from .workspaces import workspace, zeros

STEPS = 256  # rows of B at once: with a panel of A they fill three quarters of the first-level cache (Zen 3, 2026-11)
SERIAL = 1 << 19  # multiplications: fewer take less than two threads gain (Zen 3, 2 cores, 2026-11)


def multiply(a, b, bias, c, *, transposed_a=False, transposed_b=False):
    """C = A B + bias.

    Parameters
    ----------
    a : array (M, L), or with transposed_a (L, M)
    b : array (L, N), or with transposed_b (N, L)
    bias : array (N,), or None
    c : array (M, N)
    """
    (rows, columns), length = c.shape, b.shape[transposed_b]
    bias = np.zeros(columns, c.dtype) if bias is None else bias
    panels = np.empty((-(-rows // MR), length, MR), c.dtype)
    threads = threads_for(-(-columns // tile_columns(c.dtype)), rows * columns * length < SERIAL)
    _launch(a, transposed_a, b, transposed_b, panels, *places_of(c.dtype), bias, c, threads)


@lru_cache
def places_of(dtype):
    """Where the rows of a tile of B lie, and the vectors of a row."""
    rows, vectors = np.arange(STEPS) * tile_columns(dtype), np.arange(NV) * lanes(dtype)
    return rows.astype(np.int32), vectors.astype(np.int32)


@njit(cache=True, nogil=True)
def _launch(a, transposed_a, b, transposed_b, panels, offsets, starts, bias, c, threads):
    """Pack A, then multiply."""
    packing = (a, transposed_a, panels, c.shape[0])
    problem = (panels.reshape(-1), b, transposed_b, offsets, starts, bias, c)
    on_threads(_pack, packing, threads)
    on_threads(_multiply, problem, threads)


@njit(cache=True, nogil=True)
def _pack(a, transposed, panels, rows, thread, threads):
    """panels[block, l, i] = A[block * MR + i, l]; zero past the last row."""
    first, last = share(panels.shape[0], thread, threads)
    for block in range(first, last):
        for i in range(MR):
            row = block * MR + i
            for step in range(panels.shape[1]):
                value = panels.dtype.type(0)
                if row < rows:
                    value = a[step, row] if transposed else a[row, step]
                panels[block, step, i] = value


@njit(cache=True, nogil=True)
def _multiply(panels, b, transposed, offsets, starts, bias, c, thread, threads):
    """C[i, j] = sum_l A[i, l] B[l, j] + bias[j], of one thread's tiles of columns.

    FLOPs: 2 M N L. Bytes: B and C once, A once a tile.
    """
    rows, columns = c.shape
    length, width = b.shape[1] if transposed else b.shape[0], offsets[1]
    blocks = (rows + MR - 1) // MR
    tile_of_b, sums = zeros(STEPS * width, c), workspace(blocks * MR * width, c)
    first, last = share((columns + width - 1) // width, thread, threads)
    for tile in range(first, last):
        column, count = tile * width, min(width, columns - tile * width)
        for l0 in range(0, length, STEPS):
            l1 = min(l0 + STEPS, length)
            _pack_tile(b, transposed, l0, l1, column, count, tile_of_b, width)
            for block in range(blocks):
                multiply_tile(
                    panels, (block * length + l0) * MR, tile_of_b, 0, starts, 0, offsets, l1 - l0,
                    sums, block * MR * width, width, l0 > 0,
                )  # fmt: skip
        for i in range(rows):
            for j in range(count):
                c[i, column + j] = sums[i * width + j] + bias[column + j]


@njit(cache=True, nogil=True)
def _pack_tile(b, transposed, l0, l1, column, count, tile, width):
    """tile[l - l0, j] = B[l, column + j]."""
    if transposed:
        for j in range(count):
            for step in range(l0, l1):
                tile[(step - l0) * width + j] = b[column + j, step]
    else:
        flat = b.reshape(-1)
        for step in range(l0, l1):
            copy_row(tile, (step - l0) * width, flat, step * b.shape[1] + column, count)
