"""The weight gradient whose lanes are filters: no row of pixels is too short for a vector.

    dw[k, l] = sum_j x[position(j) + pair(l)] dy[k, j],    j = (n, p, q), l = (c, r, s)

A product of two matrices with a long common dimension, the positions. dy is transposed, a chunk of positions at a time,
so that its filters are the lanes of NV vectors, or of one where a group has no more; elements of x are broadcast where
they lie. Of 1x1 kernels x and dy may change roles. Where the sums are few, threads share the positions, and their sums
are added at the end; else they share the sums.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ...cpu import parallel
from ...cpu.microkernel import NARROW_ROWS, multiply_gathered, multiply_gathered_narrow
from ...cpu.parallel import on_threads, share, workspace, zeros
from ...cpu.plan import Plan, pack_tables, record, scratch_or_new, table
from ...cpu.registers import MR, lanes, tile_columns
from ...cpu.simd_rows import copy_row, prefetch_row
from ...cpu.transpose import transpose
from .correlation import SERIAL_PRODUCTS, fprop_correlation
from .offset_tables import SPARE_PAIRS, TABLE_LIMIT, InputLayout, copy_size, lay_out, pad

CHUNK_POSITIONS = 256
"""Transposed at once, about: NR filters of them take two thirds of the first-level cache."""
CACHED_COLUMNS, CACHED_ROWS = 128, 512
"""Of the sums of a task, at most: with a transposed chunk they stay in the second-level cache."""
FEW_CHUNKS = 16
"""Fewer are not shared among threads."""
MANY_TASKS = 8
"""Tasks for each thread, from which on it does not matter how many the last thread has."""
TRANSPOSED_ELEMENT = 0.3
"""Cycles that transposing an element takes, where a vector's multiply-add takes half of one."""


class Sums(NamedTuple):
    """The product, and how it is cut into tasks."""

    images: int
    groups: int
    rows: int
    """Of a group: (channel, tap) pairs that are broadcast, or filters if roles have changed."""
    columns: int
    """Of a group: filters that are transposed, or channels."""
    image: int
    """Elements of what is broadcast, from an image to the next."""
    pixels: int
    """Positions of an image."""
    exchanged: int
    """Whether x and dy have changed roles."""
    width: int
    """Columns that are multiplied at once, NR or one vector."""
    tile_rows: int
    """Rows that are multiplied at once."""
    task_rows: int
    task_columns: int
    chunk_images: int
    chunk_positions: int
    """Positions of an image in a chunk, which has either several images or a part of one."""
    chunk_step: int
    """Elements of what is broadcast, from a chunk of an image to the next."""


SUMS = len(InputLayout._fields)
TABLES = SUMS + len(Sums._fields)


def is_exchanged(shape, dtype):
    """Whether x and dy change roles: of a product of two matrices, where that takes fewer cycles."""
    channels, filters = shape.c // shape.groups, shape.k // shape.groups
    return is_product(shape) and cycles(channels, filters, dtype) < cycles(filters, channels, dtype)


