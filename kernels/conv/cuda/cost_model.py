"""Cost model of the algorithms: instructions of all threads together, counted in the machine code of the main loops.

It leaves out how many multiprocessors share them, and whether latencies are hidden.
"""

from ...cuda import tile_config
from ...cuda.sliding_window import live_accumulators
from ..fft.tiles import layout
from . import column_walk, few_channels, few_channels_wgrad, fft, winograd
from .pack_filters import DEPTH, rounded_up
from .problem_size import FPROP, WGRAD, problems_of

MAX_FEW_CHANNELS = 4
"""Channels of a group up to which "few_channels" is worth a thought: of more, a tile would share the loads."""

FLOAT32_BYTES = 4
"""Of an element; Winograd's algorithm, which loses digits, is for float32 alone where nobody asks for it."""

MIN_WINOGRAD_CHANNELS = 128
"""Channels and filters of a group from which Winograd's algorithm is worth its transforms. On an H200 (2026-11) it
takes as long as the tiles with 64 of them on 32x32 maps, 1.25 times as long on 112x112, 0.6 with 128 on 16x16."""

EPILOGUE_COST = 40
"""Instructions for a result of a column walk or of few_channels: bias, activation, address, store."""

LOAD_COST, STEP_COST = 5, 15
"""Instructions for an element that a walk loads, with its address and predicate; for a step besides."""

TRANSFORM_COST = 216
"""Instructions that transform one tile's inputs (194 on sm_80) or products (238)."""

INSTRUCTIONS_PER_BYTE = 4
"""Instructions issued per byte of traffic with the second-level cache (A100, estimate)."""

LAUNCH_COST = 1 << 19
"""Instructions that stand for a launch, so that what is tiny takes one. A guess on the low side: in the microseconds of
a launch an A100 issues a hundred times as many."""

FFT_MARGIN = 2
"""Times that the FFT has to be cheaper than what multiplies by each tap: it loses digits, and no GPU has timed it."""

FFT_LAUNCHES = 20
"""Launches of a pass whose spectra are computed at once, those of the library's transforms included."""

FFT_BYTES = 32
"""Traffic of a frame's position: gathered, transformed along rows and columns, multiplied or stored."""

FEW_CHANNELS_COST = {4: {32: 89 / 64, 16: 90 / 64, 8: 107 / 64}, 8: {32: 59 / 32, 16: 57 / 32, 8: 60 / 32}}
"""Instructions for a product in the main loop of few_channels, by bytes of an element and filters (sm_80)."""


def cheapest(algorithms, shape, operation, itemsize):
    """Of the algorithms that support a problem, the one of the fewest instructions."""
    problems = problems_of(shape, operation)
    costs = {
        name: COSTS[name](shape, operation, itemsize, problems) + _launches(name, operation, problems) * LAUNCH_COST
        for name in algorithms
        if _is_candidate(name, shape, operation, itemsize)
    }
    return min(costs, key=costs.get)


def _is_candidate(name, shape, operation, itemsize):
    """Whether "auto" may take an algorithm: Winograd's loses digits, few_channels' loads would count."""
    channels, filters = shape.c // shape.groups, shape.k // shape.groups
    if name == "winograd":
        return itemsize == FLOAT32_BYTES and min(channels, filters) >= MIN_WINOGRAD_CHANNELS
    if name == "few_channels":
        few_filters = operation == FPROP and filters <= few_channels.FILTERS_PER_THREAD[-1]
        return channels <= MAX_FEW_CHANNELS or few_filters
    return True


def _launches(name, operation, problems):
    """Of an algorithm, one at least: packing weights, phases of the stride, transforms, adding partial sums."""
    phases = max(1, len(problems))
    if name == "fft":
        return FFT_MARGIN * FFT_LAUNCHES
    if operation == WGRAD:
        return 1 if name == "direct" else 2
    return {
        "direct": 1,
        "depthwise": phases,
        "implicit_gemm": 1 + phases,
        "few_channels": 2,
        "winograd": 4,
    }[name]


