"""Tile configurations of the implicit GEMMs, and the cost model that chooses one: counted instructions, tried on a GPU.

On an H200 (2026-11, `python -m gpuconv.bench.choices`) its choice was the quickest tile, or took up to 1.08 times as
long, in the forward pass and the input gradient of the standard layers.

A block multiplies a tile of `rows` x `columns` whether or not the matrices fill it. A multiprocessor multiplies at full
speed when enough warps take turns; its blocks come in rounds, and the last round counts like a full one.
"""

from functools import lru_cache
from typing import NamedTuple


class TileConfig(NamedTuple):
    """A block tile of results, its threads (8 x 8 results each), and the blocks to be resident on a multiprocessor."""

    rows: int
    columns: int
    threads: int
    resident: int
    share: float
    """Share of FMA among the main loop's instructions (sm_80; bench/sass.py counts them)."""


TILES = {
    4: (
        TileConfig(128, 128, 256, 2, 0.85),
        TileConfig(128, 64, 128, 4, 0.84),
        TileConfig(64, 128, 128, 4, 0.82),
        TileConfig(64, 64, 64, 8, 0.81),
    ),
    8: (TileConfig(64, 64, 64, 4, 0.76),),
}
"""For the forward pass and the input gradient, by bytes of an element. float64 takes two registers a result."""

WGRAD_TILES = {
    4: (
        TileConfig(128, 128, 256, 2, 0.80),
        TileConfig(128, 64, 128, 3, 0.78),
        TileConfig(64, 128, 128, 3, 0.76),
        TileConfig(64, 64, 64, 6, 0.65),
    ),
    8: (TileConfig(64, 64, 64, 4, 0.71),),
}
"""For the weight gradient, whose smaller tiles take more than 128 registers a thread. Of the smallest 0.74 of the
instructions multiply, but it gathers twice as much for a product: on an H200 it took 1.05 times as long as 64 x 128 in
nine layers of ten (2026-11)."""

SCHEDULERS = 4
"""Warp schedulers of a multiprocessor."""

ONE_WARP_UTILIZATION = 0.6
"""Utilization of a scheduler that has one warp, two being enough for 1 (estimate)."""

MIN_SPLIT_LENGTH, MAX_SPLIT_LENGTH = 256, 16384
"""Depth of a split: enough to pay for storing its results, few enough for float32 to add in one chain."""

REDUCTION_COST = 8
"""Instructions that stand for adding one partial sum, which is bound by memory (estimate)."""

DIRECT_COST = 13
"""Instructions for one product in the inner loop of the direct forward kernel (sm_80: 51 for 4)."""


@lru_cache(maxsize=1024)
def best_tile(itemsize, groups, rows, columns, multiprocessors):
    """The cheapest tile for `groups` results of rows x columns; of equals the largest."""
    return min(TILES[itemsize], key=lambda tile: cost(tile, groups, rows, columns, multiprocessors))


def cost(tile, groups, rows, columns, multiprocessors):
    """Instructions for one row of the depth on the multiprocessor with most blocks, idle slots counted."""
    blocks = groups * -(-rows // tile.rows) * -(-columns // tile.columns)
    rounds = -(-blocks // multiprocessors)
    warps = min(rounds, tile.resident) * tile.threads / 32 / SCHEDULERS
    speed = (
        min(1, ONE_WARP_UTILIZATION + (1 - ONE_WARP_UTILIZATION) * (warps - 1))
        if warps > 1
        else ONE_WARP_UTILIZATION * warps
    )
    return rounds * tile.rows * tile.columns / tile.share / speed


def multiplied(itemsize, groups, rows, columns, depth, chunk):
    """Instructions of the tile that multiplies the matrices with the fewest, zeros included."""

    def of_tile(tile):
        padded = groups * -(-rows // tile.rows) * tile.rows * -(-columns // tile.columns) * tile.columns
        return padded * -(-depth // chunk) * chunk / tile.share

    return min(map(of_tile, TILES[itemsize]))


class SplitConfig(NamedTuple):
    """A tile, the blocks among which the sum of its results is split, and the depth of each split."""

    tile: TileConfig
    splits: int
    length: int


@lru_cache(maxsize=1024)
def best_split(itemsize, groups, rows, columns, depth, multiprocessors):
    """The SplitConfig for a sum over a long depth: the cheapest, of equals with the fewest splits."""
    plans = split_plans(itemsize, groups, rows, columns, depth)
    return min(plans, key=lambda plan: split_cost(plan, groups, rows, columns, multiprocessors))


def split_plans(itemsize, groups, rows, columns, depth):
    """Every SplitConfig."""
    splits = [_split(depth, splits) for splits in _splits(groups, rows, columns, depth)]
    return [SplitConfig(tile, *split) for tile in WGRAD_TILES[itemsize] for split in splits]


def split_cost(plan, groups, rows, columns, multiprocessors):
    """Instructions of a plan on the multiprocessor with most blocks, the reduction of the partial sums included."""
    tile, splits, length = plan
    added = 0 if splits == 1 else (splits + 1) * groups * rows * columns * REDUCTION_COST / multiprocessors
    return length * cost(tile, groups * splits, rows, columns, multiprocessors) + added


def _splits(groups, rows, columns, depth):
    """Powers of 2 that leave each split some work, chains of additions short and the partial sums addressable."""
    largest = min(max(1, depth // MIN_SPLIT_LENGTH), max(1, 2**30 // (groups * rows * columns)))
    counts = [1 << i for i in range(largest.bit_length())]
    return [count for count in counts if -(-depth // count) <= MAX_SPLIT_LENGTH] or counts[-1:]


def _split(depth, splits):
    """(splits, length of each, a multiple of 8); rounding up may leave fewer splits than asked for."""
    length = -(-depth // splits // 8) * 8
    return -(-depth // length), length