def cycles(columns, rows, dtype):
    """Cycles that a position takes, if so many columns are transposed."""
    width, tile_rows = _tile(columns, dtype)
    products = -(-columns // width) * width * -(-rows // tile_rows) * tile_rows / lanes(dtype) / 2
    return products + TRANSPOSED_ELEMENT * columns * -(-rows // CACHED_ROWS)


def _tile(columns, dtype):
    """(columns, rows) that are multiplied at once."""
    return (lanes(dtype), NARROW_ROWS) if columns <= lanes(dtype) else (tile_columns(dtype), MR)


def is_product(shape):
    """Whether every element of x is read once, with the element of dy that lies where it does."""
    return _reads_each_once(shape) and (shape.h, shape.w) == (shape.p, shape.q)


def _reads_each_once(shape):
    """Whether there is one tap, which reads inside x."""
    last = (shape.p - 1) * shape.stride_h, (shape.q - 1) * shape.stride_w
    unpadded = shape.pad_top == shape.pad_left == 0 and last[0] < shape.h and last[1] < shape.w
    return shape.r * shape.s == 1 and unpadded


def wgrad_plan(shape, dtype):
    """The plan of a weight gradient."""
    exchanged, pixels = is_exchanged(shape, dtype), shape.p * shape.q
    layout, (row_step, column_step), starts = _reading(shape)
    if exchanged:
        starts = np.arange(shape.k // shape.groups) * pixels
    channels, filters = shape.c // shape.groups, shape.k // shape.groups
    rows, columns = (filters, channels) if exchanged else (channels * shape.r * shape.s, filters)
    image = shape.k * pixels if exchanged else shape.c * layout.height * layout.width
    images, count, step = _chunk(shape, row_step, image, lanes(dtype))
    chunks = -(-shape.n // images) * -(-pixels // count)

    # tables: where the positions of a chunk lie, and the rows; spare entries for a last tile, which is read whole
    down, across = np.arange(shape.p)[:, None] * row_step, np.arange(shape.q) * column_step
    positions = np.arange(images)[:, None] * image + (down + across).reshape(-1)[:count]
    tables, bounds = pack_tables(positions, np.append(starts[:rows], [0] * SPARE_PAIRS))

    # tasks
    serial = parallel.is_serial(shape.flops // 2 < SERIAL_PRODUCTS)
    width, tile_rows = _tile(columns, dtype)
    column_tasks = -(-columns // CACHED_COLUMNS)
    least = 1 if serial or chunks >= FEW_CHUNKS else -(-MANY_TASKS // (shape.groups * column_tasks))
    row_tasks = max(-(-rows // CACHED_ROWS), min(least, -(-rows // tile_rows)))
    g = Sums(
        shape.n, shape.groups, rows, columns, image, pixels, exchanged, width, tile_rows,
        -(-rows // (row_tasks * tile_rows)) * tile_rows, -(-columns // (column_tasks * width)) * width,
        images, count, step,
    )  # fmt: skip
    shared = chunks >= FEW_CHUNKS
    return Plan(
        _run_filter_vectorized_wgrad, [*layout, *g, *bounds], tables, dtype,
        tasks=shape.groups * -(-rows // g.task_rows) * -(-columns // g.task_columns) * (chunks if shared else 1),
        serial=serial,
        scratch=copy_size(layout),
        scratch_per_thread=shape.k * channels * shape.r * shape.s if shared else 0,
    )  # fmt: skip


def _reading(shape):
    """(InputLayout, elements from a row of positions and from a position to the next, where pairs begin) of x."""
    if _reads_each_once(shape):
        sizes = shape.n, shape.c, shape.h, shape.w, shape.p, shape.q, 1, 0, 0, False, 1, 1, shape.h, shape.w, 1, 1
        return InputLayout(*sizes), (shape.stride_h * shape.w, shape.stride_w), np.arange(shape.c) * shape.h * shape.w
    layout, positions, pairs = lay_out(fprop_correlation(shape), 1, serial=True)
    steps = shape.stride_h // layout.skip_h * layout.width, shape.stride_w // layout.skip_w
    return layout, steps, pairs + positions.flat[0]


def _chunk(shape, row_step, image, size):
    """(images, positions of each, elements from a chunk of an image to the next) of a chunk of positions."""
    pixels = shape.p * shape.q
    if pixels <= CHUNK_POSITIONS:
        return max(1, min(shape.n, CHUNK_POSITIONS // pixels, TABLE_LIMIT // image - 1)), pixels, 0
    if is_product(shape):
        count = -(-pixels // -(-pixels // CHUNK_POSITIONS))
        count = -(-count // size) * size
        return 1, count, count
    strip = max(1, CHUNK_POSITIONS // shape.q)
    return 1, strip * shape.q, strip * row_step


@njit(cache=True, nogil=True)
def _run_filter_vectorized_wgrad(sizes, tables, scratch, x, dy, dw, threads):
    """Pad x if taps reach outside; sum, each thread over its sums or its positions; add what they have summed."""
    x, dy, dw = x.reshape(-1), dy.reshape(-1), dw.reshape(-1)
    layout, g = record(InputLayout, sizes, 0), record(Sums, sizes, SUMS)
    positions, starts = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    copy = scratch_or_new(scratch, 0, copy_size(layout), x)
    if layout.copied:
        on_threads(pad, (layout, x, copy), threads)
    padded = copy if layout.copied else x
    a, b = (dy, x) if g.exchanged else (padded, dy)
    parts = _parts(g, threads)
    if parts == 1:
        on_threads(_sum_positions, (g, parts, positions, starts, a, b, dw), threads)
    else:
        sums = scratch_or_new(scratch, copy_size(layout), parts * dw.size, x)
        on_threads(_sum_positions, (g, parts, positions, starts, a, b, sums), threads)
        on_threads(_add_parts, (parts, sums, dw), threads)


@njit(inline="always")
def _outputs(g):
    """Tasks that the sums are cut into."""
    row_tasks = (g.rows + g.task_rows - 1) // g.task_rows
    return g.groups * row_tasks * ((g.columns + g.task_columns - 1) // g.task_columns)


@njit(inline="always")
def _chunks(g):
    """Chunks of positions."""
    segments = (g.pixels + g.chunk_positions - 1) // g.chunk_positions
    return (g.images + g.chunk_images - 1) // g.chunk_images * segments


@njit(cache=True, nogil=True)
def _parts(g, threads):
    """Parts that the positions are cut into: one, where the sums are enough for all threads."""
    outputs = _outputs(g)
    enough = outputs % threads == 0 or outputs >= MANY_TASKS * threads
    return 1 if enough or _chunks(g) < FEW_CHUNKS else min(threads, _chunks(g))


@njit(cache=True, nogil=True)
def _sum_positions(g, parts, positions, starts, a, b, out, thread, threads):
    """The equation at the head of this file, for one thread's sums or positions; out (parts, groups, filters, pairs).

    FLOPs: 2 N K P Q (C/groups) R S. Bytes: x and dy once for each task, dw once for each part.
    """
    # sizes and thread-local workspaces
    width, outputs, chunks = g.width, _outputs(g), _chunks(g)
    column_tasks = (g.columns + g.task_columns - 1) // g.task_columns
    row_tasks = (g.rows + g.task_rows - 1) // g.task_rows
    segments, step = (g.pixels + g.chunk_positions - 1) // g.chunk_positions, g.chunk_images * g.chunk_positions
    panels, sums = zeros(step * g.task_columns, a), workspace(g.task_rows * g.task_columns, a)
    first, last = share(outputs * parts, thread, threads)
    for task in range(first, last):
        part, output = task // outputs, task % outputs
        group, row0 = output // (row_tasks * column_tasks), output // column_tasks % row_tasks * g.task_rows
        column0 = output % column_tasks * g.task_columns
        rows, columns = min(g.task_rows, g.rows - row0), min(g.task_columns, g.columns - column0)
        begin, end = share(chunks, part, parts)
        for chunk in range(begin, end):
            # transpose some positions of all columns
            n, segment = chunk // segments * g.chunk_images, chunk % segments
            start = segment * g.chunk_positions
            images, length = min(g.chunk_images, g.images - n), min(g.chunk_positions, g.pixels - start)
            for k in range(0, columns, width):
                for m in range(images):
                    source = (((n + m) * g.groups + group) * g.columns + column0 + k) * g.pixels + start
                    target, valid = k * step + m * length * width, min(width, columns - k)
                    transpose(b, source, g.pixels, valid, length, panels, target, width)
            # multiply: rows by NR columns, or by one vector of them
            base = n * g.image + group * (g.image // g.groups) + segment * g.chunk_step
            follows = chunk + 1 < end and segment + 1 < segments
            for i in range(0, rows, g.tile_rows):
                # prefetch a share of what the next chunk reads
                if follows:
                    j0, j1 = share(columns, i // g.tile_rows, (rows + g.tile_rows - 1) // g.tile_rows)
                    for j in range(j0, j1):
                        source = ((n * g.groups + group) * g.columns + column0 + j) * g.pixels + start
                        prefetch_row(b, source + length, length)
                    if g.chunk_step == g.chunk_positions:
                        for j in range(row0 + i, row0 + min(i + g.tile_rows, rows)):
                            prefetch_row(a, base + starts[j] + g.chunk_step, length)
                for k in range(0, columns, width):
                    if g.tile_rows == MR:
                        multiply_gathered(
                            a, base, starts, row0 + i, positions, 0, images * length, panels, k * step,
                            sums, i * g.task_columns + k, g.task_columns, chunk > begin,
                        )  # fmt: skip
                    else:
                        multiply_gathered_narrow(
                            a, base, starts, row0 + i, positions, 0, images * length, panels, k * step,
                            sums, i * g.task_columns + k, g.task_columns, chunk > begin,
                        )  # fmt: skip
        # store the task's sums as they lie in dw
        target = (part * g.groups + group) * g.rows * g.columns
        if g.exchanged:
            for i in range(rows):
                copy_row(out, target + (row0 + i) * g.columns + column0, sums, i * g.task_columns, columns)
        else:
            transpose(sums, 0, g.task_columns, rows, columns, out, target + column0 * g.rows + row0, g.rows)


@njit(cache=True, nogil=True)
def _add_parts(parts, sums, dw, thread, threads):
    """dw of one thread's share: the sums of all parts, in order."""
    first, last = share(dw.size, thread, threads)
    for j in range(np.uint64(first), np.uint64(last)):
        total = sums[j]
        for part in range(np.uint64(1), np.uint64(parts)):
            total += sums[part * np.uint64(dw.size) + j]
        dw[j] = total
