"""Maximum pooling of narrow windows on CUDA, vectorized: four neighboring windows a thread, or the inputs under four.

The bits are those of max.py: rows of windows are met in the same order. Bytes a launch: x, y and the mask once; rows
that several rows of windows share come from the caches the second time.
"""

from functools import lru_cache

import numpy as np

from ...cuda import gemm_tile, vectorized_rows
from ...cuda.launch import cuda, each, int32, numba_type, uint32
from ...cuda.vectorized_rows import FOUR
from ..scalar import is_new_maximum
from .vectorized import BackwardRow, add_won_windows, forward_row, vectors_reach_rows
from .windows import offset_of, position_of, scalars, window_at

LOWEST = np.float32(-np.inf)


def max_pool(g, x, y, mask):
    """As max.max_pool, of windows that vectorized.supports."""
    kernel, threads, arguments = _forward_plan(g, x.dtype)
    vectors, reachable = vectors_reach_rows(g.w.size, x), vectors_reach_rows(g.w.windows, y, mask)
    each(kernel, threads, x, y, mask, vectors, reachable, *arguments)


def max_pool_input_grad(g, dy, mask, dx):
    """As max.max_pool_input_grad, of windows that vectorized.supports."""
    kernel, threads, arguments = _backward_plan(g, dx.dtype)
    vectors, reachable = vectors_reach_rows(g.w.size, dx), vectors_reach_rows(g.w.windows, dy, mask)
    each(kernel, threads, dy, mask, dx, vectors, reachable, *arguments)


@lru_cache(maxsize=1024)
def _forward_plan(g, dtype):
    """(kernel, threads, the arguments that follow from the shape)."""
    row, corner = forward_row(g.w)
    columns = -(-g.w.windows // FOUR)
    threads = g.n * g.c * g.d.windows * g.h.windows * columns
    return max_pool_kernel(row, numba_type(dtype)), threads, (threads, columns, corner, *scalars(g))


@lru_cache(maxsize=1024)
def _backward_plan(g, dtype):
    """(kernel, threads, the arguments that follow from the shape)."""
    row, columns = BackwardRow(g.w.taps, g.w.stride, g.w.pad_before), -(-g.w.size // (FOUR * g.w.stride))
    threads = g.n * g.c * g.d.size * g.h.size * columns
    return max_pool_grad_kernel(row, numba_type(dtype)), threads, (threads, columns, *scalars(g))


@lru_cache
def max_pool_kernel(row, dtype):
    """The kernel for a row of windows and a type."""
    taps, stride, lead, count = *row, row.count
    span, lowest = FOUR * count, dtype(LOWEST)

    def max_pool_vectorized(
        x, y, mask, vectors, reachable, threads, columns, corner,
        D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
    ):  # fmt: skip
        """x (planes, D, H, W), y and mask (planes, Z, P, Q); thread (plane, z, p, group) computes four of y's row."""
        inputs = cuda.local.array(span, dtype)
        best = cuda.local.array(FOUR, dtype)
        winner = cuda.local.array(FOUR, int32)
        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        plane, z, p, group = position_of(i, Z, P, columns)
        # first input column under the thread's windows
        column = int32(group * int32(FOUR * stride) - corner)
        j = int32(0)
        while j < FOUR:
            best[j], winner[j] = lowest, int32(-1)
            j = int32(j + 1)
        # compare tap by tap, a row of taps (t, r) at a time
        tap = int32(0)
        while tap < T * R:
            d, h = int32(z * st_d - front + tap // R * d_d), int32(p * st_h - top + tap % R * d_h)
            if 0 <= d < D and 0 <= h < H:
                at = uint32(offset_of(plane, d, h, 0, D, H, W) + uint32(column))
                vectorized_rows.load_row_vectors(inputs, x, at, column, W, vectors, count)
                s = int32(0)
                while s < taps:
                    j = int32(0)
                    while j < FOUR:
                        k = int32(lead + j * stride + s)
                        inside = uint32(column + k) < uint32(W)
                        if inside and (winner[j] < 0 or is_new_maximum(inputs[k], best[j])):
                            best[j], winner[j] = inputs[k], int32(tap * S + s)
                        j = int32(j + 1)
                    s = int32(s + 1)
            tap = int32(tap + 1)
        # store; windows without a valid tap have winner 0
        j = int32(0)
        while j < FOUR:
            winner[j] = max(winner[j], int32(0))
            j = int32(j + 1)
        q = int32(group * FOUR)
        at = offset_of(plane, z, p, q, Z, P, Q)
        vectorized_rows.store_row_vectors(y, at, q, Q, reachable, best, 1)
        vectorized_rows.store_row_vectors(mask, at, q, Q, reachable, winner, 1)

    max_pool_vectorized.__name__ = max_pool_vectorized.__qualname__ = f"max_pool_vectorized_{taps}_{stride}_{lead}"
    return cuda.jit(cache=True)(max_pool_vectorized)


@lru_cache
def max_pool_grad_kernel(row, dtype):
    """The kernel for a row of windows and a type."""
    (taps, stride, pad_before), count = row, row.count
    lead, nearest = row.lead, row.nearest
    span, covered = FOUR * count, FOUR * stride

    def max_pool_grad_vectorized(
        dy, mask, dx, vectors, reachable, threads, columns,
        D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
    ):  # fmt: skip
        """dy and mask (planes, Z, P, Q), dx (planes, D, H, W); thread (plane, d, h, group) computes 4 st_w of a row."""
        gradients = cuda.local.array(span, dtype)
        winners = cuda.local.array(span, int32)
        totals = cuda.local.array(covered, dtype)
        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        plane, d, h, group = position_of(i, D, H, columns)
        q = int32(group * FOUR + int32(nearest - lead))
        gemm_tile.zero(totals, covered)
        # rows of taps from the last to the first meet the windows in row-major order
        tap = int32(T * R - 1)
        while tap >= 0:
            z = window_at(d, int32(tap // R), front, st_d, d_d, Z)
            p = window_at(h, int32(tap % R), top, st_h, d_h, P)
            if z >= 0 and p >= 0:
                at = uint32(offset_of(plane, z, p, 0, Z, P, Q) + uint32(q))
                vectorized_rows.load_row_vectors(gradients, dy, at, q, Q, reachable, count)
                vectorized_rows.load_row_vectors(winners, mask, at, q, Q, reachable, count)
                add_won_windows(totals, gradients, winners, int32(tap * S), taps, stride, pad_before)
            tap = int32(tap - 1)
        # store 4 st_w positions
        w = int32(group * covered)
        vectorized_rows.store_row_vectors(dx, offset_of(plane, d, h, w, D, H, W), w, W, vectors, totals, stride)

    name = f"max_pool_grad_vectorized_{taps}_{stride}_{pad_before}"
    max_pool_grad_vectorized.__name__ = max_pool_grad_vectorized.__qualname__ = name
    return cuda.jit(cache=True)(max_pool_grad_vectorized)
