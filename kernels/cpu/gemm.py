"""Matrix products on the CPU, blocked for the micro-kernel: what the fully connected layers consist of.

A box of A, some rows and some steps, is packed into panels of MR rows by all threads; each thread then packs a tile of
B's columns, a first-level cache's part of its rows at a time, and multiplies it with every panel. Of many rows and few
columns each thread takes some of the boxes. Boxes bound the memory. A long sum is one of partial sums, added in
float64: one by one its terms would lose digits.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from . import parallel
from .microkernel import multiply_packed
from .parallel import on_threads, share, streaming, workspace, zeros
from .plan import Plan, cached, pack_tables, record, scratch_or_new
from .reduce import BLOCK_TERMS
from .registers import MR, tile_columns
from .simd_rows import copy_row
from .transpose import transpose

STEP_ROWS = 256  # of B at once: with a panel of A they fill three quarters of the first-level cache (Zen 3, 2026-11)
GEMM_SERIAL_PRODUCTS = 1 << 19  # multiplications: fewer take less than two threads gain (Zen 3, 2 cores, 2026-11)


BOX_ELEMENTS = 1 << 22  # of A that are packed at once by all threads
BOX_ROWS = 1024
PARTIAL_STEPS = 4 * STEP_ROWS  # products of a partial sum
THREAD_BOX = 256, 4 * STEP_ROWS  # rows and steps of A that a thread packs for itself: a second-level cache's part


FEW = 4  # rows or columns: packing them, or for them, takes longer than the products


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
    box_rows: int
    box_steps: int
    """Size of a box of A, at most."""
    is_tall: int
    """Whether threads share the rows instead of the columns."""


def multiply(a, b, bias, c, *, transposed_a=False, transposed_b=False):
    """C = A B + bias.

    Parameters
    ----------
    a : array (M, L), or with transposed_a (L, M)
    b : array (L, N), or with transposed_b (N, L)
    bias : array (N,), or None
    c : array (M, N)
    """
    length = b.shape[transposed_b]
    if transposed_b and not transposed_a and min(c.shape) <= FEW:
        flat = a.reshape(-1), b.reshape(-1), np.empty(0, c.dtype) if bias is None else bias
        return _dots(max(c.shape), c.size * length, *flat, length, c)
    plan = _gemm_plan(c.shape, length, transposed_a, transposed_b, c.dtype)
    return plan.launch(a, b, plan.empty if bias is None else bias, c)


def _dots_body(a, b, bias, length, c, thread, threads):
    """C[i, j] = <A[i], B[j]> + bias[j], both matrices row by row; a thread takes rows of the larger one.

    Sums of blocks in the arrays' type, the blocks added in float64. Bytes: all arrays once. FLOPs: 2 M N L.
    """
    rows, columns = c.shape
    first, last = share(max(rows, columns), thread, threads)
    for outer in range(first, last):
        for inner in range(min(rows, columns)):
            i, j = (outer, inner) if rows >= columns else (inner, outer)
            left, right, total = a[i * length : (i + 1) * length], b[j * length : (j + 1) * length], 0.0
            for start in range(0, length, BLOCK_TERMS):
                x, y, partial = left[start : start + BLOCK_TERMS], right[start : start + BLOCK_TERMS], c.dtype.type(0)
                for k in range(x.size):
                    partial += x[k] * y[k]
                total += partial
            c[i, j] = total + bias[j] if bias.size else total


_dots = streaming(_dots_body, fastmath={"reassoc", "nsz", "contract"})


@cached
def _gemm_plan(shape, length, transposed_a, transposed_b, dtype):
    (rows, columns), width = shape, tile_columns(dtype)
    tiles, is_tall = -(-columns // width), rows * length > BOX_ELEMENTS and columns <= width
    box_rows, box_steps = THREAD_BOX if is_tall else (min(BOX_ROWS, max(-(-rows // MR), 1) * MR), length)
    if not is_tall and box_rows * length > BOX_ELEMENTS:
        box_steps = max(BOX_ELEMENTS // box_rows // STEP_ROWS, 1) * STEP_ROWS
    sizes = Gemm(rows, columns, length, width, transposed_a, transposed_b, box_rows, box_steps, is_tall)
    return Plan(
        _run_gemm, sizes, pack_tables()[0], dtype,
        tasks=-(-rows // box_rows) if is_tall else tiles,
        serial=parallel.is_serial(rows * columns * length < GEMM_SERIAL_PRODUCTS),
        scratch=0 if is_tall else -(-box_rows // MR) * box_steps * MR,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_gemm(sizes, tables, scratch, a, b, bias, c, threads):
    """Pack a box of A, then multiply."""
    g, a, b, c = record(Gemm, sizes, 0), a.reshape(-1), b.reshape(-1), c.reshape(-1)
    if g.is_tall:
        on_threads(_multiply_rows, (g, a, b, bias, c), threads)
        return
    panels = scratch_or_new(scratch, 0, _panel_rows(g) * g.box_steps, c)
    for row in range(0, g.rows, g.box_rows):
        for step in range(0, g.length, g.box_steps):
            on_threads(_pack_rows, (g, row, step, a, panels), threads)
            on_threads(_multiply_columns, (g, row, step, panels, b, bias, c), threads)


@njit(cache=True, nogil=True)
def _multiply_rows(g, a, b, bias, c, thread, threads):
    """All columns of one thread's rows, a box of A at a time; the columns are one tile."""
    panels, (tile_of_b, sums, totals) = workspace(_panel_rows(g) * g.box_steps, c), _workspaces(g, c)
    first, last = share((g.rows + g.box_rows - 1) // g.box_rows, thread, threads)
    for row in range(first * g.box_rows, last * g.box_rows, g.box_rows):
        totals[:] = 0
        for step in range(0, g.length, g.box_steps):
            _pack_rows(g, row, step, a, panels, 0, 1)
            _add_products(g, row, step, panels, b, 0, tile_of_b, sums, totals)
        _store_tile(g, row, 0, sums, totals, bias, c)


@njit(inline="always")
def _panel_rows(g):
    """Rows of a box's panels."""
    return (g.box_rows + MR - 1) // MR * MR


@njit(cache=True, nogil=True)
def _workspaces(g, c):
    """One thread's: some rows of a tile of B, a box's partial sums, and their totals where there are several."""
    size = _panel_rows(g) * g.width
    return zeros(STEP_ROWS * g.width, c), workspace(size, c), np.zeros(size if g.length > PARTIAL_STEPS else 0)


@njit(cache=True, nogil=True)
def _pack_rows(g, row0, step0, a, panels, thread, threads):
    """panels[block, l, i] = A[row0 + block * MR + i, step0 + l]; zero past the last row."""
    rows, steps = min(g.box_rows, g.rows - row0), min(g.box_steps, g.length - step0)
    first, last = share((rows + MR - 1) // MR, thread, threads)
    row_stride, step_stride = (1, g.rows) if g.transposed_a else (g.length, 1)
    for block in range(first, last):
        for i in range(MR):
            row, target = block * MR + i, block * steps * MR + i
            source = (row0 + row) * row_stride + step0 * step_stride
            for step in range(steps):
                value = panels.dtype.type(0)
                if row < rows:
                    value = a[source + step * step_stride]
                panels[target + step * MR] = value


@njit(cache=True, nogil=True)
def _multiply_columns(g, row0, step0, panels, b, bias, c, thread, threads):
    """C[i, j] = sum_l A[i, l] B[l, j] + bias[j], of the rows and steps of a box and one thread's tiles of columns.

    Sums of the boxes before lie in C; the last box adds the bias.
    """
    rows, ends, no_bias = min(g.box_rows, g.rows - row0), step0 + g.box_steps >= g.length, bias[:0]
    tile_of_b, sums, totals = _workspaces(g, c)
    first, last = share((g.columns + g.width - 1) // g.width, thread, threads)
    for column in range(first * g.width, last * g.width, g.width):
        # a partial sum that the box before left unfinished, or the totals
        count = min(g.width, g.columns - column)
        totals[:] = 0
        for i in range(rows if step0 > 0 else 0):
            if step0 % PARTIAL_STEPS:
                copy_row(sums, i * g.width, c, (row0 + i) * g.columns + column, count)
            else:
                totals[i * g.width : i * g.width + count] = c[(row0 + i) * g.columns + column :][:count]
        _add_products(g, row0, step0, panels, b, column, tile_of_b, sums, totals)
        _store_tile(g, row0, column, sums, totals, bias if ends else no_bias, c)


@njit(cache=True, nogil=True)
def _add_products(g, row0, step0, panels, b, column, tile_of_b, sums, totals):
    """totals[i, j] += sum_l A[i, l] B[l, column + j], of the rows and steps of a box; by partial sums, kept in `sums`.

    FLOPs: 2 M N L. Bytes: B once, A once a tile.
    """
    rows, steps = min(g.box_rows, g.rows - row0), min(g.box_steps, g.length - step0)
    count = min(g.width, g.columns - column)
    # multiply all panels of A with some rows of the tile at a time
    for l0 in range(0, steps, STEP_ROWS):
        l1 = min(l0 + STEP_ROWS, steps)
        _pack_tile(g, b, step0 + l0, step0 + l1, column, count, tile_of_b)
        for block in range((rows + MR - 1) // MR):
            multiply_packed(
                panels, (block * steps + l0) * MR, MR, tile_of_b, 0, l1 - l0,
                sums, block * MR * g.width, g.width, (step0 + l0) % PARTIAL_STEPS > 0,
            )  # fmt: skip
        # a partial sum ends
        ends = l1 == steps and (step0 + l1 == g.length or not g.is_tall)
        if totals.size and (ends or (step0 + l1) % PARTIAL_STEPS == 0):
            for i in range(rows * g.width):
                totals[i] += sums[i]


@njit(cache=True, nogil=True)
def _store_tile(g, row0, column, sums, totals, bias, c):
    """C[row0 + i, column + j] = totals[i, j] + bias[column + j]; where a sum is one partial sum, of that."""
    rows, count = min(g.box_rows, g.rows - row0), min(g.width, g.columns - column)
    for i in range(rows):
        # unsigned: no wraparound test
        source, target = np.uint64(i * g.width), np.uint64((row0 + i) * g.columns + column)
        if totals.size:
            for j in range(np.uint64(count)):
                c[target + j] = totals[source + j] + (bias[np.uint64(column) + j] if bias.size else 0)
        elif bias.size:
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
