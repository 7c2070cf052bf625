"""Winograd's F(2x2, 3x3) on CUDA: 3x3 kernels with stride 1, forward and input gradient, on 4/9 of the multiplications.

A tile of 2x2 outputs reads 4x4 inputs d. With constant matrices B, G, A (see scalar_winograd),

    y = A^T [ sum_c (G w G^T) . (B^T d B) ] A,

where . multiplies element by element. Each of the 16 positions is a product of matrices, filters x channels by channels
x tiles: a convolution 1x1 of 16 times as many groups, which conv_tiles computes. The transformed inputs and the
products lie in memory between, for a few images at a time, so that they stay in the second-level cache.

The matrices hold 0, 1, 1/2 and their negatives: in float32 an error some times that of the direct kernels, within
testing.TOLERANCE["winograd"]. NaN and infinity spread over the tiles they touch, and come out as NaN. Sums are added in
one order: results are the same bits every time.
"""

from functools import lru_cache

import numpy as np

from ...core.scalar import IDENTITY, activate, activate_grad
from ...cuda import sliding_window, tile_config
from ...cuda.launch import beside, cuda, each, int32, multiprocessors, numba_type, uint32
from ...cuda.ptx import divide, reciprocal
from .implicit_gemm import DEPTH, Correlation, correlate, rounded_up
from .winograd_scalar import winograd_filter, winograd_input, winograd_output

POSITIONS = 16
OUTPUTS, EDGE = 2, 4
"""Rows and columns of a tile's outputs, and of the inputs that it reads."""

WORKSPACE = 32 << 20
"""Bytes of transformed inputs and products at a time, one image's at least: they fit into the cache of an A100."""

LARGEST = 1 << 31
"""Elements of an array have to be less."""


def serves(g):
    """Whether a correlation is one of 3x3 neighbouring taps that moves by one, and its arrays addressable."""
    if (g.a, g.b, g.st_h, g.st_w, abs(g.d_h), abs(g.d_w)) != (3, 3, 1, 1, 1, 1):
        return False
    return POSITIONS * g.groups * max(rounded_up(g.c, DEPTH), g.k) * max(tiles_of(g), rounded_up(g.k, 128)) < LARGEST


