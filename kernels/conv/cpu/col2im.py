"""The input gradient as GEMM and col2im: for each image one matrix product, whose rows are then added into dx.

    rows[(c, r, s), (p, q)] = sum_k w[k, c, r, s] dy[n, k, p, q]
    dx[n, c, p st + r d - pad, ...] = sum over (r, s) of rows[(c, r, s), (p, q)]

The gathering form (direct.py) multiplies at every element of dx with every tap that reaches its phase, outside dy with
zeros. This one multiplies at every element of dy, which is less where dx has many more, and writes the column phases of
a strided dx together, a row at a time. It pays for that with the additions.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ...core.scalar import activate_grad
from ...cpu import parallel
from ...cpu.microkernel import multiply_tile
from ...cpu.parallel import on_threads, share, workspace, zeros
from ...cpu.plan import pack_tables, record, scratch_or_new, table
from ...cpu.registers import MR, NV, lanes, tile_columns
from ...cpu.simd_rows import add_row, clear_row, copy_row, zip_rows
from .correlation import SERIAL_PRODUCTS, CorrelationPlan

COL2IM_MIN_TASKS = 16  # if the shape has channels enough
TAP_ENTRIES = 5  # of the table of taps, for each tap


class Scatter(NamedTuple):
    """One input gradient, and how it is cut into tasks."""

    n: int
    h: int
    """Rows and columns of dx."""
    w: int
    p: int
    """Rows and columns of dy."""
    q: int
    stride_h: int
    stride_w: int
    taps: int
    groups: int
    channels: int
    """Of a group."""
    filters: int
    """Of a group."""
    task_channels: int
    """Channels of a task."""
    channel_blocks: int
    """Tasks of a group and image."""
    columns: int
    """Elements of dy that are multiplied at once, NR."""


TABLES = len(Scatter._fields)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    columns, channels, filters = tile_columns(dtype), shape.c // shape.groups, shape.k // shape.groups
    products = shape.n * shape.k * shape.p * shape.q * channels * shape.r * shape.s
    serial = parallel.is_serial(products < SERIAL_PRODUCTS)
    channel_blocks = -(-(1 if serial else COL2IM_MIN_TASKS) // (shape.n * shape.groups))
    task_channels = -(-channels // max(1, min(channels, channel_blocks)))
    channel_blocks, vectors = -(-channels // task_channels), np.arange(-(-shape.p * shape.q // columns) * NV)
    starts = vectors // NV * filters * columns + vectors % NV * lanes(dtype)
    tables, bounds = pack_tables(_taps(shape), starts, np.arange(0, filters * columns, columns))
    g = Scatter(
        shape.n, shape.h, shape.w, shape.p, shape.q, shape.stride_h, shape.stride_w, shape.r * shape.s,
        shape.groups, channels, filters, task_channels, channel_blocks, columns,
    )  # fmt: skip
    return CorrelationPlan(
        _run_col2im, [*g, *bounds], tables, dtype, shape.c,
        tasks=shape.n * shape.groups * channel_blocks,
        serial=serial,
        scratch=shape.groups * channel_blocks * _panel_count(g) * filters * MR,
    )  # fmt: skip


def _taps(shape):
    """(R * S, 5): of each tap row shift, column phase, column shift, first and last column of dy that is inside dx."""
    rows = []
    for tap in range(shape.r * shape.s):
        down = tap // shape.s * shape.dilation_h - shape.pad_top
        across = tap % shape.s * shape.dilation_w - shape.pad_left
        phase, shift = across % shape.stride_w, across // shape.stride_w
        inside = -(-(shape.w - phase) // shape.stride_w)
        rows.append((down, phase, shift, max(0, -shift), min(shape.q, inside - shift)))
    return rows


@njit(cache=True, nogil=True)
def _run_col2im(sizes, tables, scratch, dy, w, bias, activation, slope, pre_activation, dx, threads):
    """Pack the filters, then multiply and scatter."""
    dy, w, pre_activation, dx = dy.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), dx.reshape(-1)
    g = record(Scatter, sizes, 0)
    taps, starts = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    offsets = table(tables, sizes, TABLES + 2)
    panels = scratch_or_new(scratch, 0, g.groups * g.channel_blocks * _panel_count(g) * g.filters * MR, dy)
    on_threads(_pack_pairs, (g, w, panels), threads)
    problem = (g, panels, taps, starts, offsets, dy, pre_activation, activation, slope, dx)
    on_threads(_scatter, problem, threads)


@njit(cache=True, nogil=True)
def _panel_count(g):
    """Panels of MR (channel, tap) pairs of a task."""
    return (g.task_channels * g.taps + MR - 1) // MR


@njit(cache=True, nogil=True)
def _pack_pairs(g, w, panels, thread, threads):
    """panels[task, panel, k, i] = w[k] of (channel, tap) pair panel * MR + i of the task; zero past the last."""
    count, row = _panel_count(g), g.channels * g.taps
    first_task, last_task = share(g.groups * g.channel_blocks, thread, threads)
    for task in range(first_task, last_task):
        group, first = task // g.channel_blocks, task % g.channel_blocks * g.task_channels * g.taps
        for panel in range(count):
            target = (task * count + panel) * g.filters * MR
            for k in range(g.filters):
                for i in range(MR):
                    pair = first + panel * MR + i
                    value = w[(group * g.filters + k) * row + pair] if pair < row else panels.dtype.type(0)
                    panels[target + k * MR + i] = value


@njit(cache=True, nogil=True)
def _scatter(g, panels, taps, starts, offsets, dy, pre_activation, activation, slope, dx, thread, threads):
    """The equations at the head of this file, for one thread's tasks: some channels of one image each.

    FLOPs: 2 N K P Q (C/groups) R S. Bytes: dy once for each task of an image, dx once.
    """
    # sizes and thread-local workspaces
    count, filters, columns, size = _panel_count(g), g.filters, g.columns, g.p * g.q
    width, tiles = (g.w + g.stride_w - 1) // g.stride_w, starts.size // NV
    packed, rows = zeros(tiles * filters * columns, dy), workspace(MR * tiles * columns, dy)
    sums = workspace(g.stride_w * g.h * width, dy)
    first_task, last_task = share(g.n * g.groups * g.channel_blocks, thread, threads)
    for task in range(first_task, last_task):
        image_group, part = task // g.channel_blocks, task % g.channel_blocks
        n, group = image_group // g.groups, image_group % g.groups
        _pack_image(dy, (n * g.groups + group) * filters * size, filters, size, columns, packed)
        pairs = min(g.task_channels, g.channels - part * g.task_channels) * g.taps
        for panel in range((pairs + MR - 1) // MR):
            # GEMM: MR (channel, tap) pairs at every element of dy
            first = ((group * g.channel_blocks + part) * count + panel) * filters * MR
            for tile in range(tiles):
                multiply_tile(
                    panels, first, packed, 0, starts, tile, offsets, filters,
                    rows, tile * columns, tiles * columns, False,
                )  # fmt: skip
            # col2im: add each pair's row to its channel's sums; store the channel after its last tap
            for i in range(min(MR, pairs - panel * MR)):
                c, tap = (panel * MR + i) // g.taps, (panel * MR + i) % g.taps
                if tap == 0:
                    clear_row(sums, 0, sums.size)
                _add_tap(g, taps, tap, rows, i * tiles * columns, width, sums)
                if tap == g.taps - 1:
                    channel = (n * g.groups + group) * g.channels + part * g.task_channels + c
                    _store_channel(g, sums, width, channel, pre_activation, activation, slope, dx)


@njit(cache=True, nogil=True)
def _pack_image(dy, first, filters, size, columns, packed):
    """packed[tile, k, j] = dy[first + k * size + tile * columns + j], zero past the last position."""
    for k in range(filters):
        for tile in range((size + columns - 1) // columns):
            count = min(columns, size - tile * columns)
            copy_row(packed, (tile * filters + k) * columns, dy, first + k * size + tile * columns, count)


@njit(inline="always")
def _add_tap(g, taps, tap, rows, first, width, sums):
    """sums[phase, p st_h + row shift, q + shift] += rows[p, q], where that is inside."""
    # Element by element: a row of taps would count references, which the threads would fight over.
    entry = tap * TAP_ENTRIES
    down, phase, shift, q0, q1 = taps[entry], taps[entry + 1], taps[entry + 2], taps[entry + 3], taps[entry + 4]
    for p in range(g.p):
        i = p * g.stride_h + down
        if 0 <= i < g.h and q0 < q1:
            add_row(sums, (phase * g.h + i) * width + q0 + shift, rows, first + p * g.q + q0, q1 - q0)


@njit(cache=True, nogil=True)
def _store_channel(g, sums, width, channel, pre_activation, activation, slope, dx):
    """dx of one channel from its column phases, times f'(pre_activation)."""
    first = channel * g.h * g.w
    for i in range(g.h):
        row = first + i * g.w
        if g.stride_w == 1:
            copy_row(dx, row, sums, i * width, g.w)
        elif g.stride_w == 2:
            zip_rows(dx, row, sums, i * width, sums, (g.h + i) * width, g.w // 2)
            if g.w % 2:
                dx[row + g.w - 1] = sums[i * width + g.w // 2]
        else:
            for j in range(g.w):
                dx[row + j] = sums[(j % g.stride_w * g.h + i) * width + j // g.stride_w]
    if pre_activation.size:
        for j in range(first, first + g.h * g.w):
            dx[j] = activate_grad(dx[j], pre_activation[j], activation, slope)
