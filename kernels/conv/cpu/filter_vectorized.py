"""Direct convolution whose lanes are filters: no row of pixels is too short for a vector.

    y[n, k, row0 + p * row_step, col0 + q * col_step] = sum_l w[k, l] x[position(n, p, q) + pair(l)],    l = (c, r, s)

A matrix product, one factor of which is read from x itself by offset tables (offset_tables.py): the micro-kernel
broadcasts MR elements of x and multiplies them with NV vectors of filters. Weights are transposed into panels as they
are needed, a part that stays in the first-level cache; sums are transposed back as they are stored. The forward pass,
and the input gradient from dy with the taps of the rotated kernel, where one correlation has them all: at stride 1, and
of 1x1 kernels. One group.
"""

import numpy as np
from numba import njit

from ...core.scalar import IDENTITY, activate
from ...cpu import parallel
from ...cpu.microkernel import multiply_gathered
from ...cpu.parallel import on_threads, share, workspace, zeros
from ...cpu.plan import pack_tables, record, scratch_or_new, table
from ...cpu.registers import MR, tile_columns
from ...cpu.simd_rows import copy_row
from ...cpu.transpose import transpose
from .correlation import SERIAL_PRODUCTS, CorrelationPlan, Lattice, dgrad_correlations, fprop_correlation
from .epilogue import epilogue
from .offset_tables import InputLayout, balanced_step, copy_size, lay_out, pad

STEP_PAIRS = 192  # of a reduction at once, at most: a panel's part then fills half of the first-level cache

# Integers of a plan: how many correlations (0 or 1), whether they write all of y; an InputLayout, a Lattice, whether
# the weights are transposed, the filters of a panel, and the bounds of both tables.
LAYOUT = 2
LATTICE = LAYOUT + len(InputLayout._fields)
TRANSPOSED = LATTICE + len(Lattice._fields)
WIDTH, TABLES = TRANSPOSED + 1, TRANSPOSED + 2


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    return _filter_vectorized_plan((fprop_correlation(shape),), True, dtype, shape.k)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    return _filter_vectorized_plan(*dgrad_correlations(shape), dtype, shape.c)


