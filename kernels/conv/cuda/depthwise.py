"""Depthwise convolution on CUDA: each filter reads one channel, so nothing is shared but the rows.

A thread walks down a column of the output with the taps in its registers; see `window`. It reads and writes in the
order of memory with its neighbours, loads each element of its rows once for all taps below each other, and adds in one
order: results are the same bits every time. The input gradient is the same walk with the rotated kernel, one launch for
each phase of the stride, in which a channel may sum the filters that read it.
"""

from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np

from ...core.scalar import activate, activate_grad
from ...cuda import gemm_tile, sliding_window
from ...cuda.launch import cuda, int32, multiprocessors, numba_type, tiles, uint32
from ...cuda.ptx import divide, reciprocal

THREADS = 256

VALUES = 84
"""Taps, loads of a step and outputs in the making that a thread can have in registers: float32 leaves 44 of 128 for
addresses and the epilogue, float64 more of 255.
"""

BESIDES = 44

FILE = 65536
"""Registers of a multiprocessor."""

LENGTHS = 32, 16, 8, 4
"""Outputs of a walk, the longest that leaves enough threads: it also walks over the rows above its first output."""

ENOUGH = 1024
"""Threads for each multiprocessor, half of what it can have resident."""


def values(rows, columns, stride):
    """The values that a walk keeps in registers: the taps, what a step loads, and the outputs in the making."""
    return rows * columns + min(rows, stride) * columns + sliding_window.ages(rows, stride)


def serves(g):
    """Whether the values of a correlation's walk fit into registers."""
    return values(g.a, g.b, path_of(g).stride) <= VALUES