def _direct(shape, operation, itemsize, problems):
    """A thread for each result."""
    return tile_config.DIRECT_COST * sum(map(_products, problems)) * shape.n


def _implicit_gemm(shape, operation, itemsize, problems):
    """Products of matrices in tiles, of which the padding is multiplied too."""
    if operation == WGRAD:
        [e] = problems
        problem = e.k, e.c * e.r * e.s, shape.n * e.p * e.q
        return tile_config.multiplied(itemsize, shape.groups, *problem, DEPTH)
    return sum(
        tile_config.multiplied(itemsize, shape.groups, e.k, shape.n * e.p * e.q, e.c, DEPTH) * e.r * e.s
        for e in problems
    )


def _depthwise(shape, operation, itemsize, problems):
    """Walks down columns; of the weight gradient for a few filters at a time."""
    if operation == WGRAD:
        return _few_channels_wgrad(problems[0], shape.n)
    return sum(map(_walk, problems)) * shape.n


def _walk(e):
    """Instructions for one image of a problem: of every step, and of the steps above a walk's first output."""
    stride = column_walk.path_of(e).stride
    live = live_accumulators(e.r, stride)
    step = e.r * e.s + LOAD_COST * min(e.r, stride) * e.s + live + STEP_COST
    length = min(column_walk.WALK_LENGTHS[0], e.p)
    return e.groups * e.k * e.c * e.p * e.q * (step * (length + live - 1) / length + EPILOGUE_COST)


def _few_channels(shape, operation, itemsize, problems):
    """Some filters a thread, whose last ones are padding."""
    [e] = problems
    if operation == WGRAD:
        return _few_channels_wgrad(e, shape.n)
    filters = few_channels.filters_per_thread(e.k)
    outputs = shape.n * e.groups * rounded_up(e.k, filters) * e.p * e.q
    return outputs * (e.c * e.r * e.s * FEW_CHANNELS_COST[itemsize][filters] + EPILOGUE_COST)


def _few_channels_wgrad(e, n):
    """Walks down columns for a few filters at a time."""
    filters, stride = few_channels_wgrad.filters_per_block(e), column_walk.path_of(e).stride
    loads = min(e.r, stride) * e.s + filters
    step = filters * e.r * e.s + LOAD_COST * loads + filters * live_accumulators(e.r, stride) + STEP_COST
    return n * e.groups * e.c * -(-e.k // filters) * e.p * e.q * step


def _winograd(shape, operation, itemsize, problems):
    """Products of matrices for 16 positions, transforms, and what passes through memory in between, twice each way."""
    [e] = problems
    tiles, moved = shape.n * winograd.tiles_of(e), 2 * winograd.TILE_POSITIONS * itemsize * INSTRUCTIONS_PER_BYTE
    products = tile_config.multiplied(itemsize, winograd.TILE_POSITIONS * shape.groups, e.k, tiles, e.c, DEPTH)
    return products + tiles * shape.groups * (e.c + e.k) * (TRANSFORM_COST + moved)


def _fft(shape, operation, itemsize, problems):
    """Transforms of frames, which memory bounds, and products of spectra, of which 2 x 2 share their loads."""
    f = layout(shape, operation, itemsize, fft.WORKSPACE_BYTES)
    positions = f.spectra * f.rows.frame * f.columns.frame
    moved = FFT_BYTES * itemsize // FLOAT32_BYTES * INSTRUCTIONS_PER_BYTE
    return FFT_MARGIN * (f.flops + positions * moved + f.products * (4 + 4 * INSTRUCTIONS_PER_BYTE))


def _products(e):
    """Multiplications of one image."""
    return e.groups * e.k * e.c * e.r * e.s * e.p * e.q


COSTS = {
    "direct": _direct,
    "implicit_gemm": _implicit_gemm,
    "depthwise": _depthwise,
    "few_channels": _few_channels,
    "winograd": _winograd,
    "fft": _fft,
}
