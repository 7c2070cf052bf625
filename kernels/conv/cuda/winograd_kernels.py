"""Kernels of Winograd's F(2x2, 3x3): transforms of filters, inputs and products; winograd.py describes the algorithm.

In one dimension y = A^T [(G g) . (B^T d)]: two outputs of three taps with four multiplications. `winograd_filter`,
`winograd_input` and `winograd_output` multiply by G, B^T and A^T; in two dimensions each is applied to rows and then to
columns.
"""

from functools import lru_cache

from ...core.scalar import activate, activate_grad
from ...core.scalar_math import HALF, ZERO, inlined
from ...cuda import sliding_window
from ...cuda.launch import cuda, int32, uint32
from ...cuda.ptx import divide

TILE_POSITIONS = 16
TILE_OUTPUTS, TILE_INPUTS = 2, 4
"""Rows and columns of a tile's outputs, and of the inputs that it reads."""


def first_input(problem):
    """(row, column) of the first input that output (0, 0) reads; the taps of an input gradient go backwards from h0."""
    return min(problem.h0, problem.h0 + 2 * problem.dilation_h), min(problem.w0, problem.w0 + 2 * problem.dilation_w)


def weight_strides(problem, rotated):
    """Elements of w from a filter to the next, and from a channel to the next; an input gradient swaps their roles."""
    return (9, 9 * problem.k) if rotated else (9 * problem.c, 9)


@inlined
def winograd_input(d0, d1, d2, d3):
    """B^T d of four neighboring inputs."""
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@inlined
def winograd_filter(g0, g1, g2):
    """G g of three taps."""
    outer = g0 + g2
    return g0, HALF * (outer + g1), HALF * (outer - g1), g2


@inlined
def winograd_output(m0, m1, m2, m3):
    """A^T m of four products: two outputs."""
    return m0 + m1 + m2, m1 - m2 - m3


@cuda.jit(device=True, inline="always")
def store_strided(array, at, stride, values):
    """array[at + j stride] = values[j] for four values; the offset past the last."""
    array[at] = values[0]
    at = uint32(at + stride)
    array[at] = values[1]
    at = uint32(at + stride)
    array[at] = values[2]
    at = uint32(at + stride)
    array[at] = values[3]
    return uint32(at + stride)


@cuda.jit(device=True, inline="always")
def load_strided(array, at, stride):
    """Four elements array[at + j stride]."""
    second = uint32(at + stride)
    third = uint32(second + stride)
    return array[at], array[second], array[third], array[uint32(third + stride)]


