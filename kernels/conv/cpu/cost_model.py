"""Which algorithm is worth its while on the CPU: costs by the shape alone, so that "auto" is a pure function of it.

Costs of Winograd's algorithm (winograd/cost.py) and of those it is compared with are in multiply-adds of one lane, of
which a core begins 32 in a cycle with AVX-512.
"""

import math
from functools import lru_cache

import numpy as np

from ...cpu import pair_tiles
from ...cpu.registers import lanes, tile_columns
from ..fft.tiles import layout
from . import depthwise, pointwise, winograd
from .correlation import dgrad_correlations, fprop_correlation
from .fft import WORKSPACE_BYTES
from .filter_vectorized_wgrad import is_product
from .implicit_gemm import MAX_COLUMNS
from .winograd.cost import cost
from .zone_product import zone_tile
from .zones import reading

PREFERENCE = {
    "fprop": ("fft", "depthwise", "implicit_gemm", "winograd", "pointwise", "filter_vectorized"),
    "dgrad": ("fft", "depthwise", "implicit_gemm", "winograd", "pointwise", "col2im", "filter_vectorized"),
    "wgrad": ("fft", "depthwise", "winograd", "filter_vectorized"),
}
"""The order in which algorithms are asked whether they are profitable; "direct" is what is left."""

# direct, filter_vectorized, pointwise (Xeon with AVX-512, 2026-11)
POINTWISE_MIN_OUTPUTS = 65  # of a map of 1x1 kernels: tiles of fewer are copied in too many pieces
POINTWISE_MIN_CHANNELS = 32  # of a group of 1x1 kernels, for which copying its channels pays
COPIED_ELEMENTS = 1 << 23  # of an image that is copied, at most: batches.py takes more than one apart
GROUPED_MIN_PAIRS = 100  # (channel, tap) pairs of a group, for which transposing its sums pays
INNER_MAX_PAIRS = 30  # (channel, tap) pairs of a weight gradient by inner products (Xeon with AVX-512, 2026-12)
NARROW_MAX_OUTPUTS = 256  # of a map, of groups of no more filters than a vector has (Xeon with AVX-512, 2026-12)

# depthwise, implicit_gemm (Xeon with AVX-512, 2026-11)
COMPILED_MIN_PRODUCTS = 1 << 17  # fewer do not repay a kernel that is compiled for their taps
IN_ONE_SUM = 1 << 13  # (channel, tap) pairs that are added one by one; more lose digits, which steps of channels keep
DEPTHWISE_MAX_FILTERS = {1: 4, 2: 2}  # of a group of one channel, of more: others fill tiles of implicit_gemm
GRADIENT_MAX_FILTERS = 4  # of a weight gradient: a register tile of direct convolution has eight
FIRST_LAYER_PAIRS = 100  # (channel, tap) pairs, up to which it beats Winograd's algorithm and filters as lanes
IMPLICIT_MAX_PAIRS = 300  # of a group
ZONED_MAX_OUTPUTS = 1024  # of a map, up to which filters as lanes are quicker where they fill vectors (2026-12)
STRIDED_FEW_CHANNELS, STRIDED_MAX_CHANNELS = 8, 48  # of a strided dx in place: if vectors are not filled, or in all
IMPLICIT_MAX_FILTERS = 12  # of a group, of which direct convolution leaves half of a register tile empty

# products of bfloat16 pairs
PAIR_MIN_CHANNELS = {"amx": 2, "dot": 16}  # of a group (Xeon with AMX, 2026-11)
PAIR_MIN_ROWS = 4  # of a tile: filters, and of a weight gradient channels
PAIR_MANY = 32  # channels or filters, whose conversion costs more than such rows that are left empty
PAIR_MAX_TAPS, PAIR_MAX_WEIGHTS = 256, 1 << 23  # tables have an entry for each tap, weights and sums are packed whole
DOTS_COST = 0.5  # of vdpbf16ps, in multiply-adds of float32 (Zen 5, 2026-11)

# col2im: cycles for a vector, where a multiply-add takes half of one (Zen 3, 2026-11)
COL2IM_MAX_MAP = 4096  # elements: a channel's sums and a panel's rows then stay in the second-level cache
COL2IM_MIN_OUTPUTS = 129  # of a map of strided 1x1 kernels (Xeon with AVX-512, 2026-11)
COL2IM_ADDITION = 18  # (Xeon with AVX-512, 2026-12)
COL2IM_CACHED_WEIGHTS = 1 << 18  # that stay in the second-level cache from image to image (Xeon with AVX-512, 2026-11)
COL2IM_WEIGHT = 20  # a weight that does not
STRIDED_STORE = 160  # of a strided dx by phases, and dy copied for each phase

