"""Matrix products of bfloat16 arrays by the tiles of pair_tiles.py, with float32 sums.

B is packed into panels of pairs by all threads; each thread then packs some rows of A, and multiplies them with a
panel, a cached stretch of the reduction at a time.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from . import pair_tiles, parallel
from .bfloat16 import store_row
from .parallel import on_threads, share, workspace
from .plan import Plan, cached, pack_tables, record, scratch_or_new, table
from .simd_rows import clear_row, copy_row, zip_rows
from .transpose import transpose

COLUMNS = 32
"""Columns of a panel."""
TASK_ROWS = 128
"""Rows of A that a panel of B is multiplied with while it is in the cache."""
STEP_LENGTH = 512
"""Of the reduction, at once: rows of A for a tile take 32 KB (Xeon with AMX, 2026-11)."""
MIN_TASKS = 8
MAX_LENGTH = 1 << 15
"""Of the reduction: more terms are better added in boxes (gemm.py)."""
MAX_PACKED = 1 << 23
"""Elements of B, which is packed whole: 16 MB."""
MIN_PRODUCTS = 1 << 19
"""Multiplications, below which packing takes as long."""
GEMM_SERIAL_PRODUCTS = 1 << 22
"""Multiplications: fewer take less than two threads gain (Xeon with AMX, 2026-11)."""


class PairGemm(NamedTuple):
    """Sizes of a product: C (rows, columns) = A (rows, length) B (length, columns)."""

    rows: int
    columns: int
    length: int
    padded: int
    """The length, in whole steps of a tile."""
    transposed_a: int
    """Whether A lies as (length, rows)."""
    transposed_b: int
    """Whether B lies as (columns, length)."""
    task_rows: int
    task_panels: int
    """Panels of B that a task multiplies with."""


TABLES = len(PairGemm._fields)


def is_profitable(rows, columns, length):
    """Whether a product of so many rows and columns is quicker than float32's, and takes little memory."""
    return (
        pair_tiles.quickest() is not None
        and min(rows, columns, length) >= pair_tiles.tile(pair_tiles.quickest()).max_pairs // 2
        and length <= MAX_LENGTH
        and length * columns <= MAX_PACKED
        and rows * columns * length >= MIN_PRODUCTS
    )


def multiply(a, b, bias, c, *, transposed_a=False, transposed_b=False, name=None):
    """C = A B + bias, of bfloat16 arrays.

    Parameters
    ----------
    a : array (M, L), or with transposed_a (L, M)
    b : array (L, N), or with transposed_b (N, L)
    bias : array (N,), or None
    c : array (M, N)
    name : str, optional
        Of a tile of pair_tiles.names(); default: the quickest one.
    """
    length = b.shape[transposed_b]
    plan = _plan(c.shape, length, transposed_a, transposed_b, name or pair_tiles.quickest())
    bias = np.zeros(0, np.float32) if bias is None else bias.astype(np.float32)
    plan.launch(a.view(np.uint16), b.view(np.uint16), bias, c.view(np.uint16))


