"""Launches of the in-place convolution: the forward pass, and the input gradient of stride 1 on rotated weights."""

from functools import lru_cache

import numpy as np
from numba import njit

from ....cpu import parallel
from ....cpu.parallel import on_threads, share, workspace
from ....cpu.plan import pack_tables, record, scratch_or_new, table
from ....cpu.registers import lanes
from ..correlation import MIN_TASKS, SERIAL_PRODUCTS, CorrelationPlan
from ..lines import INTEGER_BYTES, Lines, copy_margins, line_tables, lines_of
from ..panels import pack_panels
from .tile import TILES, Problem, Tile, multiply_in_place

FLAT_MAX_OUTPUTS = 1024
"""Of a map, whose table of masks stays in the cache."""
LOAD_CYCLES = 0.75
"""Of a vector that may lie in two cache lines; a core begins two multiply-adds in a cycle (Xeon, 2026-11)."""
CACHED_WEIGHTS = 1 << 17
"""Elements of packed weights that stay in the second-level cache while rows pass."""

LINES = len(Problem._fields)
REST = LINES + len(Lines._fields)


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    sizes = shape.c // shape.groups, shape.k // shape.groups
    return _plan(shape, (shape.h, shape.w), (shape.p, shape.q), sizes, (shape.pad_top, shape.pad_left), False, dtype)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient of stride 1."""
    sizes = shape.k // shape.groups, shape.c // shape.groups
    pads = (shape.r - 1) * shape.dilation_h - shape.pad_top, (shape.s - 1) * shape.dilation_w - shape.pad_left
    return _plan(shape, (shape.p, shape.q), (shape.h, shape.w), sizes, pads, True, dtype)


def _plan(shape, read, written, sizes, pads, transposed, dtype):
    """The plan of a correlation: what is read and written (rows, columns), sizes (channels, filters) of a group."""
    (channels, filters), (top, left), (height, width) = sizes, pads, read
    strides = (1, 1) if transposed else (shape.stride_h, shape.stride_w)
    dilations = shape.dilation_h, shape.dilation_w
    tile = tile_for(shape.s, strides, read, written, filters, lanes(dtype))
    step = tile.lanes * tile.vectors
    if tile.flat:
        # the map is one row; a tap moves it
        reach = (shape.r - 1) * dilations[0] * width + (shape.s - 1) * dilations[1]
        start = -(top * width + left)
        length = written[0] * written[1]
        end = -(-length // step) * step
        lines = lines_of(1, height * width, start, start + reach + end)
        masks = _flat_masks(shape, read, pads, end, dtype)
        g_rows, moves, mask_step = 1, (dilations[0] * width, dilations[1]), end
        top, left = -start, 0
    else:
        end = -(-written[1] // step) * step
        reach = (shape.s - 1) * dilations[1] if tile.stride_w == 1 else (shape.s - 1) // 2 * 2 + 2
        lines = lines_of(height, width, -left, end * tile.stride_w - left + reach)
        masks, g_rows, length, moves, mask_step = np.zeros(0, np.int32), written[0], written[1], dilations, 0
    taps = np.arange(shape.r * shape.s)
    tables, bounds = pack_tables(*line_tables(lines, dtype), masks, taps[::-1] if transposed else taps)
    blocks = -(-filters // tile.filters)
    panel = tile.filters * channels * shape.r * shape.s
    strips = max(1, min(g_rows, -(-MIN_TASKS // (shape.n * shape.groups))))
    strip = -(-g_rows // strips)
    g = Problem(
        shape.n, shape.groups, channels, filters, shape.r, *strides, *moves, top, left, g_rows, length,
        written[0] * written[1], mask_step, strip, length + step,
    )  # fmt: skip
    products = shape.n * shape.groups * filters * channels * shape.r * shape.s * written[0] * written[1]
    return CorrelationPlan(
        _kernel(tile), [*g, *lines, *bounds[2:], transposed, blocks * panel > CACHED_WEIGHTS], tables, dtype,
        shape.groups * filters,
        tasks=max(shape.n * shape.groups * -(-g_rows // strip), shape.n * shape.groups * blocks),
        serial=parallel.is_serial(products < SERIAL_PRODUCTS),
        scratch=shape.groups * blocks * panel,
    )  # fmt: skip


def tile_for(columns, strides, read, written, filters, size):
    """The Tile for so many filters of a group and vectors of `size` elements: the one with the fewest cycles."""
    may_be_flat = strides == (1, 1) and read == written and written[0] * written[1] <= FLAT_MAX_OUTPUTS

    def cycles(tile):
        length, rows = (written[0] * written[1], 1) if tile.flat else (written[1], written[0])
        columns = -(-length // (tile.lanes * tile.vectors))
        products = tile.filters * tile.vectors / 2
        loads = tile.vectors * LOAD_CYCLES * (2 if tile.flat else tile.stride_w) + tile.filters / 2
        return rows * columns * -(-filters // tile.filters) * max(products, loads)

    found = [
        Tile(columns, strides[1], *tile, size, flat)
        for flat in ((False, True) if may_be_flat else (False,))
        for tile in TILES
    ]
    return min(found, key=cycles)


def _flat_masks(shape, read, pads, length, dtype):
    """Bits of each element: ones where output j of a map laid flat meets the map under a tap; (R S, length)."""
    height, width = read
    j = np.arange(length)
    rows = j // width + np.arange(shape.r)[:, None] * shape.dilation_h - pads[0]
    columns = j % width + np.arange(shape.s)[:, None] * shape.dilation_w - pads[1]
    inside = (rows >= 0) & (rows < height)
    inside = inside[:, None] & ((columns >= 0) & (columns < width))[None] & (j < height * width)
    integers = np.dtype(dtype).itemsize // INTEGER_BYTES
    return np.repeat(-inside.reshape(-1).astype(np.int32), integers)


@lru_cache(maxsize=256)
def _kernel(tile):
    """The kernel of a Tile, called as CorrelationPlan says."""
    multiply, filters_at_once, step = multiply_in_place(tile), tile.filters, tile.lanes * tile.vectors

    @njit(cache=True, nogil=True)
    def multiply_rows(
        g, lines, tables, masks, by_block, x, margins, packed, bias, activation, slope, pre_activation, y,
        thread, threads,
    ):  # fmt: skip
        """The equation at the head of tile.py, for one thread's tasks: strips of rows, or blocks of filters.

        FLOPs: 2 N K P Q (C/groups) R S. Bytes: x once for each block of filters, from a cache; y once.
        """
        spare, blocks = workspace(g.spare, x), (g.filters + filters_at_once - 1) // filters_at_once
        panel = packed.size // (g.groups * blocks)
        strips, at_once = ((g.p + g.strip - 1) // g.strip, blocks) if not by_block else (1, 1)
        strip, sections = (g.strip, 1) if not by_block else (g.p, blocks)
        first, last = share(g.images * g.groups * strips * sections, thread, threads)
        for task in range(first, last):
            section, rest = task % sections, task // sections
            image, p0 = rest // strips, rest % strips * strip
            group = image % g.groups
            source = image * g.channels * lines.height * lines.width
            for p in range(p0, min(p0 + strip, g.p)):
                target = image * g.filters * g.outputs + p * g.q
                for q in range(0, g.q, step):
                    for block in range(section, section + at_once):
                        multiply(
                            lines, x, margins, tables, g, source, p * g.stride_h - g.top, packed,
                            (group * blocks + block) * panel, bias,
                            group * g.filters + block * filters_at_once, activation, slope, pre_activation,
                            y, target, block * filters_at_once, q, masks, spare,
                        )  # fmt: skip

    @njit(cache=True, nogil=True)
    def run(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
        """Pack the weights and copy the margins, then multiply."""
        x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
        g, lines = record(Problem, sizes, 0), record(Lines, sizes, LINES)
        blocks = (g.filters + filters_at_once - 1) // filters_at_once
        packed_size = w.size // g.filters * blocks * filters_at_once
        packed = scratch_or_new(scratch, 0, packed_size, x)
        taps, transposed = table(tables, sizes, REST + 1), sizes[REST + 3] != 0
        packing = g.groups, g.channels, g.filters, taps, w, transposed, filters_at_once, packed
        on_threads(pack_panels, packing, threads)
        some_biases = np.zeros(bias.size + filters_at_once, bias.dtype)
        some_biases[: bias.size] = bias
        arguments = (
            g, lines, tables, sizes[REST], sizes[REST + 4] != 0, x, copy_margins(lines, x), packed, some_biases,
            activation, slope, pre_activation, y,
        )  # fmt: skip
        on_threads(multiply_rows, arguments, threads)

    return run