# Winograd: multiply-adds of one lane
WINOGRAD_MIN_PRODUCTS = (1 << 22) + 1  # N P Q C K: fewer gain less than 0.3 ms a call (Zen 3, 2 cores)
WINOGRAD_MIN_ZONED = 1 << 23  # the same of a pass with filters as lanes (Xeon with AVX-512, 2 cores, 2026-12)
WINOGRAD_MARGIN = 0.9  # of the direct cost, below which the algorithm is worth its lost digits
DIRECT_OUTPUT, GRADIENT_OUTPUT = 60, 10  # an output of direct convolution: its epilogue; in wgrad it is transposed
ZONED_OUTPUT = 35  # an output of filters as lanes, which is put in order and transposed (Xeon, 2026-12)
DIRECT_PEAK = 0.88  # share of the FMA peak that the products reach
TILE_FILTERS = 8  # filters that a register tile has

# the FFT: multiply-adds of one lane (Xeon with AVX-512, one core, 2026-11)
TRANSFORM_FLOP = 21  # of NumPy's transforms, which are not vectorized
FFT_START = 1 << 25  # the calls that a pass consists of
FFT_MARGIN = 0.7  # of the cost of the taps, below which the algorithm is worth its lost digits
COL2IM_COST = 1.4  # a multiply-add of few channels, which are rows of a product
DOT_FILTERS, DOT_COST = 4, 1.3  # filters of an inner product's tile in wgrad, and what its multiply-adds cost


def is_profitable(algorithm, shape, operation, dtype):
    """Whether an algorithm that supports a pass is expected to beat "direct" at it."""
    return _PROFITABLE[algorithm](shape, operation, np.dtype(dtype))


def _pointwise(shape, operation, dtype):
    """Tiles consist of few pieces, or maps of one element; or filters would not fill the vectors they are lanes of."""
    if pointwise.are_patches(shape):
        many = operation == "dgrad" and shape.n * shape.p * shape.q >= POINTWISE_MIN_OUTPUTS
        return many or not _filter_vectorized(shape, operation, dtype)
    few_pieces = shape.p * shape.q >= POINTWISE_MIN_OUTPUTS or shape.h * shape.w == 1
    return few_pieces or not _filter_vectorized(shape, operation, dtype)


def _filter_vectorized(shape, operation, dtype):
    """Filters fill two thirds of the vectors they are the lanes of, and pixels would not fill theirs."""
    filters, pairs = _group(shape, operation)
    if operation == "wgrad":
        first_layer = shape.groups == 1 and shape.r * shape.s > 1 and pairs <= INNER_MAX_PAIRS
        if first_layer and shape.q % lanes(dtype) == 0:
            return False  # rows of dy are whole vectors where they lie, to multiply with few others
        width = lanes(dtype) if filters <= lanes(dtype) else tile_columns(dtype)
        return is_product(shape) or fills_lanes(shape, filters, width)
    if shape.groups == 1:
        return fills_lanes(shape, filters, tile_columns(dtype))
    if filters <= lanes(dtype):
        # tiles of pixels are fuller on larger maps
        outputs = shape.h * shape.w if operation == "dgrad" else shape.p * shape.q
        return pairs >= GROUPED_MIN_PAIRS and outputs <= NARROW_MAX_OUTPUTS and 8 * filters >= 7 * lanes(dtype)
    return pairs >= GROUPED_MIN_PAIRS and fills_lanes(shape, filters, tile_columns(dtype))