def tiles_of(g):
    """Tiles of one image."""
    return -(-g.u // OUTPUTS) * -(-g.v // OUTPUTS)


def correlate_winograd(g, n, w, x, bias, activation, factor, y):
    """Launch one correlation g of n images, as conv_tiles.correlate does; w is as the forward pass has it.

    A correlation with taps of negative distances is the input gradient: of rotated kernels, from filters to channels.
    """
    transposed = g.d_h < 0
    per_image = POSITIONS * g.groups * (g.c + g.k) * tiles_of(g) * x.dtype.itemsize
    images = min(n, max(1, WORKSPACE // per_image))
    shape = tile_config.best_shape(
        x.dtype.itemsize, POSITIONS * g.groups, g.k, images * tiles_of(g), multiprocessors(x)
    )
    filters = _transformed_filters(g, w, transposed, shape.rows)
    before, code = factor
    inputs = beside(x, POSITIONS * g.groups * g.c * images * tiles_of(g))
    products = beside(x, POSITIONS * g.groups * g.k * images * tiles_of(g))
    for first in range(0, n, images):
        last = min(n, first + images)
        part = None if before is None else before[first:last]
        _correlate_images(
            g, last - first, shape, filters, x[first:last], inputs, products, bias, activation, (part, code),
            y[first:last],
        )  # fmt: skip


def _transformed_filters(g, w, transposed, k_tile):
    """G w G^T as conv_tiles has its packed weights, a group for each position and group."""
    channels, filters = rounded_up(g.c, DEPTH), rounded_up(g.k, k_tile)
    transformed = beside(w, POSITIONS * g.groups * channels * filters)
    per_filter, per_channel = (9, 9 * g.k) if transposed else (9 * g.c, 9)
    each(
        filter_kernel(numba_type(w.dtype)), g.groups * channels * filters, w, transformed,
        g.groups, g.c, g.k, channels, filters, per_filter, per_channel, transposed,
    )  # fmt: skip
    return transformed


def _correlate_images(g, n, shape, filters, x, inputs, products, bias, activation, factor, y):
    """Transform, multiply and transform back some images."""
    across, count = -(-g.v // OUTPUTS), n * tiles_of(g)
    top, left = min(g.h0, g.h0 + 2 * g.d_h), min(g.w0, g.w0 + 2 * g.d_w)
    numbers = [np.uint32(part) for divisor in (count, tiles_of(g), across) for part in reciprocal(divisor)]
    kernel = input_kernel(numba_type(x.dtype))
    threads = g.groups * g.c * count
    each(kernel, threads, x, inputs, threads, g.groups * g.c, g.h, g.w, count, tiles_of(g), across, top, left, *numbers)
    nothing = (None, IDENTITY)
    correlate(_product(g, count), 1, shape, inputs, filters, None, (IDENTITY, activation[1]), nothing, products)
    before, code = factor
    threads = g.groups * g.k * count
    anything = x.reshape(-1)[:1]
    each(
        winograd_output_kernel, threads, products, anything if bias is None else bias, bias is not None, *activation,
        anything if before is None else before, code, y, threads, g.groups * g.k, g.u, g.v, count, tiles_of(g), across,
        *numbers,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _product(g, count):
    """The products of all positions, as a convolution 1x1 of one row of tiles."""
    return Correlation(
        groups=POSITIONS * g.groups, c=g.c, h=1, w=count, k=g.k, u=1, v=count, a=1, b=1, st_h=1, st_w=1, h0=0, w0=0,
        d_h=1, d_w=1, taps=1, first_tap=0, tap_h=1, tap_w=1, plane=count, first=0, row=count, column=1,
    )  # fmt: skip


@cuda.jit(device=True, inline="always")
def put(array, at, apart, values):
    """array[at + j apart] = values[j] for four values; the offset past the last."""
    array[at] = values[0]
    at = uint32(at + apart)
    array[at] = values[1]
    at = uint32(at + apart)
    array[at] = values[2]
    at = uint32(at + apart)
    array[at] = values[3]
    return uint32(at + apart)


@cuda.jit(device=True, inline="always")
def take(array, at, apart):
    """Four elements array[at + j apart]."""
    second = uint32(at + apart)
    third = uint32(second + apart)
    return array[at], array[second], array[third], array[uint32(third + apart)]


@lru_cache
def filter_kernel(dtype):
    """The kernel for a type."""
    fingerprint = sliding_window.FINGERPRINT

    def winograd_filter_kernel(w, transformed, G, C, K, channels, filters, per_filter, per_channel, rotated):
        """transformed[position][g][c][k] = (G w G^T)[position] of the 3x3 taps of filter k and channel c, 0 past K, C.

        w as the forward pass has it, its taps rotated if so. Thread i is (g, c, k). Bytes: w once, transformed once.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        taps = cuda.local.array(9, dtype)
        i = uint32(cuda.grid(1))
        size = uint32(uint32(uint32(G) * uint32(channels)) * uint32(filters))
        if i >= size:
            return
        k, rest = uint32(i % uint32(filters)), uint32(i // uint32(filters))
        c, g = uint32(rest % uint32(channels)), uint32(rest // uint32(channels))
        there = (k < uint32(K)) & (c < uint32(C))
        at = uint32(uint32(g * uint32(9 * C * K)) + uint32(k * uint32(per_filter)) + uint32(c * uint32(per_channel)))
        first, step = (uint32(8), int32(-1)) if rotated else (uint32(0), int32(1))
        sliding_window.load_taps(taps, w, uint32(at + first), int32(3 * step), step, there, 3, 3)
        left = winograd_filter(taps[0], taps[3], taps[6])
        middle = winograd_filter(taps[1], taps[4], taps[7])
        right = winograd_filter(taps[2], taps[5], taps[8])
        to = put(transformed, i, size, winograd_filter(left[0], middle[0], right[0]))
        to = put(transformed, to, size, winograd_filter(left[1], middle[1], right[1]))
        to = put(transformed, to, size, winograd_filter(left[2], middle[2], right[2]))
        put(transformed, to, size, winograd_filter(left[3], middle[3], right[3]))

    return cuda.jit(cache=True)(winograd_filter_kernel)


@cuda.jit(device=True, inline="always")
def tile_at(i, count, tiles, across, numbers):
    """(channel, n, row and column of the tile's first output) of element i of (C, n tiles)."""
    count_factor, count_shift, tiles_factor, tiles_shift, across_factor, across_shift = numbers
    c = divide(i, count_factor, count_shift)
    rest = uint32(i - uint32(c * uint32(count)))
    n = divide(rest, tiles_factor, tiles_shift)
    rest = uint32(rest - uint32(n * uint32(tiles)))
    row = divide(rest, across_factor, across_shift)
    column = uint32(rest - uint32(row * uint32(across)))
    return c, n, int32(row) * int32(OUTPUTS), int32(column) * int32(OUTPUTS)


@lru_cache
def input_kernel(dtype):
    """The kernel for a type."""
    fingerprint = sliding_window.FINGERPRINT

    def winograd_input_kernel(
        x, transformed, size, C, H, W, count, tiles, across, top, left,
        count_factor, count_shift, tiles_factor, tiles_shift, across_factor, across_shift,
    ):  # fmt: skip
        """transformed[position][c][n, tile] = (B^T d B)[position] of a tile's 4x4 inputs d, zeros outside of the image.

        x (N, C, H, W) with the channels of all groups. Thread i is (c, n, tile): neighbours are neighbouring tiles.
        Bytes: x once, each element read by four tiles; 16 values written for 4 outputs.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        d = cuda.local.array(POSITIONS, dtype)
        i = uint32(cuda.grid(1))
        if i >= uint32(size):
            return
        numbers = count_factor, count_shift, tiles_factor, tiles_shift, across_factor, across_shift
        c, n, row, column = tile_at(i, count, tiles, across, numbers)
        h, j = int32(row + top), int32(column + left)
        at = uint32(uint32(uint32(n * uint32(C)) + c) * uint32(H * W) + uint32(h * W + j))
        sliding_window.load_window(d, x, at, uint32(W), h, int32(1), H, uint32(1), j, int32(1), W, True, EDGE, EDGE)
        a, b = winograd_input(d[0], d[4], d[8], d[12]), winograd_input(d[1], d[5], d[9], d[13])
        c, e = winograd_input(d[2], d[6], d[10], d[14]), winograd_input(d[3], d[7], d[11], d[15])
        to = put(transformed, i, uint32(size), winograd_input(a[0], b[0], c[0], e[0]))
        to = put(transformed, to, uint32(size), winograd_input(a[1], b[1], c[1], e[1]))
        to = put(transformed, to, uint32(size), winograd_input(a[2], b[2], c[2], e[2]))
        put(transformed, to, uint32(size), winograd_input(a[3], b[3], c[3], e[3]))

    return cuda.jit(cache=True)(winograd_input_kernel)


@cuda.jit(device=True, inline="always")
def store_output(total, there, channel, at, bias, has_bias, activation, slope, before, factor, y):
    """y[at] = f(total + bias) f'(before), if there is such an output."""
    if there:
        if has_bias:
            total += bias[channel]
        total = activate(total, activation, slope)
        if factor:
            total = activate_grad(total, before[at], factor, slope)
        y[at] = total


@cuda.jit(cache=True)
def winograd_output_kernel(
    products, bias, has_bias, activation, slope, before, factor, y, size, K, P, Q, count, tiles, across,
    count_factor, count_shift, tiles_factor, tiles_shift, across_factor, across_shift,
):  # fmt: skip
    """y = f(A^T m A + bias[k]) f'(before) of the 4x4 products m of a tile: 2x2 outputs, as far as the image goes.

    products [position][k][n, tile], y and before (N, K, P, Q) with the filters of all groups. Thread i is (k, n, tile).
    Bytes: products once, y once.
    """
    i = uint32(cuda.grid(1))
    if i >= uint32(size):
        return
    numbers = count_factor, count_shift, tiles_factor, tiles_shift, across_factor, across_shift
    k, n, p, q = tile_at(i, count, tiles, across, numbers)
    apart = uint32(size)
    m0 = take(products, i, apart)
    m1 = take(products, uint32(i + uint32(apart * uint32(4))), apart)
    m2 = take(products, uint32(i + uint32(apart * uint32(8))), apart)
    m3 = take(products, uint32(i + uint32(apart * uint32(12))), apart)
    a, b = winograd_output(m0[0], m1[0], m2[0], m3[0]), winograd_output(m0[1], m1[1], m2[1], m3[1])
    c, d = winograd_output(m0[2], m1[2], m2[2], m3[2]), winograd_output(m0[3], m1[3], m2[3], m3[3])
    upper, lower = winograd_output(a[0], b[0], c[0], d[0]), winograd_output(a[1], b[1], c[1], d[1])
    at = uint32(uint32(uint32(n * uint32(K)) + k) * uint32(P * Q) + uint32(p * Q + q))
    below, right = int32(p + 1) < P, int32(q + 1) < Q
    beneath = uint32(at + uint32(Q))
    store_output(upper[0], True, k, at, bias, has_bias, activation, slope, before, factor, y)
    store_output(upper[1], right, k, uint32(at + 1), bias, has_bias, activation, slope, before, factor, y)
    store_output(lower[0], below, k, beneath, bias, has_bias, activation, slope, before, factor, y)
    store_output(lower[1], below & right, k, uint32(beneath + 1), bias, has_bias, activation, slope, before, factor, y)
