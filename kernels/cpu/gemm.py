"""Matrix products on the CPU, blocked for the micro-kernel: what the fully connected layers consist of.

A is packed into panels of MR rows by all threads; each thread then packs a tile of B's columns, a first-level cache's
part of its rows at a time, and multiplies it with every panel.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from . import parallel
from .microkernel import multiply_packed
from .parallel import on_threads, share, workspace, zeros
from .plan import Plan, cached, pack_tables, record, scratch_or_new
from .registers import MR, tile_columns
from .simd_rows import copy_row
from .transpose import transpose

STEP_ROWS = 256  # of B at once: with a panel of A they fill three quarters of the first-level cache (Zen 3, 2026-11)
GEMM_SERIAL_PRODUCTS = 1 << 19  # multiplications: fewer take less than two threads gain (Zen 3, 2 cores, 2026-11)


class Gemm(NamedTuple):
    """Sizes of a product: C (rows, columns) = A (rows, length) B (length, columns)."""

    rows: int
    columns: int
    length: int
    width: int
    """Columns of a tile, NR."""
    transposed_a: int
    """Whether A lies as (length, rows)."""
    transposed_b: int
    """Whether B lies as (columns, length)."""


def multiply(a, b, bias, c, *, transposed_a=False, transposed_b=False):
    """C = A B + bias.

    Parameters
    ----------
    a : array (M, L), or with transposed_a (L, M)
    b : array (L, N), or with transposed_b (N, L)
    bias : array (N,), or None
    c : array (M, N)
    """
    plan = _gemm_plan(c.shape, b.shape[transposed_b], transposed_a, transposed_b, c.dtype)
    plan.launch(a, b, plan.empty if bias is None else bias, c)


@cached
def _gemm_plan(shape, length, transposed_a, transposed_b, dtype):
    (rows, columns), width = shape, tile_columns(dtype)
    return Plan(
        _run_gemm, Gemm(rows, columns, length, width, transposed_a, transposed_b), pack_tables()[0], dtype,
        tasks=-(-columns // width),
        serial=parallel.is_serial(rows * columns * length < GEMM_SERIAL_PRODUCTS),
        scratch=-(-rows // MR) * length * MR,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_gemm(sizes, tables, scratch, a, b, bias, c, threads):
    """Pack A, then multiply."""
    g, a, b, c = record(Gemm, sizes, 0), a.reshape(-1), b.reshape(-1), c.reshape(-1)
    panels = scratch_or_new(scratch, 0, (g.rows + MR - 1) // MR * g.length * MR, c)
    on_threads(_pack_rows, (g, a, panels), threads)
    on_threads(_multiply_columns, (g, panels, b, bias, c), threads)


@njit(cache=True, nogil=True)
def _pack_rows(g, a, panels, thread, threads):
    """panels[block, l, i] = A[block * MR + i, l]; zero past the last row."""
    first, last = share((g.rows + MR - 1) // MR, thread, threads)
    row_stride, step_stride = (1, g.rows) if g.transposed_a else (g.length, 1)
    for block in range(first, last):
        for i in range(MR):
            row, target = block * MR + i, block * g.length * MR + i
            for step in range(g.length):
                value = panels.dtype.type(0)
                if row < g.rows:
                    value = a[row * row_stride + step * step_stride]
                panels[target + step * MR] = value


@njit(cache=True, nogil=True)
def _multiply_columns(g, panels, b, bias, c, thread, threads):
    """C[i, j] = sum_l A[i, l] B[l, j] + bias[j], of one thread's tiles of columns.

    FLOPs: 2 M N L. Bytes: B and C once, A once a tile.
    """
    blocks = (g.rows + MR - 1) // MR
    tile_of_b, sums = zeros(STEP_ROWS * g.width, c), workspace(blocks * MR * g.width, c)
    first, last = share((g.columns + g.width - 1) // g.width, thread, threads)
    for tile in range(first, last):
        column, count = tile * g.width, min(g.width, g.columns - tile * g.width)
        # multiply all panels of A with some rows of the tile at a time
        for l0 in range(0, g.length, STEP_ROWS):
            l1 = min(l0 + STEP_ROWS, g.length)
            _pack_tile(g, b, l0, l1, column, count, tile_of_b)
            for block in range(blocks):
                multiply_packed(
                    panels, (block * g.length + l0) * MR, MR, tile_of_b, 0, l1 - l0,
                    sums, block * MR * g.width, g.width, l0 > 0,
                )  # fmt: skip
        # epilogue: bias, store
        for i in range(g.rows):
            source, target = np.uint64(i * g.width), np.uint64(i * g.columns + column)  # unsigned: no wraparound test
            if bias.size:
                for j in range(np.uint64(count)):
                    c[target + j] = sums[source + j] + bias[np.uint64(column) + j]
            else:
                copy_row(c, target, sums, source, count)


@njit(cache=True, nogil=True)
def _pack_tile(g, b, l0, l1, column, count, tile):
    """tile[l - l0, j] = B[l, column + j]."""
    if g.transposed_b:
        transpose(b, column * g.length + l0, g.length, count, l1 - l0, tile, 0, g.width)
    else:
        for step in range(l0, l1):
            copy_row(tile, (step - l0) * g.width, b, step * g.columns + column, count)
