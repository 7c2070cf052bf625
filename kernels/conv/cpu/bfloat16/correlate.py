"""Direct convolution of bfloat16 arrays: the correlations of correlation.py, on planes of channel pairs.

As direct.py, but for the element: products of pairs are added in float32 by the tiles of cpu/pair_tiles.py, and sums
are rounded once as they are stored.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from ....cpu import pair_tiles, parallel
from ....cpu.parallel import on_threads, share, workspace, zeros
from ....cpu.plan import pack_tables, record, scratch_or_new, table
from ....cpu.registers import NV
from ..correlation import MIN_TASKS, SERIAL_PRODUCTS, CorrelationPlan, Lattice, dgrad_correlations
from ..epilogue import epilogue
from ..padded_planes import TileShape, planes_size, task_bounds, task_count, task_vectors, tile
from .planes import fill_pair_planes, pack_pair_panels
from .rows import OWN_CHANNELS, TapRows, correlation_of, fill_row_pairs

LANES = 16
"""Pairs of a vector."""
MAX_STEP_PAIRS = {"amx": 160, "dot": 512}
"""(channel pair, tap) pairs multiplied at once, at most: a panel stays in the first-level cache (Xeon, 2026-11)."""
CACHED_WEIGHTS, FEW_TASKS = 1 << 18, 4
"""Pairs of weights that stay in the second-level cache; more are read anew by each of a few tasks (Xeon, 2026-11)."""
CACHED_PANELS = 8
"""Panels of filters whose sums wait in the cache together."""

# Integers of a plan: how many correlations, whether they write all of y, TapRows; then of each correlation a TileShape,
# a Lattice, whether the weights are transposed, channels of a group, pairs of a step, and the bounds of its tables.
HEADER = 2 + len(TapRows._fields)
LATTICE = len(TileShape._fields)
TRANSPOSED = LATTICE + len(Lattice._fields)
TABLES = TRANSPOSED + 3
RECORD = TABLES + 4


class PairPlan(CorrelationPlan):
    """A CorrelationPlan of bfloat16 arrays; its kernel takes their bits, a float32 bias and a float32 slope."""

    __slots__ = ()

    def __init__(self, kernel, sizes, tables, filters, **options):
        super().__init__(kernel, sizes, tables, np.dtype(np.uint32), filters, **options)
        self.no_bias, self.no_pre_activation = np.zeros(filters, np.float32), np.empty((0, 0, 0, 0), np.uint16)

    def launch(self, x, w, bias, activation, slope, pre_activation, y):
        """Run the kernel on these arrays."""
        x, w, pre_activation, y = (a.view(np.uint16) for a in (x, w, pre_activation, y))
        super().launch(x, w, bias.astype(np.float32, copy=False), activation, slope, pre_activation, y)


def fprop_plan(shape, name):
    """The plan of a forward pass by a tile of pair_tiles.names()."""
    max_pairs = pair_tiles.tile(name).max_pairs
    correlation, tap_rows = correlation_of(shape, lambda channels, taps: -(-channels // 2 // max_pairs) * taps)
    return _plan((correlation,), True, shape.k, name, tap_rows)


def dgrad_plan(shape, name):
    """The plan of an input gradient by a tile of pair_tiles.names()."""
    return _plan(*dgrad_correlations(shape), shape.c, name)


def _plan(correlations, complete, filters, name, tap_rows=OWN_CHANNELS):
    """The plan of some correlations into one array."""
    rows, max_pairs = pair_tiles.tile(name)[:2]
    serial = parallel.is_serial(max((c.products for c in correlations), default=0) < SERIAL_PRODUCTS)
    sizes, tables, tasks, scratch = [len(correlations), complete, *tap_rows], [], 1, 0
    for c in correlations:
        channels, count = c.x_shape[1] // c.groups, len(c.taps)
        pairs, blocks = -(-channels // 2), -(-c.lattice.k // c.groups // rows)
        step = -(-pairs // -(-pairs // max_pairs))
        steps = -(-pairs // step)
        n, _, h, w = c.x_shape
        paired = c._replace(x_shape=(n, c.groups * steps * step, h, w))
        large = c.lattice.k * pairs * count > CACHED_WEIGHTS
        g, (taps, offsets, starts) = tile(
            paired, MAX_STEP_PAIRS[name], LANES,
            serial=serial, multiple=step, min_tasks=FEW_TASKS if large else MIN_TASKS,
        )  # fmt: skip
        offsets = offsets[: g.step * count].reshape(-1, step, count)[:, 0]
        found, bounds = pack_tables(taps, offsets, starts)
        first = sum(map(len, tables))
        tables.append(found)
        sizes += [*g, *c.lattice, c.transposed, channels, step, *(first + bound for bound in bounds)]
        tasks = max(tasks, task_count(g))
        scratch = max(scratch, c.groups * blocks * rows * steps * step * count)
    joined = np.concatenate(tables) if tables else np.empty(0, np.int32)
    return PairPlan(_kernel(name), sizes, joined, filters, tasks=tasks, serial=serial, scratch=scratch)


@lru_cache(maxsize=2)
def _kernel(name):
    """The kernel of a tile, called as CorrelationPlan says."""
    rows, _, begin, end, multiply, _ = pair_tiles.tile(name)

    @njit(cache=True, nogil=True)
    def correlate_pairs(
        g, tap_rows, channels, pairs, offsets, starts, lattice, x, panels, bias, activation, slope, pre_activation, y,
        thread, threads,
    ):  # fmt: skip
        """The equation at the head of correlation.py, for one thread's tasks.

        FLOPs: 2 N K P Q (C/groups) T. Bytes: x, w and y once, x again for the rows that neighboring strips share.
        """
        # sizes and thread-local workspaces
        length, filters = g.c // g.groups, lattice.k // g.groups
        blocks, plane = (filters + rows - 1) // rows, g.phases_h * g.phases_w * g.height * g.width
        stride = (g.vectors + NV - 1) // NV * NV * g.lanes
        cached = max(1, blocks if g.step < length else min(blocks, CACHED_PANELS))
        planes, sums = zeros(planes_size(g), panels), workspace(cached * rows * stride, bias)
        reach = ((g.rows + g.height) * g.stride_h + g.phases_h) * g.w
        line, no_channel = workspace(min(reach, g.h * g.w), panels), zeros(min(reach, g.h * g.w), x)
        begin(pairs)
        first, last = share(task_count(g), thread, threads)
        for task in range(first, last):
            n, images, group, p0, p1 = task_bounds(g, task)
            tiles = (task_vectors(g, images, p1 - p0) + NV - 1) // NV
            for block0 in range(0, blocks, cached):
                block1 = min(block0 + cached, blocks)
                for c0 in range(0, length, g.step):
                    # copy the input to planes, once for all filters
                    c1 = min(c0 + g.step, length)
                    if block0 == 0 and tap_rows.taps:
                        fill_row_pairs(
                            g, tap_rows, channels, x, n, images, group, c0, c1, p0, p1, line, no_channel, planes
                        )  # fmt: skip
                    elif block0 == 0:
                        fill_pair_planes(g, channels, x, n, images, group, c0, c1, p0, p1, line, no_channel, planes)
                    # multiply: panels of `rows` filters by tiles of NV vectors
                    for block in range(block0, block1):
                        panel = ((group * blocks + block) * length + c0) * g.taps * rows
                        row, steps = (block - block0) * rows * stride, (c1 - c0) // pairs * g.taps
                        for tile_index in range(tiles):
                            multiply(
                                panels, panel, pairs, planes, 0, plane, starts, tile_index, offsets, steps,
                                sums, row + tile_index * NV * g.lanes, stride, c0 > 0,
                            )  # fmt: skip
                # epilogue: bias, activation, rounding, store
                k0 = block0 * rows
                epilogue(
                    lattice, sums, 0, stride, min(block1 * rows, filters) - k0, g.run * g.lanes, images, g.pitch, n,
                    group * filters + k0, p0, p1, bias, activation, slope, pre_activation, y,
                )  # fmt: skip
        end()

    @njit(cache=True, nogil=True)
    def run(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
        """Pack the filters, then correlate; phase by phase."""
        x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
        if not sizes[1]:
            y[:] = 0
        for start in range(HEADER, HEADER + sizes[0] * RECORD, RECORD):
            g, lattice = record(TileShape, sizes, start), record(Lattice, sizes, start + LATTICE)
            transposed, channels = sizes[start + TRANSPOSED] != 0, sizes[start + TRANSPOSED + 1]
            pairs, filters = sizes[start + TRANSPOSED + 2], lattice.k // g.groups
            taps, offsets = table(tables, sizes, start + TABLES), table(tables, sizes, start + TABLES + 1)
            starts, length = table(tables, sizes, start + TABLES + 2), g.c // g.groups
            size = g.groups * ((filters + rows - 1) // rows) * rows * length * g.taps
            panels = scratch_or_new(scratch, 0, size, scratch)
            packing = g.groups, channels, filters, taps, w, transposed, rows, pairs, length // pairs, panels
            on_threads(pack_pair_panels, packing, threads)
            problem = (
                g,
                record(TapRows, sizes, 2),
                channels,
                pairs,
                offsets,
                starts,
                lattice,
                x,
                panels,
                bias,
                activation,
                slope,
            )
            on_threads(correlate_pairs, (*problem, pre_activation, y), threads)

    return run