@lru_cache
def filter_kernel(dtype):
    """The kernel for a type."""

    def conv2d_winograd_filter(w, transformed, G, C, K, channels, filters, per_filter, per_channel, rotated):
        """transformed[position][g][c][k] = (G w G^T)[position] of the 3x3 taps of filter k and channel c, 0 past K, C.

        w (G K, C, 3, 3) of the forward pass, its taps rotated in the input gradient. Thread i is (g, c, k). FLOPs: 28 a
        thread. Bytes: w once, transformed once.
        """
        taps = cuda.local.array(9, dtype)
        i = uint32(cuda.grid(1))
        size = uint32(uint32(uint32(G) * uint32(channels)) * uint32(filters))
        if i >= size:
            return
        k, rest = uint32(i % uint32(filters)), uint32(i // uint32(filters))
        c, g = uint32(rest % uint32(channels)), uint32(rest // uint32(channels))
        valid = (k < uint32(K)) & (c < uint32(C))
        at = uint32(uint32(g * uint32(9 * C * K)) + uint32(k * uint32(per_filter)) + uint32(c * uint32(per_channel)))
        first, step = (uint32(8), int32(-1)) if rotated else (uint32(0), int32(1))
        sliding_window.load_taps(taps, w, uint32(at + first), int32(3 * step), step, valid, 3, 3)
        # G w, then (G w) G^T.
        left = winograd_filter(taps[0], taps[3], taps[6])
        middle = winograd_filter(taps[1], taps[4], taps[7])
        right = winograd_filter(taps[2], taps[5], taps[8])
        to = store_strided(transformed, i, size, winograd_filter(left[0], middle[0], right[0]))
        to = store_strided(transformed, to, size, winograd_filter(left[1], middle[1], right[1]))
        to = store_strided(transformed, to, size, winograd_filter(left[2], middle[2], right[2]))
        store_strided(transformed, to, size, winograd_filter(left[3], middle[3], right[3]))

    return cuda.jit(cache=True)(conv2d_winograd_filter)


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
    return c, n, int32(row) * int32(TILE_OUTPUTS), int32(column) * int32(TILE_OUTPUTS)


@lru_cache
def input_kernel(dtype):
    """The kernel for a type."""

    def conv2d_winograd_input(
        x, transformed, size, C, H, W, count, tiles, across, top, left,
        count_factor, count_shift, tiles_factor, tiles_shift, across_factor, across_shift,
    ):  # fmt: skip
        """transformed[position][c][n, tile] = (B^T d B)[position] of a tile's 4x4 inputs d, zeros outside of the image.

        x (N, C, H, W) with the channels of all groups. Thread i is (c, n, tile): neighbors are neighboring tiles.
        FLOPs: 32 a tile and channel. Bytes: x once, each element loaded by four tiles; 16 values stored for 4 outputs.
        """
        d = cuda.local.array(TILE_POSITIONS, dtype)
        i = uint32(cuda.grid(1))
        if i >= uint32(size):
            return
        numbers = count_factor, count_shift, tiles_factor, tiles_shift, across_factor, across_shift
        c, n, row, column = tile_at(i, count, tiles, across, numbers)
        h, j = int32(row + top), int32(column + left)
        at = uint32(uint32(uint32(n * uint32(C)) + c) * uint32(H * W) + uint32(h * W + j))
        sliding_window.load_window(
            d, x, at, uint32(W), h, int32(1), H, uint32(1), j, int32(1), W, True, TILE_INPUTS, TILE_INPUTS
        )
        # B^T d, then (B^T d) B.
        a, b = winograd_input(d[0], d[4], d[8], d[12]), winograd_input(d[1], d[5], d[9], d[13])
        c, e = winograd_input(d[2], d[6], d[10], d[14]), winograd_input(d[3], d[7], d[11], d[15])
        to = store_strided(transformed, i, uint32(size), winograd_input(a[0], b[0], c[0], e[0]))
        to = store_strided(transformed, to, uint32(size), winograd_input(a[1], b[1], c[1], e[1]))
        to = store_strided(transformed, to, uint32(size), winograd_input(a[2], b[2], c[2], e[2]))
        store_strided(transformed, to, uint32(size), winograd_input(a[3], b[3], c[3], e[3]))

    return cuda.jit(cache=True)(conv2d_winograd_input)


@cuda.jit(device=True, inline="always")
def epilogue(total, valid, channel, at, bias, has_bias, activation, slope, pre_activation, grad_activation, y):
    """y[at] = f(total + bias) f'(pre_activation) where that is an output."""
    if valid:
        if has_bias:
            total += bias[channel]
        total = activate(total, activation, slope)
        if grad_activation:
            total = activate_grad(total, pre_activation[at], grad_activation, slope)
        y[at] = total


@cuda.jit(cache=True)
def conv2d_winograd_output(
    products, bias, has_bias, activation, slope, pre_activation, grad_activation, flags, y,
    size, K, P, Q, count, tiles, across,
    count_factor, count_shift, tiles_factor, tiles_shift, across_factor, across_shift,
):  # fmt: skip
    """y = f(A^T m A + bias[k]) f'(pre_activation) of the 4x4 products m of a tile: 2x2 outputs, inside of the image.

    flags[n] = 1 where A^T m A is not finite: all who store it store the same.
    products [position][k][n, tile], y and pre_activation (N, K, P, Q) with the filters of all groups. Thread i is
    (k, n, tile). FLOPs: 24 a tile and filter. Bytes: products once, y once.
    """
    i = uint32(cuda.grid(1))
    if i >= uint32(size):
        return
    numbers = count_factor, count_shift, tiles_factor, tiles_shift, across_factor, across_shift
    k, n, p, q = tile_at(i, count, tiles, across, numbers)
    # A^T m, then (A^T m) A.
    stride = uint32(size)
    m0 = load_strided(products, i, stride)
    m1 = load_strided(products, uint32(i + uint32(stride * uint32(4))), stride)
    m2 = load_strided(products, uint32(i + uint32(stride * uint32(8))), stride)
    m3 = load_strided(products, uint32(i + uint32(stride * uint32(12))), stride)
    a, b = winograd_output(m0[0], m1[0], m2[0], m3[0]), winograd_output(m0[1], m1[1], m2[1], m3[1])
    c, d = winograd_output(m0[2], m1[2], m2[2], m3[2]), winograd_output(m0[3], m1[3], m2[3], m3[3])
    upper, lower = winograd_output(a[0], b[0], c[0], d[0]), winograd_output(a[1], b[1], c[1], d[1])
    # What is not finite makes a sum of zeros NaN.
    zeros = (upper[0] + upper[1]) * ZERO + (lower[0] + lower[1]) * ZERO
    if zeros != ZERO:
        flags[n] = 1
    # Epilogue: bias, activation, store.
    at = uint32(uint32(uint32(n * uint32(K)) + k) * uint32(P * Q) + uint32(p * Q + q))
    has_lower, has_right = int32(p + 1) < P, int32(q + 1) < Q
    below = uint32(at + uint32(Q))
    epilogue(upper[0], True, k, at, bias, has_bias, activation, slope, pre_activation, grad_activation, y)
    epilogue(
        upper[1], has_right, k, uint32(at + 1), bias, has_bias, activation, slope, pre_activation, grad_activation, y
    )
    epilogue(lower[0], has_lower, k, below, bias, has_bias, activation, slope, pre_activation, grad_activation, y)
    epilogue(
        lower[1], has_lower & has_right, k, uint32(below + 1), bias, has_bias, activation, slope, pre_activation,
        grad_activation, y,
    )  # fmt: skip