def _filter_vectorized_plan(correlations, complete, dtype, filters):
    """The plan of one correlation into an array; of none, where no tap reaches it."""
    if not correlations:
        sizes, (tables, _) = [0, complete] + [0] * (TABLES + 1), pack_tables()
        return CorrelationPlan(_run_filter_vectorized, sizes, tables, dtype, filters, tasks=1, serial=True)
    (correlation,) = correlations
    width = tile_columns(dtype)
    blocks = -(-filters // width)
    serial = parallel.is_serial(correlation.products < SERIAL_PRODUCTS)
    g, *offset_tables = lay_out(correlation, blocks, serial=serial)
    tables, bounds = pack_tables(*offset_tables)
    sizes = [1, complete, *g, *correlation.lattice, correlation.transposed, width, *bounds]
    return CorrelationPlan(
        _run_filter_vectorized, sizes, tables, dtype, filters,
        tasks=-(-g.n // g.images) * -(-g.p // g.rows) * blocks,
        serial=serial,
        scratch=copy_size(g),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_filter_vectorized(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
    """Pad the input if taps reach outside, then multiply."""
    x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
    if not sizes[1]:
        y[:] = 0
    if not sizes[0]:
        return
    g, lattice = record(InputLayout, sizes, LAYOUT), record(Lattice, sizes, LATTICE)
    positions, pairs = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    copy = scratch_or_new(scratch, 0, copy_size(g), x)
    if g.copied:
        on_threads(pad, (g, x, copy), threads)
    weights = w, sizes[TRANSPOSED] != 0, sizes[WIDTH]
    problem = (g, copy if g.copied else x, positions, pairs, *weights, lattice)
    on_threads(_correlate_filters, (*problem, bias, activation, slope, pre_activation, y), threads)


@njit(cache=True, nogil=True)
def _transpose_filters(g, w, transposed, filters, k, count, c0, c1, panel, width):
    """panel[(c - c0) * T + t, i] = w of filter k + i, channel c and tap t for c0 <= c < c1, i < count."""
    if not transposed:
        transpose(w, (k * g.c + c0) * g.taps, g.c * g.taps, count, (c1 - c0) * g.taps, panel, 0, width)
    elif g.taps == 1:
        for c in range(c0, c1):
            copy_row(panel, (c - c0) * width, w, c * filters + k, count)
    else:
        for c in range(c0, c1):
            transpose(w, (c * filters + k) * g.taps, g.taps, count, g.taps, panel, (c - c0) * g.taps * width, width)


@njit(cache=True, nogil=True)
def _correlate_filters(
    g, x, positions, pairs, w, transposed, width, lattice, bias, activation, slope, pre_activation, y, thread, threads
):
    """The equation at the head of this file, for one thread's strips and blocks of filters.

    FLOPs: 2 N K P Q C R S. Bytes: x and y once, w once a strip.
    """
    # sizes and thread-local workspaces
    blocks, strips = (lattice.k + width - 1) // width, (g.p + g.rows - 1) // g.rows
    longest = (g.images * g.rows * g.q + MR - 1) // MR * MR
    step = balanced_step(g.c, max(1, STEP_PAIRS // g.taps))
    panel = zeros(step * g.taps * width, x)
    sums, rows = workspace(longest * width, x), workspace(width * longest, x)
    local = workspace(longest, positions)
    first, last = share((g.n + g.images - 1) // g.images * strips * blocks, thread, threads)
    for task in range(first, last):
        # the task's filters, images, rows and positions
        block, strip, n = task % blocks, task // blocks % strips, task // (blocks * strips) * g.images
        k, filters = block * width, min(width, lattice.k - block * width)
        images, p0 = min(g.images, g.n - n), strip * g.rows
        p1 = min(p0 + g.rows, g.p)
        image, count = n * g.c * g.height * g.width, images * (p1 - p0) * g.q
        for j in range(longest):  # a last tile is read whole, but not past the images
            local[j] = positions[p0 * g.q + j] if j < count else positions[p0 * g.q]
        # multiply, some channels at a time
        for c0 in range(0, g.c, step):
            c1 = min(c0 + step, g.c)
            _transpose_filters(g, w, transposed, lattice.k, k, filters, c0, c1, panel, width)
            for j in range(0, count, MR):
                multiply_gathered(
                    x, image, local, j, pairs, c0 * g.taps, (c1 - c0) * g.taps, panel, 0,
                    sums, j * width, width, c0 > 0,
                )  # fmt: skip
        # epilogue: transpose to rows of pixels, bias, activation, store
        if lattice.row_step == 1 and lattice.col_step == 1 and not pre_activation.size:
            _activate_lanes(sums, count, width, bias, k, filters, activation, slope)
            for m in range(images):
                target = (((n + m) * lattice.k + k) * g.p + p0) * g.q
                transpose(sums, m * g.p * g.q * width, width, (p1 - p0) * g.q, filters, y, target, g.p * g.q)
        else:
            transpose(sums, 0, width, count, filters, rows, 0, longest)
            epilogue(
                lattice, rows, 0, longest, filters, g.p * g.q, images, g.q, n, k, p0, p1, bias, activation, slope,
                pre_activation, y,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _activate_lanes(sums, count, width, bias, k, filters, activation, slope):
    """sums[j, i] = f(sums[j, i] + bias[k + i]); the lanes are filters."""
    biased = False
    for i in range(k, k + filters):
        biased |= bias[i] != 0
    if activation == IDENTITY and not biased:
        return
    for j in range(count):
        row, first = np.uint64(j * width), np.uint64(k)  # unsigned: no test for a negative index, as in epilogue.py
        for i in range(np.uint64(filters)):
            sums[row + i] = activate(sums[row + i] + bias[first + i], activation, slope)
