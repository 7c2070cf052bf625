"""Whether Winograd's algorithm is quicker than direct convolution: a model of both, by the geometry alone.

Costs are in multiply-adds of one lane, of which a core begins 32 in a cycle with AVX-512. What a transform costs was
measured on a Zen 5 with AVX-512 (2026-11, two cores), as were the parts of the peak that products reach.
"""

import math
from functools import lru_cache

from ...core.memory import LARGEST
from .winograd import FEW, SHARED, STEPS
from .winograd_matrices import POSITIONS, outputs_of
from .winograd_taps import served, taps_of
from .winograd_wgrad import ALL, CHANNELS

TILE = 800  # for a tile of a channel: gathered, transformed, stored
OUTPUT = 400  # for a tile of a filter's outputs
GRADIENT = 700  # for a tile of a filter's gradient
FILTER = {3: 600, 5: 1100}  # for a filter's taps in a channel, by taps along an axis
SUM = {3: 900, 5: 1600}  # for the sums of a filter and a channel
MEMORY = 40  # for an element that is read and written in memory
PRODUCTS, DIRECT = 0.87, 0.88  # of the peak
RESULT = 60  # for a result of direct convolution: copied to where it belongs
MARGIN = 0.9  # of its cost, below which the algorithm is worth its digits
START = 6  # steps in whose time a product of few steps begins and ends
LANES = 16  # channels and filters are transformed so many at a time in the weight gradient
FILTERS, TILES = 8, 32  # filters and tiles are multiplied so many at a time; summing over tiles, channels and filters
SMALLEST = 1 << 22  # N P Q C K: up to there a call gains less than 0.3 ms (Zen 3, 2 cores), and must be compiled


@lru_cache(maxsize=1024)
def pays(g, operation):
    """Whether it does, for one of "fprop" and its gradients."""
    if not served(g) or g.n * g.p * g.q * g.c * g.k <= SMALLEST:
        return False
    return cost(g, operation) < MARGIN * direct_cost(g)


def direct_cost(g):
    """What direct convolution costs."""
    return g.n * g.p * g.q * g.k * (g.c * g.r * g.s / DIRECT + RESULT)


def cost(g, operation):
    """What Winograd's algorithm costs; infinitely much where sums over several tasks would take too much memory."""
    taps, phases, backward = taps_of(g), g.stride_h**2, operation == "dgrad"
    height, width = (-(-g.h // g.stride_h), -(-g.w // g.stride_w)) if backward else (g.p, g.q)
    edge = outputs_of(taps)
    tiles = g.n * -(-height // edge) * -(-width // edge)
    channels, filters = (g.k, g.c * phases) if backward else (g.c * phases, g.k)
    if operation == "wgrad":
        few = _whole(channels, CHANNELS) * _whole(filters, TILES) <= FEW
        several = 0 if few else POSITIONS * tiles * (channels + filters) // ALL
        if several and 4 * POSITIONS * channels * filters > LARGEST:
            return math.inf
        products = tiles * _whole(channels, FILTERS) * _whole(filters, TILES) * (1 + START / min(tiles, STEPS))
        sums = channels * filters * (SUM[taps] + several * POSITIONS * MEMORY)
        transforms = _whole(channels, LANES) * TILE + _whole(filters, LANES if few else TILES) * GRADIENT
        return POSITIONS / PRODUCTS * products + tiles * transforms + sums
    times = max(1, POSITIONS * tiles * channels // SHARED)
    products = _whole(tiles, TILES) * channels * _whole(filters, FILTERS) * (1 + START / min(channels, STEPS))
    transforms = tiles * (channels * TILE + filters * OUTPUT) + times * channels * filters * FILTER[taps]
    return POSITIONS / PRODUCTS * products + transforms


def _whole(size, multiple):
    return -(-size // multiple) * multiple