def correlate_depthwise(g, n, w, x, bias, activation, factor, y):
    """Launch one correlation g of n images, as conv_tiles.correlate does; w is as the forward pass has it."""
    path = path_of(g)
    channels, phases, steps = g.groups * g.k, min(path.apart, g.u), -(-g.u // path.apart)
    length = walk(steps, n * channels * phases * g.v, multiprocessors(x))
    chunks = -(-steps // length)
    strips = phases * chunks
    threads = n * channels * strips * g.v
    before, code = factor
    nothing = x.reshape(-1)[:1]
    kernel = depthwise_kernel(g.a, g.b, path.stride, numba_type(x.dtype))
    tiles(
        kernel, -(-threads // THREADS), THREADS, x, w, nothing if bias is None else bias, bias is not None,
        *activation, nothing if before is None else before, code, y, threads,
        channels, g.k, g.c, g.h, g.w, g.u, g.v, strips, chunks, length, path.apart, g.st_h, g.st_w, path.h0, g.w0,
        path.d_h, g.d_w, g.taps, path.first_tap, path.tap_h, g.tap_w, g.plane, g.first, g.row, g.column,
        *(np.uint32(part) for divisor in (g.v, strips, chunks, g.k, channels) for part in reciprocal(divisor)),
    )  # fmt: skip


class Path(NamedTuple):
    """How a thread walks: outputs u, u + apart, ..., whose taps lie d_h > 0 rows apart, `stride` of these a step."""

    stride: int
    apart: int
    d_h: int
    h0: int
    first_tap: int
    tap_h: int


@lru_cache(maxsize=1024)
def path_of(g):
    """The shortest steps that bring taps onto rows where taps have been; a rotated kernel is turned round."""
    d_h, h0, first_tap, tap_h = g.d_h, g.h0, g.first_tap, g.tap_h
    if d_h < 0:
        d_h, h0, first_tap, tap_h = -d_h, h0 + (g.a - 1) * d_h, first_tap + (g.a - 1) * tap_h, -tap_h
    d_h = max(d_h, 1)  # a single tap is no distance from itself
    common = gcd(g.st_h, d_h)
    return Path(g.st_h // common, d_h // common, d_h, h0, first_tap, tap_h)


def walk(steps, columns, processors):
    """Outputs that a thread computes one after the other."""
    long_enough = [e for e in LENGTHS if columns * -(-steps // e) >= ENOUGH * processors]
    return min([*long_enough, LENGTHS[-1]][0], steps)


@lru_cache
def depthwise_kernel(rows, columns, stride, dtype):
    """The kernel for a kernel's size, the rows of a step and a type."""
    fingerprint, bytes_each = sliding_window.FINGERPRINT, dtype.bitwidth // 8
    loaded, making = min(rows, stride), sliding_window.ages(rows, stride)
    n_weights, n_window, oldest = rows * columns, loaded * columns, making - 1
    resident = FILE // THREADS // (BESIDES + bytes_each // 4 * values(rows, columns, stride))

    def conv2d_depthwise(
        x, w, bias, has_bias, activation, slope, before, factor, y, threads,
        channels, K, C, H, W, U, V, strips, chunks, length, apart, st_h, st_w, h0, w0,
        d_h, d_w, taps, first_tap, tap_h, tap_w, plane, first, row, column,
        v_factor, v_shift, strip_factor, strip_shift, chunk_factor, chunk_shift, k_factor, k_shift, gk_factor, gk_shift,
    ):  # fmt: skip
        """Correlation's equation, then y = f(y + bias[k]) and y f'(before), for `length` outputs of a column a thread.

        x (N, G C, H, W), w (G K, 1, R, S) or for the input gradient (G C, 1, R, S), y and before (N, G K, plane), bias
        (G K,). Thread i is (n, channel of y, strip, v), a strip every apart-th row from its first one. Several channels
        C are added up in y, one after the other.
        FLOPs: 2 N G K U V A B C. Bytes: w and y once (2 C - 1 times for C channels); x once, and the rows that two
        strips share, A - stride of them, twice.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        weights = cuda.local.array(n_weights, dtype)
        loads = cuda.local.array(n_window, dtype)
        sums = cuda.local.array(making, dtype)

        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        rest = divide(i, v_factor, v_shift)
        v = int32(i - uint32(rest * uint32(V)))
        image = divide(rest, strip_factor, strip_shift)  # n G K + channel
        strip = uint32(rest - uint32(image * uint32(strips)))
        phase = divide(strip, chunk_factor, chunk_shift)
        u0 = int32(int32(strip - uint32(phase * uint32(chunks))) * length * apart + int32(phase))
        group = divide(image, k_factor, k_shift)  # n G + group
        channel = uint32(image - uint32(divide(image, gk_factor, gk_shift) * uint32(channels)))
        j = int32(v * st_w + w0)

        c = int32(0)
        while c < C:
            w_at = uint32(int32(int32(channel) * C + c) * taps + first_tap)
            sliding_window.load_taps(weights, w, w_at, tap_h, tap_w, True, rows, columns)
            gemm_tile.zero(sums, making)
            u, h = int32(u0 - int32(oldest) * apart), int32(u0 * st_h + h0)
            x_at = uint32(uint32(uint32(uint32(group * uint32(C)) + uint32(c)) * uint32(H * W)) + uint32(h * W + j))
            y_at = uint32(uint32(image * uint32(plane)) + uint32(first + v * column + u * row))
            left = int32(length + int32(oldest))
            while left > 0 and u < U:
                sliding_window.load_window(
                    loads, x, x_at, uint32(d_h * W), h, d_h, H, uint32(d_w), j, d_w, W, True, loaded, columns
                )
                sliding_window.multiply_taps(sums, weights, loads, rows, columns, stride)
                if left <= length:
                    total = sums[oldest]
                    if c > 0:
                        total += y[y_at]
                    if c == int32(C - 1):
                        if has_bias:
                            total += bias[channel]
                        total = activate(total, activation, slope)
                        if factor:
                            total = activate_grad(total, before[y_at], factor, slope)
                    y[y_at] = total
                sliding_window.age(sums, making, 1)
                u, h, left = int32(u + apart), int32(h + apart * st_h), int32(left - 1)
                x_at, y_at = uint32(x_at + uint32(apart * st_h * W)), uint32(y_at + uint32(apart * row))
            c = int32(c + 1)

    conv2d_depthwise.__name__ = f"conv2d_depthwise_{rows}x{columns}_{stride}"
    conv2d_depthwise.__qualname__ = conv2d_depthwise.__name__
    return cuda.jit(cache=True, launch_bounds=(THREADS, resident))(conv2d_depthwise)
