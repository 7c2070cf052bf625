"""Direct convolution on padded planes: the forward pass and, phase by phase on rotated weights, the input gradient.

One kernel computes both, as the correlations of correlation.py. The input is copied to zero-padded planes
(padded_planes.py); the micro-kernel multiplies panels of MR filters with vectors of outputs that it reads from the
planes through offset tables.
"""

from numba import njit

from ...cpu import parallel
from ...cpu.microkernel import multiply_tile
from ...cpu.parallel import on_threads, share, workspace, zeros
from ...cpu.plan import pack_tables, record, scratch_or_new, table
from ...cpu.registers import MR, NV, lanes
from ...cpu.simd_rows import add_row, copy_row
from .correlation import SERIAL_PRODUCTS, CorrelationPlan, Lattice, dgrad_correlations, fprop_correlation
from .epilogue import epilogue
from .padded_planes import TileShape, fill_planes, planes_size, task_bounds, task_count, task_vectors, tile
from .panels import pack_panels

PANEL_ELEMENTS = 4096  # MR filters x channels x taps: half the first-level cache (Zen 3, 2026-11)
PARTIAL_STEPS = 2048  # products of a partial sum of a kernel with more taps, whose digits a single sum would lose
CACHED_PANELS = 8  # panels of filters whose sums wait in the cache together, where all channels are summed at once

# Integers of a plan: how many correlations, whether they write all of y; then of each correlation a TileShape,
# a Lattice, whether the weights are transposed, and the bounds of its three tables.
HEADER = 2
LATTICE = len(TileShape._fields)
TRANSPOSED = LATTICE + len(Lattice._fields)
TABLES = TRANSPOSED + 1
RECORD = TABLES + 4


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    return _direct_plan((fprop_correlation(shape),), True, dtype, shape.k)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    return _direct_plan(*dgrad_correlations(shape), dtype, shape.c)


def _direct_plan(correlations, complete, dtype, filters):
    """The plan of some correlations into one array."""
    serial = parallel.is_serial(max((c.products for c in correlations), default=0) < SERIAL_PRODUCTS)
    tiled = [tile(c, PANEL_ELEMENTS // MR, lanes(dtype), serial=serial) for c in correlations]
    tables, bounds = pack_tables(*(entries for _, offset_tables in tiled for entries in offset_tables))
    sizes = [len(correlations), complete]
    for i, (c, (g, _)) in enumerate(zip(correlations, tiled, strict=True)):
        sizes += [*g, *c.lattice, c.transposed, *bounds[3 * i : 3 * i + 4]]
    blocks = [-(-c.lattice.k // c.groups // MR) * c.groups for c in correlations]
    panels = [count * MR * (g.c // g.groups) * g.taps for count, (g, _) in zip(blocks, tiled, strict=True)]
    return CorrelationPlan(
        _run_direct, sizes, tables, dtype, filters,
        tasks=max((task_count(g) for g, _ in tiled), default=1),
        serial=serial,
        scratch=max(panels, default=0),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_direct(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
    """Pack the filters, then correlate; phase by phase."""
    x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
    if not sizes[1]:
        y[:] = 0
    for first in range(HEADER, HEADER + sizes[0] * RECORD, RECORD):
        g, lattice = record(TileShape, sizes, first), record(Lattice, sizes, first + LATTICE)
        taps, offsets = table(tables, sizes, first + TABLES), table(tables, sizes, first + TABLES + 1)
        starts = table(tables, sizes, first + TABLES + 2)
        panels = scratch_or_new(scratch, 0, _blocks(g, lattice) * g.groups * _panel_size(g), x)
        filters, transposed = lattice.k // g.groups, sizes[first + TRANSPOSED] != 0
        on_threads(pack_panels, (g.groups, g.c // g.groups, filters, taps, w, transposed, MR, panels), threads)
        problem = (g, offsets, starts, lattice, x, panels, bias, activation, slope, pre_activation, y)
        on_threads(_correlate_planes, problem, threads)


@njit(inline="always")
def _blocks(g, lattice):
    """Panels of MR filters in a group."""
    return (lattice.k // g.groups + MR - 1) // MR


@njit(inline="always")
def _panel_size(g):
    """Elements of a panel."""
    return g.c // g.groups * g.taps * MR


@njit(cache=True, nogil=True)
def _add_partial_sums(panels, panel, planes, starts, tile_index, offsets, steps, partial, sums, target, stride, adds):
    """multiply_tile by some steps at a time, whose sums are added."""
    width = partial.size // MR
    for step in range(0, steps, PARTIAL_STEPS):
        count = min(PARTIAL_STEPS, steps - step)
        multiply_tile(
            panels, panel + step * MR, planes, 0, starts, tile_index, offsets[step:], count, partial, 0, width, False
        )
        for i in range(MR):
            if adds or step > 0:
                add_row(sums, target + i * stride, partial, i * width, width)
            else:
                copy_row(sums, target + i * stride, partial, i * width, width)


@njit(cache=True, nogil=True)
def _correlate_planes(
    g, offsets, starts, lattice, x, panels, bias, activation, slope, pre_activation, y, thread, threads
):  # fmt: skip
    """The equation at the head of correlation.py, for one thread's tasks.

    FLOPs: 2 N K P Q (C/groups) T. Bytes: x, w and y once, x again for the rows that neighboring strips share.
    """
    # sizes and thread-local workspaces
    channels, filters, blocks = g.c // g.groups, lattice.k // g.groups, _blocks(g, lattice)
    stride = (g.vectors + NV - 1) // NV * NV * g.lanes
    cached = max(1, blocks if g.step < channels else min(blocks, CACHED_PANELS))
    planes, sums = zeros(planes_size(g), x), workspace(cached * MR * stride, x)
    partial = workspace(MR * NV * g.lanes, x)
    first, last = share(task_count(g), thread, threads)
    for task in range(first, last):
        n, images, group, p0, p1 = task_bounds(g, task)
        vectors = task_vectors(g, images, p1 - p0)
        for block0 in range(0, blocks, cached):
            block1 = min(block0 + cached, blocks)
            for c0 in range(0, channels, g.step):
                # copy the input to planes, once for all filters
                c1 = min(c0 + g.step, channels)
                if block0 == 0:
                    fill_planes(g, x, n, images, group * channels + c0, group * channels + c1, p0, p1, planes)
                # multiply: tiles of NV vectors by panels of MR filters
                steps = (c1 - c0) * g.taps
                for tile_index in range((vectors + NV - 1) // NV):
                    for block in range(block0, block1):
                        panel = ((group * blocks + block) * channels + c0) * g.taps * MR
                        target = (block - block0) * MR * stride + tile_index * NV * g.lanes
                        if steps > PARTIAL_STEPS:
                            _add_partial_sums(
                                panels, panel, planes, starts, tile_index, offsets, steps, partial,
                                sums, target, stride, c0 > 0,
                            )  # fmt: skip
                        else:
                            multiply_tile(
                                panels, panel, planes, 0, starts, tile_index, offsets, steps, sums, target, stride,
                                c0 > 0,
                            )  # fmt: skip
            # epilogue: bias, activation, store
            k0 = block0 * MR
            epilogue(
                lattice, sums, 0, stride, min(block1 * MR, filters) - k0, g.run * g.lanes, images, g.pitch, n,
                group * filters + k0, p0, p1, bias, activation, slope, pre_activation, y,
            )  # fmt: skip
