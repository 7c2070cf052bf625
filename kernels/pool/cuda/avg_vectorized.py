"""Average pooling of narrow windows on CUDA, vectorized: four neighboring windows a thread, or the inputs under four.

The bits are those of avg.py: sums are added in the same order. Bytes a launch: x and y once; rows that several rows of
windows share come from the caches the second time.
"""

from functools import lru_cache

import numpy as np

from ...cuda import gemm_tile, vectorized_rows
from ...cuda.launch import cuda, each, int32, numba_type, uint32
from ...cuda.vectorized_rows import FOUR
from .overflow import is_finite, sum_of_quotients
from .vectorized import BackwardRow, add_covering_windows, add_taps, forward_row, vectors_reach_rows
from .windows import counted, offset_of, position_of, scalars_with_ends


def avg_pool(g, x, count_include_pad, divisor, y):
    """As avg.avg_pool, of windows that vectorized.supports."""
    kernel, threads, position, shape = _forward_plan(g, x.dtype)
    flags = vectors_reach_rows(g.w.size, x), vectors_reach_rows(g.w.windows, y)
    each(kernel, threads, x, y, *flags, *position, count_include_pad, divisor, *shape)


def avg_pool_input_grad(g, dy, count_include_pad, divisor, dx):
    """As avg.avg_pool_input_grad, of windows that vectorized.supports."""
    kernel, threads, position, shape = _backward_plan(g, dx.dtype)
    flags = vectors_reach_rows(g.w.size, dx), vectors_reach_rows(g.w.windows, dy)
    each(kernel, threads, dy, dx, *flags, *position, count_include_pad, divisor, *shape)


@lru_cache(maxsize=1024)
def _forward_plan(g, dtype):
    """(kernel, threads, arguments for the thread's position, arguments for the shape)."""
    row, corner = forward_row(g.w)
    columns = -(-g.w.windows // FOUR)
    threads = g.n * g.c * g.d.windows * g.h.windows * columns
    shape = scalars_with_ends(g)
    return avg_pool_kernel(row, numba_type(dtype)), threads, (threads, columns, corner), shape


@lru_cache(maxsize=1024)
def _backward_plan(g, dtype):
    """(kernel, threads, arguments for the thread's position, arguments for the shape)."""
    row, columns = BackwardRow(g.w.taps, g.w.stride, g.w.pad_before), -(-g.w.size // (FOUR * g.w.stride))
    threads = g.n * g.c * g.d.size * g.h.size * columns
    shape = scalars_with_ends(g)
    return avg_pool_grad_kernel(row, numba_type(dtype)), threads, (threads, columns), shape


@lru_cache
def avg_pool_kernel(row, dtype):
    """The kernel for a row of windows and a type."""
    taps, stride, lead, count = *row, row.count
    span = FOUR * count

    def avg_pool_vectorized(
        x, y, vectors, reachable, threads, columns, corner, count_include_pad, divisor, back, bottom, right,
        D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
    ):  # fmt: skip
        """x (planes, D, H, W), y (planes, Z, P, Q); thread (plane, z, p, group) computes four of y's row."""
        inputs = cuda.local.array(span, dtype)
        totals = cuda.local.array(FOUR, dtype)
        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        plane, z, p, group = position_of(i, Z, P, columns)
        column, q = int32(group * int32(FOUR * stride) - corner), int32(group * FOUR)
        d0, h0 = int32(z * st_d - front), int32(p * st_h - top)
        gemm_tile.zero(totals, FOUR)
        # add up the taps, a row at a time
        d = max(d0, int32(0))
        while d < min(int32(d0 + T), D):
            h = max(h0, int32(0))
            while h < min(int32(h0 + R), H):
                at = uint32(offset_of(plane, d, h, 0, D, H, W) + uint32(column))
                vectorized_rows.load_row_vectors(inputs, x, at, column, W, vectors, count)
                add_taps(totals, inputs, lead, taps, stride)
                h = int32(h + 1)
            d = int32(d + 1)
        # divide and store
        rows = counted(d0, T, front, D, back, count_include_pad) * counted(h0, R, top, H, bottom, count_include_pad)
        j = int32(0)
        while j < FOUR:
            w0 = int32(int32(q + j) * stride - left)
            number = int32(rows * counted(w0, S, left, W, right, count_include_pad)) if divisor == 0 else divisor
            totals[j] /= np.float32(number)
            j = int32(j + 1)
        out = offset_of(plane, z, p, q, Z, P, Q)
        vectorized_rows.store_row_vectors(y, out, q, Q, reachable, totals, 1)
        # means whose sum overflows
        finite = is_finite(totals[0]) and is_finite(totals[1]) and is_finite(totals[2]) and is_finite(totals[3])
        j = int32(0)
        while not finite and j < min(int32(FOUR), int32(Q - q)):
            w0, one, at = int32(int32(q + j) * stride - left), int32(1), uint32(out + uint32(j))
            if not is_finite(y[at]):
                number = int32(rows * counted(w0, S, left, W, right, count_include_pad)) if divisor == 0 else divisor
                quotient_by = np.float32(number)
                y[at] = sum_of_quotients(x, quotient_by, plane, d0, h0, w0, T, R, S, one, one, one, D, H, W)
            j = int32(j + 1)

    avg_pool_vectorized.__name__ = avg_pool_vectorized.__qualname__ = f"avg_pool_vectorized_{taps}_{stride}_{lead}"
    return cuda.jit(cache=True)(avg_pool_vectorized)


@lru_cache
def avg_pool_grad_kernel(row, dtype):
    """The kernel for a row of windows and a type."""
    (taps, stride, pad_before), windows, count = row, row.windows, row.count
    lead, nearest = row.lead, row.nearest
    span, covered = FOUR * count, FOUR * stride

    def avg_pool_grad_vectorized(
        dy, dx, vectors, reachable, threads, columns, count_include_pad, divisor, back, bottom, right,
        D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
    ):  # fmt: skip
        """dy (planes, Z, P, Q), dx (planes, D, H, W); thread (plane, d, h, group) computes 4 st_w of dx's row."""
        gradients = cuda.local.array(span, dtype)
        counts = cuda.local.array(windows, int32)
        totals = cuda.local.array(covered, dtype)
        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        plane, d, h, group = position_of(i, D, H, columns)
        q = int32(group * FOUR + int32(nearest - lead))
        gemm_tile.zero(totals, covered)
        # columns of each covering window that count
        k = int32(0)
        while k < windows:
            w0 = int32(int32(q + int32(lead + k)) * stride - left)
            counts[k] = counted(w0, S, left, W, right, count_include_pad)
            k = int32(k + 1)
        # add the quotients of the covering windows, row by row
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
                add_covering_windows(totals, gradients, taps, stride, pad_before)
                p = int32(p + 1)
            z = int32(z + 1)
        # store 4 st_w positions
        w = int32(group * covered)
        vectorized_rows.store_row_vectors(dx, offset_of(plane, d, h, w, D, H, W), w, W, vectors, totals, stride)

    name = f"avg_pool_grad_vectorized_{taps}_{stride}_{pad_before}"
    avg_pool_grad_vectorized.__name__ = avg_pool_grad_vectorized.__qualname__ = name
    return cuda.jit(cache=True)(avg_pool_grad_vectorized)
