"""Gradients of layer and group normalization of short rows on the CPU, in one pass over samples.

A sample is a row of its channels' elements, which are few to a channel: its groups are stretches of it. Sums over
samples are taken for each element in chunks of samples, whose number follows from the shape: the same bits for any
number of threads. Bytes a call: dy and x once (twice from the cache), dx once.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming, workspace
from ...cpu.simd import lanes_of, load, splat, store
from ...cpu.simd_compare import lane_sum, multiply_add, subtract
from ..scalar import normalized_grad

SHORT_ROW = 32
"""Elements of a channel up to which samples are rows: more do not pay (Granite Rapids, 2026-12)."""
MAX_ELEMENTS = 1 << 16
"""Of a sample: each chunk keeps two sums of each."""
MIN_GROUP = 16
"""Elements of a group."""
CHUNKS, CHUNK_SAMPLES, CHUNK_BYTES = 16, 4, 1 << 22
"""Chunks at most, samples of one at least, bytes of all sums at most."""
SAMPLES_IN_TYPE = 16
"""Samples whose terms are added in the arrays' type."""
BLOCK_TERMS = 512
"""Terms of a group that are added in the arrays' type, in vectors."""


def sample_gradients(dy, x, mean, inverse, weight, dx, dweight, dbias):
    """dx, dweight and dbias for x (N, C, L) and statistics (N, G), where rows and samples are short.

    Whether they are computed, and all of them finite numbers: differences of large numbers may have overflowed.
    """
    samples, size, groups = x.shape[0], x.shape[1] * x.shape[2], mean.shape[1]
    is_short = x.shape[2] <= SHORT_ROW and MIN_GROUP * groups <= size <= MAX_ELEMENTS and samples > 1
    if not is_short or x.dtype.kind != "f":
        return False
    weights = _ones(x.shape[1], x.dtype) if weight is None else weight
    weights = weights if x.shape[2] == 1 else np.repeat(weights, x.shape[2])
    rows = max(CHUNK_SAMPLES, -(-samples // CHUNKS), -(-16 * samples * size // CHUNK_BYTES))
    chunks = -(-samples // rows)
    sums, finite = np.zeros((2, chunks, size)), np.ones(chunks, np.bool_)
    matrices = (a.reshape(samples, size) for a in (dy, x))
    _sample_gradients(
        chunks, 2 * x.size, *matrices, mean, inverse, weights, rows, dx.reshape(samples, size), sums, finite
    )
    _add_chunks(1, sums.size, sums, x.shape[2], dbias, dweight, finite)
    return bool(finite[0])


@lru_cache(maxsize=64)
def _ones(count, dtype):
    return np.ones(count, dtype)


@streaming
def _sample_gradients(dy, x, mean, inverse, weights, rows, dx, sums, finite, thread, threads):
    """dy, x and dx (N, E), statistics (N, G), weights (E,), sums (2, chunks, E) of dy and dy xhat; finite (chunks,)."""
    size, groups = x.shape[1], mean.shape[1]
    length, per_term = size // groups, groups / size
    slopes, leans = workspace(size, dx), workspace(size, dx)
    flat_dy, flat_x, flat_dx = dy.reshape(-1), x.reshape(-1), dx.reshape(-1)
    first, last = share(finite.size, thread, threads)
    for chunk in range(first, last):
        start = chunk * rows
        for top in range(start, min(start + rows, x.shape[0]), SAMPLES_IN_TYPE):
            slopes[:], leans[:] = 0, 0
            for n in range(top, min(top + SAMPLES_IN_TYPE, start + rows, x.shape[0])):
                for g in range(groups):
                    offset, center, scale = n * size + g * length, mean[n, g], inverse[n, g]
                    total, product = _sums(
                        flat_dy, flat_x, offset, center, scale, weights, slopes, leans, g * length, length
                    )  # fmt: skip
                    slope, lean = dx.dtype.type(total * per_term), dx.dtype.type(product * per_term)
                    finite[chunk] &= np.isfinite(slope) & np.isfinite(lean)
                    _write(
                        flat_dy, flat_x, offset, center, scale, weights, g * length, slope, lean, flat_dx, length
                    )  # fmt: skip
            for i in range(size):
                sums[0, chunk, i] += slopes[i]
                sums[1, chunk, i] += leans[i]


@njit(inline="always")
def _sums(dy, x, offset, mean, inverse, weights, slopes, leans, first, length):
    """The sums of weight dy and weight dy xhat over a group; dy and dy xhat are added to slopes and leans."""
    lanes, total, product = lanes_of(x), 0.0, 0.0
    center, scale = splat(x, mean), splat(x, inverse)
    whole = length // lanes * lanes
    for block in range(0, whole, BLOCK_TERMS):
        partial, lean = splat(x, 0), splat(x, 0)
        for i in range(block, min(block + BLOCK_TERMS, whole), lanes):
            delta = load(dy, offset + i)
            xhat = subtract(load(x, offset + i), center) * scale
            weighted = delta * load(weights, first + i)
            partial, lean = partial + weighted, multiply_add(weighted, xhat, lean)
            store(slopes, first + i, load(slopes, first + i) + delta)
            store(leans, first + i, multiply_add(delta, xhat, load(leans, first + i)))
        total += lane_sum(partial)
        product += lane_sum(lean)
    for i in range(whole, length):
        delta, xhat = dy[offset + i], (x[offset + i] - mean) * inverse
        total += weights[first + i] * delta
        product += weights[first + i] * delta * xhat
        slopes[first + i] += delta
        leans[first + i] += delta * xhat
    return total, product


@njit(inline="always")
def _write(dy, x, offset, mean, inverse, weights, first, slope, lean, dx, length):
    """dx = (weight dy - slope - xhat lean) inverse of a group."""
    lanes, center, scale = lanes_of(x), splat(x, mean), splat(x, inverse)
    shift, factor = splat(x, -slope), splat(x, -lean)
    whole = length // lanes * lanes
    for i in range(0, whole, lanes):
        xhat = subtract(load(x, offset + i), center) * scale
        gradient = multiply_add(load(dy, offset + i), load(weights, first + i), multiply_add(xhat, factor, shift))
        store(dx, offset + i, gradient * scale)
    for i in range(whole, length):
        dx[offset + i] = normalized_grad(
            dy[offset + i], x[offset + i], mean, inverse, weights[first + i], slope, lean
        )  # fmt: skip


@streaming
def _add_chunks(sums, row, dbias, dweight, finite, thread, threads):
    """dbias[c] and dweight[c] = the sums over the chunks and the `row` elements of a channel; finite[0]: all are."""
    totals, all_finite = np.zeros(sums.shape[2]), True
    for chunk in range(finite.size):
        all_finite &= finite[chunk]
    for side in range(2):
        totals[:] = 0
        for chunk in range(sums.shape[1]):
            for i in range(totals.size):
                totals[i] += sums[side, chunk, i]
        result = dbias if side == 0 else dweight
        for c in range(result.size):
            total = 0.0
            for i in range(c * row, (c + 1) * row):
                total += totals[i]
            result[c] = total
            all_finite &= np.isfinite(result[c])
    finite[0] = all_finite
