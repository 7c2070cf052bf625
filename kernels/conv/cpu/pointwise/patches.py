"""Kernels as large as their stride: patches of x that do not overlap, so that a pass is a product of matrices.

    y[n, k, p, q] = f(sum_{c, r, s} w[k, (c, r, s)] x[n, c, p R + r, q S + s] + b[k])
    dx[n, c, p R + r, q S + s] = sum_k w[k, (c, r, s)] dy[n, k, p, q], or that sum times f'(pre_activation)

Positions j = (n, p, q) of all images lie end to end. A strip is some of them, whose patches, or whose dy, are copied to
rows of a part that stays in the second-level cache and multiplied with all weights. Columns of patches are separated as
they are copied, and interleaved as they are stored.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ....core.scalar import activate_grad
from ....cpu import parallel
from ....cpu.microkernel import multiply_tile
from ....cpu.parallel import on_threads, share, workspace, zeros
from ....cpu.plan import pack_tables, record, scratch_or_new, table
from ....cpu.registers import MR, lanes, tile_columns
from ....cpu.simd_rows import clear_row, copy_row, unzip_row, zip_rows
from ....cpu.transpose import transpose
from ..correlation import MIN_TASKS, SERIAL_PRODUCTS, CorrelationPlan
from ..offset_tables import balanced_step
from .pieces import activate_sums

STEP_DEPTH = 256
"""Multiplied at once, at most: a tile of them takes two thirds of the first-level cache."""
STRIP_ELEMENTS = 1 << 17
"""Of the part that is copied, about: a part of the second-level cache."""
STRIP_TILES = 4, 16
"""At least, so that weights are read few times, and at most."""
BLOCK_ROWS = 8 * MR
"""Rows of a strip's sums that are stored together."""


class Patches(NamedTuple):
    """The product, and how it is cut, as integers for the kernels; channels and filters are a group's."""

    images: int
    groups: int
    channels: int
    filters: int
    h: int
    """Of a plane of x or dx."""
    w: int
    p: int
    q: int
    r: int
    s: int
    transposed: int
    """Whether this is an input gradient."""
    columns: int
    """Positions of a tile, NR."""
    rows: int
    """Of the product: filters, or (channel, tap) pairs of an input gradient."""
    depth: int
    """Length of its sums."""
    step: int
    """Terms of a sum that are multiplied at once."""
    strip: int
    """Positions of a strip, at most."""
    pitch: int
    """Elements from a row of a strip to the next: no multiple of a page, whose lines would share a set of the cache."""
    block: int
    """Rows whose sums are stored together: of whole channels in an input gradient."""
    partial: int
    """Whether dx has elements outside of all patches."""


TABLES = len(Patches._fields)


def are_patches(shape):
    """Whether windows are patches that do not overlap, inside of x, of more than one element."""
    fill = (shape.r, shape.s) == (shape.stride_h, shape.stride_w) and shape.r * shape.s > 1
    dense = (shape.r == 1 or shape.dilation_h == 1) and (shape.s == 1 or shape.dilation_w == 1)
    inside = shape.pad_top == shape.pad_left == 0 and shape.p * shape.r <= shape.h and shape.q * shape.s <= shape.w
    return fill and dense and inside


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    return _plan(shape, False, dtype)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    return _plan(shape, True, dtype)