def _depthwise(shape, operation, dtype):
    """Filters of a group fill half of a register tile at most, or a quarter; or channels fill half a vector."""
    filters, pairs = _group(shape, operation)
    if depthwise.rows_reason(shape):
        return 2 * shape.c >= lanes(dtype)  # channels are lanes
    most = DEPTHWISE_MAX_FILTERS[min(2, pairs // (shape.r * shape.s))]
    if operation == "wgrad" or shape.s > MAX_COLUMNS:
        most = GRADIENT_MAX_FILTERS
    return _repays_a_kernel(shape) and filters <= most and pairs <= IN_ONE_SUM


def _implicit_gemm(shape, operation, dtype):
    """Products are so few, for each element of x or y, that copying x or storing sums would take as long."""
    filters, pairs = _group(shape, operation)
    is_matrix_product = shape.r * shape.s == 1 and (shape.groups == 1 or pairs >= POINTWISE_MIN_CHANNELS)
    if is_matrix_product or not _repays_a_kernel(shape):
        return False
    if operation == "dgrad" and shape.stride_h * shape.stride_w > 1:
        if shape.groups > 1 and filters > lanes(dtype) and _filter_vectorized(shape, operation, dtype):
            return False
        return pairs <= IN_ONE_SUM and _fills_phases(shape, dtype) and not _winograd(shape, operation, dtype)
    if pairs > FIRST_LAYER_PAIRS:
        by_filters = shape.groups > 1 or shape.stride_h * shape.stride_w > 1 or shape.p * shape.q <= ZONED_MAX_OUTPUTS
        if (by_filters and _filter_vectorized(shape, operation, dtype)) or _winograd(shape, operation, dtype):
            return False
    return pairs <= IMPLICIT_MAX_PAIRS or (filters <= IMPLICIT_MAX_FILTERS and pairs <= IN_ONE_SUM)


def _fills_phases(shape, dtype):
    """Whether channels of a strided dx are few, or every other column fills three quarters of the vectors."""
    channels, columns = shape.c // shape.groups, -(-shape.w // 2)
    filled = 4 * columns >= 3 * _whole(columns, lanes(dtype))
    few = STRIDED_MAX_CHANNELS if shape.groups == 1 else channels
    return channels <= STRIDED_FEW_CHANNELS or (filled and channels <= few)


def _repays_a_kernel(shape):
    """Whether products are enough for a kernel that is compiled for their taps."""
    return shape.flops // 2 >= COMPILED_MIN_PRODUCTS


def _group(shape, operation):
    """Filters of a group, and (channel, tap) pairs that the sum of one goes over."""
    channels, filters = (shape.k, shape.c) if operation == "dgrad" else (shape.c, shape.k)
    return filters // shape.groups, channels // shape.groups * shape.r * shape.s


def _col2im(shape, operation, dtype):
    """Scattering takes fewer cycles than gathering, both counted in elements of a vector."""
    if shape.h * shape.w > COL2IM_MAX_MAP or shape.p * shape.q > COL2IM_MAX_MAP:
        return False
    strided, taps, filters = shape.stride_h * shape.stride_w, shape.r * shape.s, shape.k // shape.groups
    few_outputs = taps == 1 and shape.groups == 1 and shape.p * shape.q < COL2IM_MIN_OUTPUTS
    if few_outputs and fills_lanes(shape, shape.c, tile_columns(dtype)):
        return False  # filter_vectorized is faster
    scattered = _whole(shape.p * shape.q, 16) * taps * (filters / 2 + COL2IM_ADDITION)
    if filters * shape.c // shape.groups * taps > COL2IM_CACHED_WEIGHTS:
        scattered += filters * taps * COL2IM_WEIGHT
    phase = -(-shape.h // shape.stride_h) * -(-shape.w // shape.stride_w)
    gathered = strided * _whole(phase, 16) * (filters * taps / strided / 2 + (STRIDED_STORE if strided > 1 else 0))
    if _filter_vectorized(shape, operation, dtype):
        gathered = min(gathered, zoned_cost(shape, operation, dtype) / (2 * shape.n * shape.c))
    return taps * strided > 1 and filters >= 8 and scattered < gathered


@lru_cache(maxsize=1024)
def _winograd(shape, operation, dtype):
    """Its cost is below that of direct convolution, by a margin; float32 alone."""
    products = shape.n * shape.p * shape.q * shape.c * shape.k // shape.groups
    if dtype != np.float32 or not winograd.supports(shape) or products < WINOGRAD_MIN_PRODUCTS:
        return False
    if operation != "wgrad" and products < WINOGRAD_MIN_ZONED and _filter_vectorized(shape, operation, dtype):
        return False
    return cost(shape, operation) < WINOGRAD_MARGIN * direct_cost(shape, operation, dtype)


@lru_cache(maxsize=1024)
def _fft(shape, operation, dtype):
    """Transforms, and the products of spectra, cost less than the taps, by a margin."""
    taps = FFT_MARGIN * _taps_cost(shape, operation, dtype)
    if taps < FFT_START:
        return False
    return FFT_START + TRANSFORM_FLOP * layout(shape, operation, dtype.itemsize, WORKSPACE_BYTES).cost < taps


def _taps_cost(shape, operation, dtype):
    """What an algorithm that multiplies by each tap costs: register tiles may be empty where filters are few."""
    filters, _ = _group(shape, operation)
    products = shape.flops / 2 * (dtype.itemsize / 4) / DIRECT_PEAK
    by_channels = depthwise.channels_support(shape, operation) and 2 * shape.c >= lanes(dtype)
    if shape.s <= MAX_COLUMNS or by_channels:  # depthwise and implicit_gemm leave none empty
        return products
    if operation == "wgrad":
        return products * DOT_COST * _whole(filters, DOT_FILTERS) / filters
    if operation == "dgrad" and _col2im(shape, operation, dtype):
        return products * COL2IM_COST
    return products * _whole(filters, TILE_FILTERS) / filters


_PROFITABLE = {
    "pointwise": _pointwise,
    "filter_vectorized": _filter_vectorized,
    "col2im": _col2im,
    "depthwise": _depthwise,
    "implicit_gemm": _implicit_gemm,
    "winograd": _winograd,
    "fft": _fft,
}


def pairs_are_profitable(shape, operation):
    """Whether products of bfloat16 pairs beat float32's algorithms and converting for them: channels fill steps."""
    filters, pairs = _group(shape, operation)
    channels, name = pairs // (shape.r * shape.s), pair_tiles.quickest()
    if operation != "dgrad":
        channels *= shape.r  # rows of taps may be channels
    rows = min(channels, filters) if operation == "wgrad" else filters
    if name is None or channels < PAIR_MIN_CHANNELS[name] or not _repays_a_kernel(shape):
        return False
    if shape.r * shape.s > PAIR_MAX_TAPS or math.prod(shape.w_shape) > PAIR_MAX_WEIGHTS:
        return False
    if rows < PAIR_MIN_ROWS and (name != "amx" or max(channels, filters) < PAIR_MANY):
        return False
    if name == "amx" or not _winograd(shape, operation, np.float32):
        return True
    return DOTS_COST * direct_cost(shape, operation) < cost(shape, operation)


def fills_lanes(shape, filters, width):
    """Whether filters fill two thirds of the vectors they are the lanes of, and a padded copy is not too large."""
    whole = -(-filters // width) * width
    return 3 * filters >= 2 * whole and padded_size(shape) <= COPIED_ELEMENTS


def padded_size(shape):
    """Elements of a padded image, of x or of dy, at most."""
    rows = shape.h + max(shape.pad_top + shape.pad_bottom, (shape.r - 1) * shape.dilation_h)
    columns = shape.w + max(shape.pad_left + shape.pad_right, (shape.s - 1) * shape.dilation_w)
    return max(shape.c, shape.k) * rows * columns


def direct_cost(shape, operation, dtype):
    """What direct convolution costs, its filters as lanes where they fill them."""
    pairs = shape.c // shape.groups * shape.r * shape.s
    each = GRADIENT_OUTPUT if operation == "wgrad" else DIRECT_OUTPUT
    gathered = shape.n * shape.p * shape.q * shape.k * (pairs / DIRECT_PEAK + each)
    if operation == "wgrad" or not _filter_vectorized(shape, operation, dtype):
        return gathered
    return min(gathered, zoned_cost(shape, operation, dtype))


def zoned_cost(shape, operation, dtype):
    """What the products cost that outputs meet, filters as lanes."""
    channels, filters = (shape.k, shape.c) if operation == "dgrad" else (shape.c, shape.k)
    outputs = shape.n * (shape.h * shape.w if operation == "dgrad" else shape.p * shape.q)
    correlations = dgrad_correlations(shape)[0] if operation == "dgrad" else (fprop_correlation(shape),)
    rows, vectors = zone_tile(filters // shape.groups, lanes(dtype))
    width, filters = vectors * lanes(dtype), filters // shape.groups
    blocks = -(-filters // width)
    products = reading(correlations, blocks, rows)[-1] * (channels // shape.groups) if correlations else 0
    return shape.groups * (products * blocks * width / DIRECT_PEAK + outputs * filters * ZONED_OUTPUT)


def _whole(size, multiple):
    return -(-size // multiple) * multiple
