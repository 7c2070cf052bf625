"""Which kernels compute a convolution: those that take the fewest instructions by what was counted in machine code.

Instructions of one thread, of all threads together; how many multiprocessors share them, and whether loads are hidden,
is left out.
"""

from ...cuda import tile_config
from ...cuda.sliding_window import ages
from . import depthwise, few_channels, few_channels_wgrad, winograd
from .implicit_gemm import DEPTH, rounded_up
from .implicit_gemm_wgrad import addressable

FORWARD, INPUT_GRAD, WEIGHT_GRAD = "fprop", "dgrad", "wgrad"

FEW = 4
"""Channels of a group up to which "thin" is worth a thought: with more its loads, which a tile shares, would count."""

FLOAT32 = 4
"""Bytes of an element; Winograd's algorithm, which loses digits, is for float32 alone where nobody asks for it."""

MANY = 128
"""Channels and filters of a group from which Winograd's algorithm is worth its transforms. On an H200 (2026-11) it
takes as long as the tiles with 64 of them on 32x32 maps, 1.25 times as long on 112x112, 0.6 with 128 on 16x16."""

EPILOGUE = 40
"""Instructions for a result of a walk or of `conv_thin`: bias, activation, address, store."""

LOAD, STEP = 5, 15
"""Instructions for an element that a walk loads, its address and whether it is there; for a step besides."""

TRANSFORM = 216
"""Instructions that transform one tile's inputs (194 on sm_80) or products (238)."""

BYTE = 4
"""Instructions in the time in which a byte comes from an A100's second-level cache; a guess."""

LAUNCH = 1 << 19
"""Instructions that stand for a launch, so that what is tiny takes one. A guess on the low side: in the microseconds of
a launch an A100 issues a hundred times as many."""

THIN = {4: {32: 89 / 64, 16: 90 / 64, 8: 107 / 64}, 8: {32: 59 / 32, 16: 57 / 32, 8: 60 / 32}}
"""Instructions for a product in the main loop of `conv_thin`, by bytes of an element and filters (sm_80)."""


def offered(g, operation, correlations):
    """Names of the algorithms for a geometry, "direct" first; its correlations: the forward pass, or the phases."""
    names = {
        "implicit_gemm": operation != WEIGHT_GRAD or addressable(g),
        "winograd": operation != WEIGHT_GRAD and all(map(winograd.serves, correlations)),
        "depthwise": g.c == g.groups and _walks(operation, correlations),
    }
    return "direct", *(name for name, serves in names.items() if serves)


def cheapest(g, operation, itemsize, correlations):
    """The kernels of the fewest instructions: an algorithm's name, or "thin", which "auto" alone chooses."""
    worth = itemsize == FLOAT32 and min(g.c, g.k) >= g.groups * MANY
    names = [name for name in offered(g, operation, correlations) if name != "winograd" or worth]
    costs = {
        name: COSTS[name](g, operation, itemsize, correlations) + _launches(name, operation, correlations) * LAUNCH
        for name in names
    }
    few = g.c // g.groups <= FEW
    if operation == FORWARD and (few or g.k // g.groups <= few_channels.FILTERS[-1]):
        costs["thin"] = _thin(correlations[0], g.n, itemsize) + 2 * LAUNCH
    elif operation == WEIGHT_GRAD and few and _walks(operation, correlations):
        costs["thin"] = _thin_weight_grad(correlations[0], g.n) + 2 * LAUNCH
    return min(costs, key=costs.get)


def _launches(name, operation, correlations):
    """Of an algorithm, one at least: packing weights, phases of the stride, transforms, adding up the parts."""
    phases = max(1, len(correlations))
    if operation == WEIGHT_GRAD:
        return 1 if name == "direct" else 2
    return {"direct": 1, "depthwise": phases, "implicit_gemm": 1 + phases, "winograd": 4}[name]


def _walks(operation, correlations):
    """Whether the kernels that walk down columns have the registers for the taps."""
    if operation == WEIGHT_GRAD:
        return few_channels_wgrad.filters_of(correlations[0]) > 0
    return all(map(depthwise.serves, correlations))


def _plain(g, operation, itemsize, correlations):
    """A thread for each result."""
    return tile_config.PLAIN * sum(map(_products, correlations)) * g.n


def _tiles(g, operation, itemsize, correlations):
    """Products of matrices in tiles, of which the padding is multiplied too."""
    if operation == WEIGHT_GRAD:
        correlation = correlations[0]
        problem = correlation.k, correlation.c * correlation.a * correlation.b, g.n * correlation.u * correlation.v
        return tile_config.multiplied(itemsize, g.groups, *problem, DEPTH)
    return sum(
        tile_config.multiplied(itemsize, g.groups, e.k, g.n * e.u * e.v, e.c, DEPTH) * e.a * e.b for e in correlations
    )


def _depthwise(g, operation, itemsize, correlations):
    """Walks down columns; of the weight gradient for a few filters at a time."""
    if operation == WEIGHT_GRAD:
        return _thin_weight_grad(correlations[0], g.n)
    return sum(map(_walk, correlations)) * g.n


def _walk(g):
    """Instructions for one image of a correlation: of every step, and of the steps above a walk's first output."""
    stride = depthwise.path_of(g).stride
    making = ages(g.a, stride)
    step = g.a * g.b + LOAD * min(g.a, stride) * g.b + making + STEP
    length = min(depthwise.LENGTHS[0], g.u)
    return g.groups * g.k * g.c * g.u * g.v * (step * (length + making - 1) / length + EPILOGUE)


def _thin(g, n, itemsize):
    """Some filters a thread, whose last ones are padding."""
    filters = few_channels.filters_of(g.k)
    outputs = n * g.groups * rounded_up(g.k, filters) * g.u * g.v
    return outputs * (g.c * g.a * g.b * THIN[itemsize][filters] + EPILOGUE)


def _thin_weight_grad(g, n):
    """Walks down columns for a few filters at a time."""
    filters, stride = few_channels_wgrad.filters_of(g), depthwise.path_of(g).stride
    loads = min(g.a, stride) * g.b + filters
    step = filters * g.a * g.b + LOAD * loads + filters * ages(g.a, stride) + STEP
    return n * g.groups * g.c * -(-g.k // filters) * g.u * g.v * step


def _winograd(g, operation, itemsize, correlations):
    """Products of matrices for 16 positions, transforms, and what passes through memory in between, twice each way."""
    [e] = correlations
    tiles, sides = g.n * winograd.tiles_of(e), e.c + e.k
    products = tile_config.multiplied(itemsize, winograd.POSITIONS * g.groups, e.k, tiles, e.c, DEPTH)
    return products + tiles * g.groups * sides * (TRANSFORM + 2 * winograd.POSITIONS * itemsize * BYTE)


def _products(g):
    """Multiplications of one image."""
    return g.groups * g.k * g.c * g.a * g.b * g.u * g.v


COSTS = {"direct": _plain, "implicit_gemm": _tiles, "depthwise": _depthwise, "winograd": _winograd}
