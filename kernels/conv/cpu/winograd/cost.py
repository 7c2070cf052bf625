"""What Winograd's algorithm costs: multiply-adds of one lane, of which a core begins 32 in a cycle with AVX-512.

What a transform costs was measured on a Zen 5 with AVX-512 (2026-11, two cores), as was the share of the FMA peak that
the products reach.
"""

import math

from ....core.memory import POOLED_MAX_BYTES
from .correlate import BLOCK_FILTERS, LIMITS, PRODUCT_CHANNELS
from .taps import taps_of
from .transforms import TILE_POSITIONS, outputs_of
from .wgrad_sums import STEP_TILES, UNIT_CHANNELS

INPUT_TILE = 800  # a tile of a channel: gathered, transformed, stored
OUTPUT_TILE = 800  # a tile of a filter's outputs (Xeon, where this and the next were measured)
TILE_ELEMENT = 7  # a transformed input, read again for each block of filters
GUARDED_INPUT = 25  # an input, looked at for outliers
GRADIENT_TILE = 700  # a tile of a filter's gradient
INPUT_GATHERED = 1000  # a tile's inputs of a dilated row, one by one
OUTPUT_SCATTERED = 50  # an output of a dilated row, stored by itself
FILTER_TRANSFORM = {3: 900, 5: 1500}  # a filter's taps in a channel, by taps along an axis
SUM_TRANSFORM = {3: 900, 5: 1600}  # the sums of a filter and a channel
MEMORY_ELEMENT = 40  # read and written in memory
PEAK = 0.87  # share of the FMA peak that the products reach
START_STEPS = 6  # in whose time a product of few steps begins and ends
TRANSFORM_LANES = 16  # channels and filters that a transform of the weight gradient takes at a time
TILE_FILTERS, TILE_COLUMNS = 8, 32  # filters and tiles that a register tile has; in wgrad channels and filters


def cost(shape, operation):
    """What Winograd's algorithm costs; infinity where sums over several tasks would take too much memory."""
    taps, phases, backward, groups = taps_of(shape), shape.stride_h**2, operation == "dgrad", shape.groups
    height, width = (-(-shape.h // shape.stride_h), -(-shape.w // shape.stride_w)) if backward else (shape.p, shape.q)
    edge, (apart_h, apart_w) = outputs_of(taps), (shape.dilation_h, shape.dilation_w)
    tiles = shape.n * apart_h * apart_w * -(-height // (apart_h * edge)) * -(-width // (apart_w * edge))
    channels, filters = shape.c // groups, shape.k // groups
    channels, filters = (filters, channels * phases) if backward else (channels * phases, filters)
    if operation == "wgrad":
        gathered = tiles * (channels + filters) * INPUT_GATHERED if apart_w > 1 else 0
        return groups * (_wgrad_cost(taps, tiles, channels, filters) + gathered)
    times = max(1, TILE_POSITIONS * tiles * channels // LIMITS.shared_elements)
    start = 1 + START_STEPS / min(channels, PRODUCT_CHANNELS)
    products = _whole(tiles, TILE_COLUMNS) * channels * _whole(filters, TILE_FILTERS) * start
    outputs = OUTPUT_TILE + OUTPUT_SCATTERED * edge**2 * (apart_w > 1)
    transforms = tiles * (channels * (INPUT_TILE + INPUT_GATHERED * (apart_w > 1)) + filters * outputs)
    filters_transformed = times * channels * filters * FILTER_TRANSFORM[taps]
    shared = channels * filters > LIMITS.private_products
    read_again = TILE_POSITIONS * tiles * channels * -(-filters // BLOCK_FILTERS) * TILE_ELEMENT if shared else 0
    guarded = shape.n * channels * height * width * GUARDED_INPUT
    return groups * (TILE_POSITIONS / PEAK * products + transforms + filters_transformed + read_again + guarded)


def _wgrad_cost(taps, tiles, channels, filters):
    """The cost of a weight gradient, by tiles and phases of channels and filters."""
    private = _whole(channels, UNIT_CHANNELS) * _whole(filters, TILE_COLUMNS) <= LIMITS.private_products
    several = 0 if private else TILE_POSITIONS * tiles * (channels + filters) // LIMITS.at_once_elements
    if several and 4 * TILE_POSITIONS * channels * filters > POOLED_MAX_BYTES:
        return math.inf
    start = 1 + START_STEPS / min(tiles, STEP_TILES)
    products = tiles * _whole(channels, TILE_FILTERS) * _whole(filters, TILE_COLUMNS) * start
    sums = channels * filters * (SUM_TRANSFORM[taps] + several * TILE_POSITIONS * MEMORY_ELEMENT)
    gradients = _whole(filters, TRANSFORM_LANES if private else TILE_COLUMNS)
    transforms = _whole(channels, TRANSFORM_LANES) * INPUT_TILE + gradients * GRADIENT_TILE
    if not private:
        read_again = channels * -(-filters // TILE_COLUMNS) + filters * -(-channels // UNIT_CHANNELS)
        transforms += TILE_POSITIONS * read_again * TILE_ELEMENT
    return TILE_POSITIONS / PEAK * products + tiles * transforms + sums


def _whole(size, multiple):
    return -(-size // multiple) * multiple