@cached
def _plan(shape, length, transposed_a, transposed_b, name):
    (rows, columns), (tile_rows, pairs) = shape, pair_tiles.tile(name)[:2]
    padded, panels = -(-length // (2 * pairs)) * 2 * pairs, -(-columns // COLUMNS)
    task_rows = min(TASK_ROWS, -(-rows // tile_rows) * tile_rows)
    blocks = -(-rows // task_rows)
    task_panels = -(-panels // max(1, min(panels, -(-MIN_TASKS // blocks))))
    sizes = PairGemm(rows, columns, length, padded, transposed_a, transposed_b, task_rows, task_panels)
    tables, bounds = pack_tables(np.arange(0, STEP_LENGTH, 2 * pairs))
    return Plan(
        _kernel(name), [*sizes, *bounds], tables, np.dtype(np.uint32),
        tasks=max(blocks * -(-panels // task_panels), panels),
        serial=parallel.is_serial(rows * columns * length < GEMM_SERIAL_PRODUCTS),
        scratch=panels * COLUMNS * padded // 2,
    )  # fmt: skip


@lru_cache(maxsize=2)
def _kernel(name):
    """The kernel of a tile, called as kernel(sizes, tables, scratch, a, b, bias, c, threads)."""
    rows, pairs, begin, end, _, multiply_rows = pair_tiles.tile(name)

    @njit(cache=True, nogil=True)
    def multiply_tasks(g, starts, panels, a, bias, c, thread, threads):
        """C of one thread's tasks: some rows by some panels. FLOPs: 2 M N L. Bytes: A and B once a task, C once."""
        stride, count = g.task_panels * COLUMNS, (g.columns + COLUMNS - 1) // COLUMNS
        packed, sums = workspace(g.task_rows * g.padded // 2, panels), workspace(g.task_rows * stride, bias)
        columns, halves = workspace(rows * g.padded // 2, panels), packed.view(a.dtype)
        parts = (count + g.task_panels - 1) // g.task_panels
        begin(pairs)
        first, last = share((g.rows + g.task_rows - 1) // g.task_rows * parts, thread, threads)
        for task in range(first, last):
            row0, panel0 = task // parts * g.task_rows, task % parts * g.task_panels
            valid, panel1 = min(g.task_rows, g.rows - row0), min(panel0 + g.task_panels, count)
            for i in range(0, valid, rows):
                _pack_rows(g, g.transposed_a, g.rows, a, row0 + i, rows, packed, i * g.padded // 2, columns)
            # multiply: a stretch of the reduction, a panel of B, tiles of A
            for l0 in range(0, g.padded, STEP_LENGTH):
                steps = (min(STEP_LENGTH, g.padded - l0)) // (2 * pairs)
                for panel in range(panel0, panel1):
                    for i in range(0, valid, rows):
                        multiply_rows(
                            halves, i * g.padded + l0, g.padded, starts, steps,
                            panels, (panel * g.padded + l0) // 2 * COLUMNS,
                            sums, i * stride + (panel - panel0) * COLUMNS, stride, l0 > 0,
                        )  # fmt: skip
            # epilogue: bias, rounding, store
            column, width = panel0 * COLUMNS, min(panel1 * COLUMNS, g.columns) - panel0 * COLUMNS
            for i in range(valid):
                row = sums[i * stride : i * stride + width]
                if bias.size:
                    row += bias[column : column + width]
                store_row(c, (row0 + i) * g.columns + column, sums, i * stride, width)
        end()

    @njit(cache=True, nogil=True)
    def run(sizes, tables, scratch, a, b, bias, c, threads):
        """Pack B, then multiply."""
        g, a, b, c = record(PairGemm, sizes, 0), a.reshape(-1), b.reshape(-1), c.reshape(-1)
        size = (g.columns + COLUMNS - 1) // COLUMNS * COLUMNS * g.padded // 2
        panels = scratch_or_new(scratch, 0, size, scratch)
        on_threads(_pack_panels, (g, b, panels), threads)
        on_threads(multiply_tasks, (g, table(tables, sizes, TABLES), panels, a, bias, c), threads)

    return run


@njit(cache=True, nogil=True)
def _pack_rows(g, transposed, size, a, first, rows, packed, start, columns):
    """packed[start + i * padded / 2 + p] = the pair of elements 2p and 2p + 1 of row first + i of A; else zeros.

    A has `size` rows. Transposed, it lies as (length, size), and pairs are columns first.
    """
    valid = min(rows, size - first)
    if transposed:
        _pack_columns(g, size, a, first, valid, rows, columns)
        transpose(columns, 0, rows, g.padded // 2, rows, packed, start, g.padded // 2)
        return
    halves = packed.view(a.dtype)
    for i in range(rows):
        target, length = 2 * start + i * g.padded, g.length if i < valid else 0
        copy_row(halves, target, a, (first + i) * g.length, length)
        clear_row(halves, target + length, g.padded - length)


@njit(cache=True, nogil=True)
def _pack_columns(g, size, b, first, valid, width, columns):
    """columns[p * width + j] = the pair 2p, 2p + 1 of column first + j of B (length, size); else zeros."""
    halves = columns.view(b.dtype)
    clear_row(columns, 0, columns.size)
    for p in range(g.length // 2):
        source = 2 * p * size + first
        zip_rows(halves, 2 * p * width, b, source, b, source + size, valid)
    if g.length % 2:
        for j in range(valid):
            halves[(g.length - 1) * width + 2 * j] = b[(g.length - 1) * size + first + j]


@njit(cache=True, nogil=True)
def _pack_panels(g, b, panels, thread, threads):
    """panels[panel, p, j] = the pair of elements 2p and 2p + 1 of column panel * COLUMNS + j of B; else zeros."""
    first, last = share((g.columns + COLUMNS - 1) // COLUMNS, thread, threads)
    size = COLUMNS * g.padded // 2
    natural = workspace(size, panels)
    for panel in range(first, last):
        column, target = panel * COLUMNS, panels[panel * size : (panel + 1) * size]
        if g.transposed_b:
            _pack_rows(g, False, g.columns, b, column, COLUMNS, natural, 0, natural)
            transpose(natural, 0, g.padded // 2, COLUMNS, g.padded // 2, target, 0, COLUMNS)
        else:
            _pack_columns(g, g.columns, b, column, min(COLUMNS, g.columns - column), COLUMNS, target)
