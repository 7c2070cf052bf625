"""Which tile computes a product of matrices on a multiprocessor's time: a model of costs, counted and not yet timed.

A block multiplies a tile of `rows` x `columns` whether or not the matrices fill it. A multiprocessor multiplies at full
speed when enough warps take turns; its blocks come in rounds, and the last round counts like a full one.
"""

from functools import lru_cache
from typing import NamedTuple


class Shape(NamedTuple):
    """A tile of results, its threads (8 x 8 results each), and the blocks a multiprocessor is to hold at once."""

    rows: int
    columns: int
    threads: int
    resident: int
    share: float
    """Of the main loop's instructions those that multiply (sm_80; bench/sass.py counts them)."""


SHAPES = {
    4: (
        Shape(128, 128, 256, 2, 0.85),
        Shape(128, 64, 128, 4, 0.84),
        Shape(64, 128, 128, 4, 0.82),
        Shape(64, 64, 64, 8, 0.81),
    ),
    8: (Shape(64, 64, 64, 4, 0.76),),
}
"""By bytes of an element. float64 takes two registers a result."""

BUSY_WARPS = 8
"""Warps that keep a multiprocessor multiplying: two for each of its four schedulers."""

PLAIN = 13
"""Instructions for one product in the inner loop of the plain forward kernel (sm_80: 51 for 4)."""


@lru_cache(maxsize=1024)
def best_shape(itemsize, groups, rows, columns, multiprocessors):
    """The cheapest tile for `groups` results of rows x columns; of equals the largest."""
    return min(SHAPES[itemsize], key=lambda shape: cost(shape, groups, rows, columns, multiprocessors))


def cost(shape, groups, rows, columns, multiprocessors):
    """Instructions for one row of the depth on the multiprocessor with most blocks, idle slots counted."""
    blocks = groups * -(-rows // shape.rows) * -(-columns // shape.columns)
    rounds = -(-blocks // multiprocessors)
    warps = min(rounds, shape.resident) * shape.threads // 32
    return rounds * shape.rows * shape.columns / shape.share / min(1, warps / BUSY_WARPS)


@lru_cache(maxsize=1024)
def pays(itemsize, groups, rows, columns, depth, chunk):
    """Whether a tile multiplies the matrices with fewer instructions than the plain kernels, zeros included."""

    def multiplied(shape):
        padded = groups * -(-rows // shape.rows) * shape.rows * -(-columns // shape.columns) * shape.columns
        return padded * -(-depth // chunk) * chunk / shape.share

    return min(map(multiplied, SHAPES[itemsize])) < PLAIN * groups * rows * columns * depth
