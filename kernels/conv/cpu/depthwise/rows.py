"""Depthwise forward pass and input gradient: each plane of the result correlates the planes of its group, in place.

    y[n, f, p, q] = sum_c sum_{r, s} w[f, c, r, s] x[n, c, p stride - top + r, q stride - left + s] + b[f]

for the channels c of a filter's group, few. The input gradient of stride 1 is the same of dy with rotated taps; larger
strides have a tile of their own. A task is a strip of rows of one plane of the result.
"""

import math
from functools import lru_cache
from typing import NamedTuple

from numba import njit

from ....core.scalar import IDENTITY
from ....cpu import parallel
from ....cpu.parallel import on_threads, share, workspace
from ....cpu.plan import pack_tables, record
from ..correlation import CorrelationPlan
from ..lines import Lines, copy_margins, line_tables, lines_of
from .strided_dgrad import PHASE_BLOCKS, column_shifts, scatter_rows
from .tile import BLOCKS, Window, block_for, correlate_rows, lanes_for, read_columns, vectors_for

STRIP_ELEMENTS = 1 << 13
"""Outputs of a task, about: sums over channels find them in the first-level cache."""
SPARE_VECTORS = 2
"""Room after a line that takes excess rows."""


class PlaneSums(NamedTuple):
    """One pass over planes, as integers for the kernels."""

    images: int
    groups: int
    filters: int
    """Planes of the result in a group."""
    channels: int
    """Planes that are read in a group."""
    height: int
    """Of a plane of the result."""
    width: int
    top: int
    left: int
    step: int
    """Rows of the result to one row of a tile: the stride of an input gradient."""
    strip: int
    """Rows of tiles in a task."""
    filter_step: int
    """Elements of w from one filter of a group to the next, and from one channel to the next."""
    channel_step: int
    taps: int
    rotated: int
    """Whether the taps are taken in reverse."""
    spare: int
    """Elements of a line that takes excess rows."""


LINES = len(PlaneSums._fields)


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    window = Window(shape.r, shape.s, shape.stride_h, shape.stride_w, lanes_for(shape.q, dtype))
    window = window._replace(vectors=vectors_for(window, shape.q))
    filters, channels, taps = shape.k // shape.groups, shape.c // shape.groups, shape.r * shape.s
    lines = lines_of(shape.h, shape.w, *read_columns(window, shape.q, shape.pad_left))
    pads, steps = (shape.pad_top, shape.pad_left), (channels * taps, taps)
    rows = shape.groups, filters, channels, shape.p, shape.q, *pads, 1
    return _plan(window, None, shape, rows, lines, steps, False, dtype)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    vector = lanes_for(-(-shape.w // shape.stride_w), dtype)
    window = Window(shape.r, shape.s, shape.stride_h, shape.stride_w, vector)
    filters, channels, taps = shape.c // shape.groups, shape.k // shape.groups, shape.r * shape.s
    strided = shape.stride_h * shape.stride_w > 1
    if strided:
        phase = shape.pad_top % shape.stride_h, shape.pad_left % shape.stride_w
        pads = -(shape.pad_top // shape.stride_h), -(shape.pad_left // shape.stride_w)
        shifts = column_shifts(shape.s, shape.stride_w, shape.pad_left)
        last = (-(-shape.w // shape.stride_w) - 1) // vector * vector + vector
        columns = shifts[0] - pads[1], shifts[-1] - pads[1] + last
    else:
        phase, pads = None, (shape.r - 1 - shape.pad_top, shape.s - 1 - shape.pad_left)
        window = window._replace(vectors=vectors_for(window, shape.w))
        columns = read_columns(window, shape.w, pads[1])
    rows = shape.groups, filters, channels, shape.h, shape.w, *pads, shape.stride_h
    lines = lines_of(shape.p, shape.q, *columns)
    return _plan(window, phase, shape, rows, lines, (taps, filters * taps), not strided, dtype)


def _plan(window, phase, shape, rows, lines, steps, rotated, dtype):
    """The plan of sums with PlaneSums' fields groups to step."""
    groups, filters, channels, height, width, _, _, step = rows
    count = -(-height // step)
    block = block_for(window, count, BLOCKS if phase is None else PHASE_BLOCKS)
    strip = min(count, max(1, STRIP_ELEMENTS // (width * step) // block) * block)
    spare = width + SPARE_VECTORS * window.lanes * window.vectors
    g = PlaneSums(shape.n, *rows, strip, *steps, window.rows * window.columns, rotated, spare)
    # planes that are added up, or the larger ones that are read
    elements = max(shape.n * groups * filters * channels * height * width, math.prod(shape.x_shape))
    tables, _ = pack_tables(*line_tables(lines, dtype))
    return CorrelationPlan(
        _kernel(window, phase, block), [*g, *lines], tables, dtype, groups * filters,
        tasks=shape.n * groups * filters * -(-count // strip),
        serial=parallel.is_serial(elements < parallel.SERIAL_ELEMENTS),
    )  # fmt: skip


@lru_cache(maxsize=256)
def _kernel(window, phase, block):
    """The kernel of a window, called as CorrelationPlan says; `phase` of an input gradient whose stride is not 1."""
    first_channel, further_channel = (
        correlate_rows(window, block, accumulate) if phase is None else scatter_rows(window, phase, block, accumulate)
        for accumulate in (False, True)
    )

    @njit(cache=True, nogil=True)
    def sum_planes(g, lines, tables, x, margins, w, bias, activation, slope, pre_activation, y, thread, threads):
        """The equation at the head of this file, for one thread's strips.

        FLOPs: 2 N K P Q C/groups R S. Bytes: x and y once.
        """
        spare, planes = workspace(g.spare, x), g.groups * g.filters
        count, size = (g.height + g.step - 1) // g.step, lines.height * lines.width
        strips = (count + g.strip - 1) // g.strip
        first, last = share(g.images * planes * strips, thread, threads)
        plane, strip = first // strips, first % strips
        n, f = plane // planes, plane % planes
        for _ in range(first, last):
            # planes of the filter's group, and the filter's taps
            group = f // g.filters
            source, target = (n * g.groups + group) * g.channels, (n * planes + f) * g.height * g.width
            taps, step = group * g.filters * g.channels * g.taps + (f - group * g.filters) * g.filter_step, 1
            if g.rotated:
                taps, step = taps + g.taps - 1, -1
            p0, p1 = strip * g.strip, min(strip * g.strip + g.strip, count)
            # sums over the channels; the last one applies the activation
            first_channel(
                lines, x, margins, tables, source * size, g.top, g.left, w, taps, step, bias[f],
                activation if g.channels == 1 else IDENTITY, slope, pre_activation,
                y, target, p0, p1, g.height, g.width, spare,
            )  # fmt: skip
            for c in range(1, g.channels):
                further_channel(
                    lines, x, margins, tables, (source + c) * size, g.top, g.left, w, taps + c * g.channel_step, step,
                    bias[f], activation if c == g.channels - 1 else IDENTITY, slope, pre_activation,
                    y, target, p0, p1, g.height, g.width, spare,
                )  # fmt: skip
            # the next strip, plane, image
            strip += 1
            if strip == strips:
                strip, f = 0, f + 1
                if f == planes:
                    f, n = 0, n + 1

    @njit(cache=True, nogil=True)
    def run(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
        """Copy the margins, then correlate."""
        x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
        g, lines = record(PlaneSums, sizes, 0), record(Lines, sizes, LINES)
        margins = copy_margins(lines, x)
        arguments = (g, lines, tables, x, margins, w, bias, activation, slope, pre_activation, y)
        on_threads(sum_planes, arguments, threads)

    return run
