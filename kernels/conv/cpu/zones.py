"""Zones of a correlation's outputs: rectangles whose outputs meet the same taps, so that none reads outside of x.

What a tap reads outside of x is zero. Of small maps, of large dilations and of strided input gradients that is much of
a kernel: 3x3 taps dilated by 12 on 33x33 maps meet 57 % of their products. A zone multiplies what its outputs meet.
"""

from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np

from .correlation import MIN_TASKS, Lattice, Tap
from .offset_tables import copy_layout

COPIED_ELEMENT = 8  # a padded copy's element, in products of a vector of filters (Xeon with AVX-512, 2026-11)

# Tasks: cycles of a core in which one begins 32 products (Xeon with AVX-512, 2026-11)
TASK_MIN_OUTPUTS, TASK_MAX_OUTPUTS = 98, 1568  # which meet all taps; sums of so many stay in the second-level cache
CACHED_INPUT = 1 << 19  # elements that stay in the second-level cache while blocks of filters pass
INPUT_ELEMENT, WEIGHT_ELEMENT = 0.7, 2.7  # read, and transposed, from a third-level cache
PRODUCTS_A_CYCLE = 32


class Zone(NamedTuple):
    """Some rows and columns of a correlation's outputs."""

    lattice: Lattice
    """Where they lie in y."""
    taps: tuple[Tap, ...]
    """That they meet."""
    row: int
    """First output row and column, of the correlation's."""
    column: int
    stride: tuple[int, int]


@lru_cache(maxsize=1024)
def zones_of(correlation):
    """All zones of a correlation."""
    (_, _, h, w), taps, lattice = correlation.x_shape, correlation.taps, correlation.lattice
    rows = _runs(lattice.p, correlation.stride[0], h, {tap.dh for tap in taps})
    columns = _runs(lattice.q, correlation.stride[1], w, {tap.dw for tap in taps})
    return tuple(
        Zone(
            lattice._replace(
                p=p, q=q, row0=lattice.row0 + row * lattice.row_step, col0=lattice.col0 + column * lattice.col_step
            ),
            tuple(tap for tap in taps if tap.dh in downs and tap.dw in acrosses),
            row, column, correlation.stride,
        )
        for row, p, downs in rows
        for column, q, acrosses in columns
    )  # fmt: skip


def _runs(count, stride, size, shifts):
    """(first, count, shifts that stay inside) of consecutive outputs of an axis that have the same of these."""
    inside = [frozenset(shift for shift in shifts if 0 <= i * stride + shift < size) for i in range(count)]
    found, first = [], 0
    for shared, run in groupby(inside):
        length = len(list(run))
        found.append((first, length, shared))
        first += length
    return found


