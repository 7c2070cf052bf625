"""Maximum pooling on CUDA in fours: a thread has four narrow windows side by side, or what four of them cover.

The results are max_pooling.py's, to the bit: rows of windows are met in the same order. Bytes a launch: x and y once,
and the mask; rows that several rows of windows share come from the caches the second time.
"""

from functools import lru_cache

import numpy as np

from ...cuda import gemm_tile, vectorized_rows
from ...cuda.launch import cuda, each, int32, numba_type, uint32
from ...cuda.vectorized_rows import FOUR
from ..scalar import is_new_maximum
from . import vectorized
from .vectorized import Covering, add_won, seen, whole
from .windows import offset_of, position_of, scalars, window_at

LOWEST = np.float32(-np.inf)


def max_pool(g, x, y, mask):
    """As max_pooling.max_pool."""
    (row, corner), columns = seen(g.w), -(-g.w.windows // FOUR)
    threads = y.size // g.w.windows * columns
    vectors, reachable = whole(g.w.size, x), whole(g.w.windows, y, mask)
    kernel = max_pool_kernel(row, numba_type(x.dtype))
    each(kernel, threads, x, y, mask, vectors, reachable, threads, columns, corner, *scalars(g))


def max_pool_input_grad(g, dy, mask, dx):
    """As max_pooling.max_pool_input_grad."""
    row = Covering(g.w.taps, g.w.stride, g.w.before)
    columns = -(-g.w.size // (FOUR * g.w.stride))
    threads = dx.size // g.w.size * columns
    vectors, reachable = whole(g.w.size, dx), whole(g.w.windows, dy, mask)
    kernel = max_pool_grad_kernel(row, numba_type(dx.dtype))
    each(kernel, threads, dy, mask, dx, vectors, reachable, threads, columns, *scalars(g))


@lru_cache
def max_pool_kernel(row, dtype):
    """The kernel for a row of windows and a type."""
    taps, stride, lead, count = *row, row.count
    span, lowest, fingerprint = FOUR * count, dtype(LOWEST), vectorized.FINGERPRINT

    def max_pool_fours(
        x, y, mask, vectors, reachable, threads, columns, corner,
        D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
    ):  # fmt: skip
        """x (planes, D, H, W), y and mask (planes, Z, P, Q); thread (plane, z, p, four) computes four of y's row."""
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        seen_by = cuda.local.array(span, dtype)
        best = cuda.local.array(FOUR, dtype)
        winner = cuda.local.array(FOUR, int32)
        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        plane, z, p, four = position_of(i, Z, P, columns)
        column = int32(four * int32(FOUR * stride) - corner)
        j = int32(0)
        while j < FOUR:
            best[j], winner[j] = lowest, int32(-1)
            j = int32(j + 1)
        tap = int32(0)  # t R + r
        while tap < T * R:
            d, h = int32(z * st_d - front + tap // R * d_d), int32(p * st_h - top + tap % R * d_h)
            if 0 <= d < D and 0 <= h < H:
                at = uint32(offset_of(plane, d, h, 0, D, H, W) + uint32(column))
                vectorized_rows.load_row_vectors(seen_by, x, at, column, W, vectors, count)
                s = int32(0)
                while s < taps:
                    j = int32(0)
                    while j < FOUR:
                        k = int32(lead + j * stride + s)
                        inside = uint32(column + k) < uint32(W)
                        if inside and (winner[j] < 0 or is_new_maximum(seen_by[k], best[j])):
                            best[j], winner[j] = seen_by[k], int32(tap * S + s)
                        j = int32(j + 1)
                    s = int32(s + 1)
            tap = int32(tap + 1)
        j = int32(0)
        while j < FOUR:
            winner[j] = max(winner[j], int32(0))
            j = int32(j + 1)
        q = int32(four * FOUR)
        at = offset_of(plane, z, p, q, Z, P, Q)
        vectorized_rows.store_row_vectors(y, at, q, Q, reachable, best, 1)
        vectorized_rows.store_row_vectors(mask, at, q, Q, reachable, winner, 1)

    max_pool_fours.__name__ = max_pool_fours.__qualname__ = f"max_pool_fours_{taps}_{stride}_{lead}"
    return cuda.jit(cache=True)(max_pool_fours)


@lru_cache
def max_pool_grad_kernel(row, dtype):
    """The kernel for a row of windows and a type."""
    (taps, stride, before), count = row, row.count
    lead, nearest, fingerprint = row.lead, row.nearest, vectorized.FINGERPRINT
    span, covered = FOUR * count, FOUR * stride

    def max_pool_grad_fours(
        dy, mask, dx, vectors, reachable, threads, columns,
        D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
    ):  # fmt: skip
        """dy and mask (planes, Z, P, Q), dx (planes, D, H, W); thread (plane, d, h, four) computes 4 st_w of a row."""
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        gradients = cuda.local.array(span, dtype)
        winners = cuda.local.array(span, int32)
        totals = cuda.local.array(covered, dtype)
        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        plane, d, h, four = position_of(i, D, H, columns)
        q = int32(four * FOUR + int32(nearest - lead))
        gemm_tile.zero(totals, covered)
        tap = int32(T * R - 1)
        while tap >= 0:  # from the last to the first, they meet the windows from the first to the last
            z = window_at(d, int32(tap // R), front, st_d, d_d, Z)
            p = window_at(h, int32(tap % R), top, st_h, d_h, P)
            if z >= 0 and p >= 0:
                at = uint32(offset_of(plane, z, p, 0, Z, P, Q) + uint32(q))
                vectorized_rows.load_row_vectors(gradients, dy, at, q, Q, reachable, count)
                vectorized_rows.load_row_vectors(winners, mask, at, q, Q, reachable, count)
                add_won(totals, gradients, winners, int32(tap * S), taps, stride, before)
            tap = int32(tap - 1)
        w = int32(four * covered)
        vectorized_rows.store_row_vectors(dx, offset_of(plane, d, h, w, D, H, W), w, W, vectors, totals, stride)

    max_pool_grad_fours.__name__ = max_pool_grad_fours.__qualname__ = f"max_pool_grad_fours_{taps}_{stride}_{before}"
    return cuda.jit(cache=True)(max_pool_grad_fours)
