"""Rows of classes on the CPU: what softmax and the losses of class labels share.

x is (outer, classes, inner), C-contiguous and flat; row i holds the classes of one sample and position, x[start + c *
inner] with start = row_start(i, classes, inner). A kernel copies a row into contiguous scratch memory first, so that
the loops over classes vectorize whichever axis the classes lie along. Scratch rows are padded to whole vectors.
"""

import math
from functools import lru_cache

import numpy as np
from numba import njit

from ...core.scalar_math import ZERO, exp_nonpositive
from ...cpu.reduce import BLOCK_TERMS, block_sum, sum_in_blocks
from ...cpu.simd import lanes_of, load, maximum, reduce_max, splat
from ...cpu.simd_compare import lane_sum, multiply_add, subtract, where_equal
from ...cpu.simd_rows import PREFETCH_DISTANCE, copy_row, prefetch_row
from .. import scalar

ELEMENTS_PER_EXPONENTIAL = 4
"""Work of an exponential, in elements copied (Zen 3, 2026-11)."""

ENOUGH = 1.5
"""Of a sum of powers over that, a third or more is others than the maximum's: they keep their digits in it."""

CHUNK = 16
"""Elements of the constant-length inner loops, which LLVM turns into vectors without a scalar remainder."""


@njit(inline="always")
def row_start(i, classes, inner):
    """Offset of row i's first class in the flat array (outer, classes, inner)."""
    return np.uint64(i * classes if inner == 1 else i // inner * classes * inner + i % inner)


@njit(cache=True, nogil=True)
def scratch_row(classes, like):
    """Uninitialized scratch memory for one row, in like's dtype: the classes, padded to whole chunks."""
    return np.empty((classes + CHUNK - 1) // CHUNK * CHUNK, like.dtype)


@njit(inline="always")
def _prefetch(x, start, classes, inner):
    """Prefetch the row that starts PREFETCH_DISTANCE elements further on, if the array reaches that far."""
    ahead = np.intp(start) + PREFETCH_DISTANCE
    prefetch_row(x, ahead, classes if (inner == 1) & (ahead < x.size) else 0)


@njit(inline="always")
def load_row(x, start, classes, inner, row, padding):
    """row[c] = x[start + c inner] for c < classes, the given number in the padding.

    Logits are padded with one of themselves: a number whose exponential underflows would cost hundreds of cycles.
    """
    last_chunk = np.uint64(row.size - CHUNK)
    for i in range(CHUNK):
        row[last_chunk + np.uint64(i)] = padding
    copy_row(row, 0, x, np.intp(start), classes if inner == 1 else 0)
    for c in range(0 if inner == 1 else classes):
        row[c] = x[start + np.uint64(c * inner)]
    _prefetch(x, start, classes, inner)


@njit(inline="always")
def store_row(row, classes, x, start, inner):
    """x[start + c inner] = row[c] for c < classes."""
    copy_row(x, np.intp(start), row, 0, classes if inner == 1 else 0)
    for c in range(0 if inner == 1 else classes):
        x[start + np.uint64(c * inner)] = row[c]
    _prefetch(x, start, classes, inner)


@njit(inline="always")
def row_maximum(row):
    """The largest element of a padded row; where one is NaN not always NaN, but then the exponentials' sum is."""
    lanes = lanes_of(row)
    best, other = load(row, 0), load(row, row.size - lanes)
    for c in range(lanes, row.size - lanes, 2 * lanes):  # two independent chains
        best = maximum(load(row, c), best)
        other = maximum(load(row, min(c + lanes, row.size - lanes)), other)
    return reduce_max(maximum(best, other))


@njit(inline="always")
def product_of_differences(values, reference, powers):
    """The inner product of values - reference with the powers; padded rows."""
    lanes, total = lanes_of(powers), 0.0
    center = splat(powers, reference)
    for start in range(0, powers.size, BLOCK_TERMS):
        partial = splat(powers, 0)
        for c in range(start, min(start + BLOCK_TERMS, powers.size), lanes):
            partial = multiply_add(subtract(load(values, c), center), load(powers, c), partial)
        total += lane_sum(partial)
    return total


@njit(inline="always")
def sum_of_losses(factors, logits, maximum, log_total, losses):
    """sum_c factors_c (-log softmax_c); a class with factor 0 counts for nothing, also where its loss is infinite.

    losses is scratch memory: added within this loop, the parts of a loss might be reassociated.
    """
    for c in range(factors.size):
        losses[c] = scalar.weighted(factors[c], scalar.negative_log(logits[c], maximum, log_total))
    return sum_in_blocks(losses[: factors.size])


@njit(cache=True, nogil=True)
def rest_and_winners(powers):
    """The sum of the powers below 1, and how many are 1: those of the maximum."""
    lanes, total, winners = lanes_of(powers), 0.0, 0.0
    nothing, one = splat(powers, 0), splat(powers, 1)
    for start in range(0, powers.size, BLOCK_TERMS):
        partial, ones = nothing, nothing
        for c in range(start, min(start + BLOCK_TERMS, powers.size), lanes):
            terms = load(powers, c)
            partial = partial + where_equal(terms, one, nothing, terms)
            ones = ones + where_equal(terms, one, one, nothing)
        total += lane_sum(partial)
        winners += lane_sum(ones)
    return total, winners


@njit(inline="always")
def value_of_winners(powers, values):
    """The mean of the values whose powers are 1, of the last one in each lane of a vector; NaN without any."""
    lanes = lanes_of(powers)
    nothing, one = splat(powers, 0), splat(powers, 1)
    chosen, winners = nothing, nothing
    for c in range(0, powers.size, lanes):
        terms = load(powers, c)
        chosen, winners = where_equal(terms, one, load(values, c), chosen), where_equal(terms, one, one, winners)
    return lane_sum(chosen) / lane_sum(winners)


@njit(inline="always")
def exponentials(row, classes, powers):
    """powers = exp(row - max(row)), 0 in the padding; returns (sum of all powers but one of the maximum's, max(row)).

    The sum of all is 1 more. Where it is all but 1, the logarithm and 1 - softmax need what that sum would lose.
    powers must not be row: LLVM would not vectorize the loop.
    """
    maximum = row_maximum(row)
    for chunk in range(row.size // CHUNK):
        start = np.uint64(chunk * CHUNK)
        for i in range(CHUNK):
            j = start + np.uint64(i)
            power = exp_nonpositive(row[j] - maximum)
            powers[j] = power if j < np.uint64(classes) else ZERO
    total = np.float64(block_sum(powers)) if powers.size <= BLOCK_TERMS else sum_in_blocks(powers)
    if total > ENOUGH:  # nothing to lose
        return total - 1.0, maximum
    rest, winners = rest_and_winners(powers)
    return rest + (winners - 1.0), maximum


@njit(inline="always")
def log_of_total(rest, like):
    """log(1 + rest), in like's type: by the quicker logarithm where 1 + rest has the digits."""
    if rest > ENOUGH - 1.0:
        return like.dtype.type(math.log(like.dtype.type(1.0 + rest)))
    return like.dtype.type(math.log1p(rest))


def class_weights(x, weight):
    """The weights of the classes of x (outer, classes, inner), ones for None."""
    return _ones(x.shape[1], x.dtype) if weight is None else weight


@lru_cache(maxsize=64)
def _ones(classes, dtype):
    return np.ones(classes, dtype)
