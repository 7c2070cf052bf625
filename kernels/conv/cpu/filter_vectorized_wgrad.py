"""The weight gradient whose lanes are filters: no row of pixels is too short for a vector.

    dw[k, l] = sum_j x[position(j) + pair(l)] dy[k, j],    j = (n, p, q), l = (c, r, s)

The product of filter_vectorized.py with rows and reduction exchanged: the micro-kernel broadcasts x at MR pairs l and
multiplies with NV vectors of filters, or with one where a group has no more. dy is transposed as it is needed, a part
that stays in the first-level cache. Of 1x1 kernels with more filters than channels, x and dy change roles.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ...cpu import parallel
from ...cpu.microkernel import NARROW_ROWS, multiply_gathered, multiply_gathered_narrow
from ...cpu.parallel import on_threads, share, workspace, zeros
from ...cpu.plan import Plan, pack_tables, record, scratch_or_new, table
from ...cpu.registers import MR, lanes, tile_columns
from ...cpu.simd_rows import copy_row
from ...cpu.transpose import transpose
from .correlation import MIN_TASKS, SERIAL_PRODUCTS, fprop_correlation
from .filter_vectorized import STEP_PAIRS
from .offset_tables import SPARE_PAIRS, InputLayout, balanced_step, copy_size, lay_out, pad

TASK_PAIRS = 256  # at most: transposing dy for them takes a fortieth of multiplying
CACHED_BLOCKS = 4  # of NR filters, at most, that a task multiplies while x is in the first-level cache


class Blocking(NamedTuple):
    """How the sums are cut into tasks."""

    groups: int
    channels: int
    """Of a group."""
    filters: int
    """Of a group."""
    width: int
    """Filters that are multiplied at once, NR or one vector."""
    rows: int
    """(channel, tap) pairs that are multiplied at once."""
    pairs: int
    """(channel, tap) pairs of a task."""
    exchanged: int
    """Whether x and dy have changed roles."""


BLOCKING = len(InputLayout._fields)
TABLES = BLOCKING + len(Blocking._fields)


def is_exchanged(shape):
    """Whether x and dy change roles: of a product of two matrices the one with fewer rows is transposed."""
    one_tap = shape.r * shape.s * shape.stride_h * shape.stride_w * shape.groups == 1
    return one_tap and (shape.h, shape.w) == (shape.p, shape.q) and shape.k > shape.c


def wgrad_plan(shape, dtype):
    """The plan of a weight gradient."""
    exchanged, correlation = is_exchanged(shape), fprop_correlation(shape)
    serial = parallel.is_serial(correlation.products < SERIAL_PRODUCTS)
    filters = shape.c if exchanged else shape.k // shape.groups
    narrow = filters <= lanes(dtype)
    width, rows = (lanes(dtype), NARROW_ROWS) if narrow else (tile_columns(dtype), MR)
    if exchanged:
        correlation = correlation._replace(x_shape=shape.y_shape)
    blocks = -(-filters // (CACHED_BLOCKS * width))
    g, positions, all_pairs = lay_out(correlation, blocks, serial=serial)
    channels = g.c // shape.groups
    pairs = channels * g.taps
    # of one group, and spare entries for a last tile: those of the next group's channels may lie beyond x
    tables, bounds = pack_tables(positions, np.append(all_pairs[:pairs], [0] * SPARE_PAIRS))
    min_tasks = 1 if serial else -(-MIN_TASKS // shape.groups)
    task_pairs = -(-pairs // max(-(-pairs // TASK_PAIRS), -(-min_tasks // blocks)) // rows) * rows
    blocking = Blocking(shape.groups, channels, filters, width, rows, task_pairs, exchanged)
    return Plan(
        _run_filter_vectorized_wgrad, [*g, *blocking, *bounds], tables, dtype,
        tasks=shape.groups * blocks * -(-pairs // task_pairs), serial=serial, scratch=copy_size(g),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_filter_vectorized_wgrad(sizes, tables, scratch, x, dy, dw, threads):
    """Pad the input if taps reach outside, then multiply."""
    x, dy, dw = x.reshape(-1), dy.reshape(-1), dw.reshape(-1)
    g, blocking = record(InputLayout, sizes, 0), record(Blocking, sizes, BLOCKING)
    positions, pairs = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    if blocking.exchanged:
        x, dy = dy, x
    copy = scratch_or_new(scratch, 0, copy_size(g), x)
    if g.copied:
        on_threads(pad, (g, x, copy), threads)
    on_threads(_correlate_pairs, (g, blocking, copy if g.copied else x, positions, pairs, dy, dw), threads)


@njit(cache=True, nogil=True)
def _transpose_gradient(g, dy, all_filters, k, valid, n, j, count, panel, start, width):
    """panel[i, l] = dy of filter k + l at position j + i of the images from n on, for i < count, l < valid."""
    outputs, done = g.p * g.q, 0
    while done < count:
        m, q = (j + done) // outputs, (j + done) % outputs
        length = min(outputs - q, count - done)
        first = ((n + m) * all_filters + k) * outputs + q
        transpose(dy, first, outputs, valid, length, panel, start + done * width, width)
        done += length


@njit(cache=True, nogil=True)
def _correlate_pairs(g, blocking, x, positions, pairs, dy, dw, thread, threads):
    """The equation at the head of this file, for one thread's pairs and filters.

    Every sum is one thread's, over the positions in order: the bits do not depend on the number of threads.

    FLOPs: 2 N K P Q C R S. Bytes: x once a block, dy once for so many pairs, dw once.
    """
    # sizes and thread-local workspaces
    groups, channels, filters, width, rows, task_pairs, exchanged = blocking
    most = min(CACHED_BLOCKS * width, (filters + width - 1) // width * width)
    all_pairs, outputs, blocks = channels * g.taps, g.p * g.q, (filters + most - 1) // most
    step, sums = balanced_step(g.images * outputs, STEP_PAIRS), workspace((task_pairs + rows) * most, x)
    panels, sections = zeros(step * most, x), (all_pairs + task_pairs - 1) // task_pairs * blocks
    first, last = share(groups * sections, thread, threads)
    for task in range(first, last):
        group, section = task // sections, task % sections
        pair, k0 = section // blocks * task_pairs, section % blocks * most
        count, k1 = min(task_pairs, all_pairs - pair), min(k0 + most, filters)
        for n in range(0, g.n, g.images):
            image = (n * g.c + group * channels) * g.height * g.width
            end = min(g.images, g.n - n) * outputs
            for j in range(0, end, step):
                # transpose dy of some positions
                steps = min(step, end - j)
                for k in range(k0, k1, width):
                    _transpose_gradient(
                        g, dy, groups * filters, group * filters + k, min(width, k1 - k), n, j, steps, panels,
                        (k - k0) * step, width,
                    )  # fmt: skip
                # multiply: rows of pairs by NR filters, or by one vector of them
                for i in range(0, count, rows):
                    for k in range(0, k1 - k0, width):
                        if rows == MR:
                            multiply_gathered(
                                x, image, pairs, pair + i, positions, j, steps, panels, k * step,
                                sums, i * most + k, most, n + j > 0,
                            )  # fmt: skip
                        else:
                            multiply_gathered_narrow(
                                x, image, pairs, pair + i, positions, j, steps, panels, k * step,
                                sums, i * most + k, most, n + j > 0,
                            )  # fmt: skip
        # store, transposed unless the roles were changed
        if exchanged:
            for i in range(count):
                copy_row(dw, (pair + i) * filters + k0, sums, i * most, k1 - k0)
        else:
            transpose(sums, 0, most, count, k1 - k0, dw, (group * filters + k0) * all_pairs + pair, all_pairs)