def zone_products(zones, images, rows):
    """Products of a channel and a filter, where `rows` outputs of a zone are multiplied at a time."""
    return sum(-(-images * zone.lattice.p * zone.lattice.q // rows) * rows * len(zone.taps) for zone in zones)


@lru_cache(maxsize=1024)
def reading(correlations, blocks, rows):
    """How x is read for so many blocks of filters.

    Parameters
    ----------
    correlations : tuple of Correlation
        Of one input.
    blocks : int
    rows : int
        Outputs multiplied at a time.

    Returns
    -------
    layout : InputLayout
        Of the copy that is read, if it is one.
    zones : tuple of Zone
    products : int
        Of a channel and a filter, of all images.
    """
    images, layout = correlations[0].x_shape[0], copy_layout(correlations[0])
    in_place = tuple(zone for correlation in correlations for zone in zones_of(correlation))
    products = zone_products(in_place, images, rows)
    if len(correlations) == 1 and layout.copied:
        copied = zones_of(_of_copy(correlations[0], layout))
        elements = images * layout.height * layout.width
        others = zone_products(copied, images, rows)
        if layout.skip_h * layout.skip_w > 1 or others * blocks + COPIED_ELEMENT * elements < products * blocks:
            return layout, copied, others
    return layout._replace(copied=0), in_place, products


def _of_copy(correlation, layout):
    """The same correlation of the padded copy of its input."""
    taps = tuple(tap._replace(dh=tap.dh - layout.top, dw=tap.dw - layout.left) for tap in correlation.taps)
    x_shape = (*correlation.x_shape[:2], layout.height, layout.width)
    stride = correlation.stride[0] // layout.skip_h, correlation.stride[1] // layout.skip_w
    return correlation._replace(taps=taps, x_shape=x_shape, stride=stride)


def task_splits(outputs, elements, pairs, blocks, width, *, serial):
    """Tasks that a block of filters is cut into: the fewest cycles for products, weights and input.

    Parameters
    ----------
    outputs : int
        That meet all taps, or as many products of fewer taps.
    elements : int
        Of the input.
    pairs : int
        Weights of a filter.
    blocks : int
        Of filters, of all groups.
    width : int
        Filters of a block.
    serial : bool
        Whether one thread computes all tasks.
    """
    products = outputs * blocks * width * pairs / PRODUCTS_A_CYCLE
    fewest, most = max(1, -(-outputs // TASK_MAX_OUTPUTS)), max(1, outputs // TASK_MIN_OUTPUTS)
    fewest = fewest if serial else max(fewest, -(-MIN_TASKS // blocks))

    def cycles(count):
        tasks = blocks * count
        uneven = 1 if serial else -(-tasks // 2) * 2 / tasks
        times = 1 if elements <= CACHED_INPUT * count else blocks
        return products * uneven + WEIGHT_ELEMENT * tasks * width * pairs + INPUT_ELEMENT * times * elements

    return min(range(min(fewest, most), min(4 * fewest, most) + 1), key=cycles)


class Piece(NamedTuple):
    """Rows of a zone that a task has, as integers for the kernels."""

    first: int
    """Where its positions begin in their table."""
    rows: int
    columns: int
    row0: int
    """First row and column of y."""
    col0: int
    taps: int
    entry: int
    """Taps of the zones before; its pairs begin `step` times as far in their tables."""


PIECE = len(Piece._fields)


class ZoneTables(NamedTuple):
    """Pieces of zones, and what they read."""

    pieces: list[Piece]
    starts: list[int]
    """First piece of every task of an image, and how many pieces there are."""
    positions: np.ndarray
    """Of every output of a piece, for all images of a task: where it reads x without a tap."""
    pairs: np.ndarray
    """How far (channel, tap) of each zone lies from there, for the channels of a step."""
    weights: np.ndarray
    """Numbers of these pairs among those of all taps."""
    longest: int
    """Most outputs of a task, those included that fill up tiles."""


def lay_out_zones(zones, x_shape, columns, field, step, images, task_products, rows):
    """Cut zones into tasks of about so many products of a channel and a filter.

    Parameters
    ----------
    zones : sequence of Zone
    x_shape : (N, C, H, W)
    columns : int
        Taps of a kernel along a row.
    field : int
        Taps of a kernel.
    step : int
        Channels multiplied at once.
    images : int
        Of a task.
    task_products : int
    rows : int
        Outputs multiplied at a time.
    """
    (_, c, h, w), pieces, starts, positions, pairs, weights = x_shape, [], [0], [], [], []
    image, channel = np.arange(images)[:, None, None] * (c * h * w), np.arange(step)[:, None]
    room, size, longest, in_task, entry = task_products, 0, 0, 0, 0
    for zone in zones:
        (stride_h, stride_w), taps = zone.stride, len(zone.taps)
        pairs.append(channel * (h * w) + [tap.dh * w + tap.dw for tap in zone.taps])
        weights.append(channel * field + [tap.r * columns + tap.s for tap in zone.taps])
        each = images * zone.lattice.q * max(1, taps)  # products of a row
        top = 0
        while top < zone.lattice.p:
            # as many rows as there is room for, to within half a row, or the first of another task
            count = min(zone.lattice.p - top, (room + each // 2) // each)
            if count == 0 and in_task:
                starts.append(len(pieces))
                room, longest, in_task = task_products, max(longest, in_task), 0
                continue
            count = max(1, count)
            down, across = np.arange(count)[:, None], np.arange(zone.lattice.q)
            at = (zone.row + top + down) * (stride_h * w) + (zone.column + across) * stride_w
            row0 = zone.lattice.row0 + top * zone.lattice.row_step
            pieces.append(Piece(size, count, zone.lattice.q, row0, zone.lattice.col0, taps, entry))
            positions.append((image + at).reshape(-1))
            size += positions[-1].size
            in_task += -(-positions[-1].size // rows) * rows
            room, top = room - count * each, top + count
        entry += taps
    starts.append(len(pieces))
    pairs, weights = (np.concatenate([entries.reshape(-1) for entries in table]) for table in (pairs, weights))
    return ZoneTables(pieces, starts, np.concatenate(positions), pairs, weights, max(longest, in_task))
