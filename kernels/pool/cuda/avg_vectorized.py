"""Average pooling on CUDA in fours: a thread has four narrow windows side by side, or what four of them cover.

The results are avg_pooling.py's, to the bit: sums are added in the same order. Bytes a launch: x and y once; rows that
several rows of windows share come from the caches the second time.
"""

from functools import lru_cache

import numpy as np

from ...cuda import gemm_tile, vectorized_rows
from ...cuda.launch import cuda, each, int32, numba_type, uint32
from ...cuda.vectorized_rows import FOUR
from . import vectorized
from .vectorized import Covering, add_covering, add_seen, seen, whole
from .windows import counted, offset_of, position_of, scalars


def avg_pool(g, x, count_include_pad, divisor, y):
    """As avg_pooling.avg_pool."""
    (row, corner), columns = seen(g.w), -(-g.w.windows // FOUR)
    threads = y.size // g.w.windows * columns
    flags = whole(g.w.size, x), whole(g.w.windows, y)
    options = count_include_pad, divisor, g.d.after, g.h.after, g.w.after
    kernel = avg_pool_kernel(row, numba_type(x.dtype))
    each(kernel, threads, x, y, *flags, threads, columns, corner, *options, *scalars(g))


def avg_pool_input_grad(g, dy, count_include_pad, divisor, dx):
    """As avg_pooling.avg_pool_input_grad."""
    row = Covering(g.w.taps, g.w.stride, g.w.before)
    columns = -(-g.w.size // (FOUR * g.w.stride))
    threads = dx.size // g.w.size * columns
    flags = whole(g.w.size, dx), whole(g.w.windows, dy)
    options = count_include_pad, divisor, g.d.after, g.h.after, g.w.after
    each(
        avg_pool_grad_kernel(row, numba_type(dx.dtype)),
        threads,
        dy,
        dx,
        *flags,
        threads,
        columns,
        *options,
        *scalars(g),
    )


@lru_cache
def avg_pool_kernel(row, dtype):
    """The kernel for a row of windows and a type."""
    taps, stride, lead, count = *row, row.count
    span, fingerprint = FOUR * count, vectorized.FINGERPRINT

    def avg_pool_fours(
        x, y, vectors, reachable, threads, columns, corner, count_include_pad, divisor, back, bottom, right,
        D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
    ):  # fmt: skip
        """x (planes, D, H, W), y (planes, Z, P, Q); thread (plane, z, p, four) computes four of y's row."""
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        seen_by = cuda.local.array(span, dtype)
        totals = cuda.local.array(FOUR, dtype)
        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        plane, z, p, four = position_of(i, Z, P, columns)
        column, q = int32(four * int32(FOUR * stride) - corner), int32(four * FOUR)
        d0, h0 = int32(z * st_d - front), int32(p * st_h - top)
        gemm_tile.zero(totals, FOUR)
        d = max(d0, int32(0))
        while d < min(int32(d0 + T), D):
            h = max(h0, int32(0))
            while h < min(int32(h0 + R), H):
                at = uint32(offset_of(plane, d, h, 0, D, H, W) + uint32(column))
                vectorized_rows.load_row_vectors(seen_by, x, at, column, W, vectors, count)
                add_seen(totals, seen_by, lead, taps, stride)
                h = int32(h + 1)
            d = int32(d + 1)
        rows = counted(d0, T, front, D, back, count_include_pad) * counted(h0, R, top, H, bottom, count_include_pad)
        j = int32(0)
        while j < FOUR:
            w0 = int32(int32(q + j) * stride - left)
            number = int32(rows * counted(w0, S, left, W, right, count_include_pad)) if divisor == 0 else divisor
            totals[j] /= np.float32(number)
            j = int32(j + 1)
        vectorized_rows.store_row_vectors(y, offset_of(plane, z, p, q, Z, P, Q), q, Q, reachable, totals, 1)

    avg_pool_fours.__name__ = avg_pool_fours.__qualname__ = f"avg_pool_fours_{taps}_{stride}_{lead}"
    return cuda.jit(cache=True)(avg_pool_fours)


@lru_cache
def avg_pool_grad_kernel(row, dtype):
    """The kernel for a row of windows and a type."""
    (taps, stride, before), windows, count = row, row.windows, row.count
    lead, nearest, fingerprint = row.lead, row.nearest, vectorized.FINGERPRINT
    span, covered = FOUR * count, FOUR * stride

    def avg_pool_grad_fours(
        dy, dx, vectors, reachable, threads, columns, count_include_pad, divisor, back, bottom, right,
        D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
    ):  # fmt: skip
        """dy (planes, Z, P, Q), dx (planes, D, H, W); thread (plane, d, h, four) computes 4 st_w of dx's row."""
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        gradients = cuda.local.array(span, dtype)
        counts = cuda.local.array(windows, int32)
        totals = cuda.local.array(covered, dtype)
        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        plane, d, h, four = position_of(i, D, H, columns)
        q = int32(four * FOUR + int32(nearest - lead))
        gemm_tile.zero(totals, covered)
        k = int32(0)
        while k < windows:
            w0 = int32(int32(q + int32(lead + k)) * stride - left)
            counts[k] = counted(w0, S, left, W, right, count_include_pad)
            k = int32(k + 1)
        z = max(int32(0), int32((d + front - T + st_d) // st_d))
        while z < Z and z * st_d <= d + front:
            depths = counted(int32(z * st_d - front), T, front, D, back, count_include_pad)
            p = max(int32(0), int32((h + top - R + st_h) // st_h))
            while p < P and p * st_h <= h + top:
                rows = int32(depths * counted(int32(p * st_h - top), R, top, H, bottom, count_include_pad))
                at = uint32(offset_of(plane, z, p, 0, Z, P, Q) + uint32(q))
                vectorized_rows.load_row_vectors(gradients, dy, at, q, Q, reachable, count)
                k = int32(0)
                while k < windows:
                    number = divisor if divisor != 0 else int32(rows * counts[k])
                    gradients[lead + k] /= np.float32(number)
                    k = int32(k + 1)
                add_covering(totals, gradients, taps, stride, before)
                p = int32(p + 1)
            z = int32(z + 1)
        w = int32(four * covered)
        vectorized_rows.store_row_vectors(dx, offset_of(plane, d, h, w, D, H, W), w, W, vectors, totals, stride)

    avg_pool_grad_fours.__name__ = avg_pool_grad_fours.__qualname__ = f"avg_pool_grad_fours_{taps}_{stride}_{before}"
    return cuda.jit(cache=True)(avg_pool_grad_fours)