def _plan(shape, transposed, dtype):
    """The plan of a product."""
    channels, filters, taps = shape.c // shape.groups, shape.k // shape.groups, shape.r * shape.s
    rows, depth = (channels * taps, filters) if transposed else (filters, channels * taps)
    serial = parallel.is_serial(shape.flops // 2 < SERIAL_PRODUCTS)
    columns, (least, most) = tile_columns(dtype), STRIP_TILES
    tiles = -(-shape.n * shape.p * shape.q // columns)
    strip = min(max(STRIP_ELEMENTS // (depth * columns), least), most)
    strip = balanced_step(tiles, strip if serial else min(strip, -(-tiles * shape.groups // MIN_TASKS))) * columns
    pitch, step = strip + lanes(dtype), balanced_step(depth, STEP_DEPTH)
    g = Patches(
        shape.n, shape.groups, channels, filters, shape.h, shape.w, shape.p, shape.q, shape.r, shape.s, transposed,
        columns, rows, depth, step, strip, pitch, MR * taps if transposed else BLOCK_ROWS,
        transposed and (shape.p * shape.r, shape.q * shape.s) != (shape.h, shape.w),
    )  # fmt: skip
    tables, bounds = pack_tables(np.arange(0, strip, lanes(dtype)), np.arange(step) * pitch)
    return CorrelationPlan(
        _run_patches, [*g, *bounds], tables, dtype, shape.c if transposed else shape.k,
        tasks=shape.groups * -(-tiles * columns // strip),
        serial=serial,
        scratch=_packed_size(g),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_patches(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
    """Pack the weights, then multiply."""
    x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
    g = record(Patches, sizes, 0)
    starts, offsets = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    if g.partial:
        y[:] = 0
    panels = scratch_or_new(scratch, 0, _packed_size(g), x)
    on_threads(_pack_weights, (g, w, panels), threads)
    on_threads(_multiply_strips, (g, starts, offsets, x, panels, bias, activation, slope, pre_activation, y), threads)


@njit(inline="always")
def _panels(g):
    """Panels of MR rows in a group."""
    return (g.rows + MR - 1) // MR


@njit(cache=True, nogil=True)
def _packed_size(g):
    """Elements of all packed weights."""
    return g.groups * _panels(g) * g.depth * MR


@njit(cache=True, nogil=True)
def _pack_weights(g, w, panels, thread, threads):
    """panels[group, panel, l, i] = the weight of row panel * MR + i and term l; zero past the last row."""
    size = g.depth * MR
    first, last = share(g.groups * _panels(g), thread, threads)
    for panel in range(first, last):
        group, row, target = panel // _panels(g), panel % _panels(g) * MR, panel * size
        count = min(MR, g.rows - row)
        if count < MR:
            clear_row(panels, target, size)
        if g.transposed:
            for l in range(g.depth):  # noqa: E741
                copy_row(panels, target + l * MR, w, (group * g.depth + l) * g.rows + row, count)
        else:
            transpose(w, (group * g.rows + row) * g.depth, g.depth, count, g.depth, panels, target, MR)


@njit(cache=True, nogil=True)
def _multiply_strips(
    g, starts, offsets, x, panels, bias, activation, slope, pre_activation, y, thread, threads
):  # fmt: skip
    """The equations at the head of this file, for one thread's strips.

    FLOPs: 2 N K P Q (C/groups) R S. Bytes: x and y once, w once a strip.
    """
    # sizes and thread-local workspaces
    positions, pitch, panel_count = g.images * g.p * g.q, g.pitch, _panels(g)
    part, sums = zeros(g.depth * pitch, x), workspace(min(g.block, panel_count * MR) * pitch, x)
    strips = (positions + g.strip - 1) // g.strip
    first, last = share(g.groups * strips, thread, threads)
    for task in range(first, last):
        # copy the strip
        group, j0 = task // strips, task % strips * g.strip
        count = min(g.strip, positions - j0)
        if g.transposed:
            _read_outputs(g, x, group, j0, count, part)
        else:
            _read_patches(g, x, group, j0, count, part)
        for row0 in range(0, g.rows, g.block):
            # multiply: tiles of positions by panels of MR rows
            row1 = min(row0 + g.block, g.rows)
            for l0 in range(0, g.depth, g.step):
                depth = min(g.step, g.depth - l0)
                for tile in range((count + g.columns - 1) // g.columns):
                    for row in range(row0, row1, MR):
                        panel = ((group * panel_count + row // MR) * g.depth + l0) * MR
                        multiply_tile(
                            panels, panel, part, l0 * pitch, starts, tile, offsets, depth,
                            sums, (row - row0) * pitch + tile * g.columns, pitch, l0 > 0,
                        )  # fmt: skip
            # epilogue: bias, activation, store
            if g.transposed:
                c0, c1 = row0 // (g.r * g.s), row1 // (g.r * g.s)
                _store_patches(g, sums, group, c0, c1, j0, count, activation, slope, pre_activation, y)
            else:
                k = group * g.filters + row0
                activate_sums(sums, 0, pitch, row1 - row0, count, bias, k, activation, slope)
                _store_outputs(g, sums, k, row1 - row0, j0, count, y)


@njit(cache=True, nogil=True)
def _read_outputs(g, dy, group, j0, count, part):
    """part[k, j - j0] = dy of a group's filter k at position j, for `count` positions."""
    pixels, j = g.p * g.q, j0
    while j < j0 + count:
        length = min(pixels - j % pixels, j0 + count - j)
        source = (j // pixels * g.groups + group) * g.filters * pixels + j % pixels
        for k in range(g.filters):
            copy_row(part, k * g.pitch + j - j0, dy, source + k * pixels, length)
        j += length


@njit(cache=True, nogil=True)
def _store_outputs(g, sums, k, filters, j0, count, y):
    """y of some filters from k of all on at position j = sums[i, j - j0], for `count` positions."""
    pixels, j = g.p * g.q, j0
    while j < j0 + count:
        length = min(pixels - j % pixels, j0 + count - j)
        target = (j // pixels * g.groups * g.filters + k) * pixels + j % pixels
        for i in range(filters):
            copy_row(y, target + i * pixels, sums, i * g.pitch + j - j0, length)
        j += length


@njit(cache=True, nogil=True)
def _read_patches(g, x, group, j0, count, part):
    """part[(c, r, s), j - j0] = x[n, c, p R + r, q S + s] of a group's channels at position j = (n, p, q)."""
    j = j0
    while j < j0 + count:
        n, p, q = j // (g.p * g.q), j // g.q % g.p, j % g.q
        length = min(g.q - q, j0 + count - j)
        for c in range(g.channels):
            for r in range(g.r):
                source = (((n * g.groups + group) * g.channels + c) * g.h + p * g.r + r) * g.w + q * g.s
                target = (c * g.r + r) * g.s * g.pitch + j - j0
                if g.s == 1:
                    copy_row(part, target, x, source, length)
                elif g.s == 2:
                    unzip_row(part, target, part, target + g.pitch, x, source, length)
                else:
                    for s in range(g.s):
                        for i in range(length):
                            part[target + s * g.pitch + i] = x[source + i * g.s + s]
        j += length


@njit(cache=True, nogil=True)
def _store_patches(g, sums, group, c0, c1, j0, count, activation, slope, pre_activation, dx):
    """dx[n, c, p R + r, q S + s] = sums[(c - c0, r, s), j - j0], times f'(pre_activation), of channels c0 to c1."""
    j = j0
    while j < j0 + count:
        n, p, q = j // (g.p * g.q), j // g.q % g.p, j % g.q
        length = min(g.q - q, j0 + count - j)
        for c in range(c0, c1):
            for r in range(g.r):
                target = (((n * g.groups + group) * g.channels + c) * g.h + p * g.r + r) * g.w + q * g.s
                source = ((c - c0) * g.r + r) * g.s * g.pitch + j - j0
                if g.s == 1:
                    copy_row(dx, target, sums, source, length)
                elif g.s == 2:
                    zip_rows(dx, target, sums, source, sums, source + g.pitch, length)
                else:
                    for s in range(g.s):
                        for i in range(length):
                            dx[target + i * g.s + s] = sums[source + s * g.pitch + i]
                if pre_activation.size:
                    first = np.uint64(target)  # unsigned: no test for a negative index, as in epilogue.py
                    for i in range(np.uint64(length * g.s)):
                        dx[first + i] = activate_grad(dx[first + i], pre_activation[first + i], activation, slope)
        j += length
