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

from ...core.scalar import IDENTITY, activate, activate_grad
from ...cuda import sliding_window
from ...cuda.launch import THREADS, Plan, cuda, each, empty_like_on, int32, multiprocessors, numba_type, planned, uint32
from ...cuda.ptx import divide, reciprocals
from ...cuda.tile_config import best_tile
from .implicit_gemm import DEPTH, array_or_unused, launch_problem, rounded_up
from .problem_size import DGRAD, ProblemSize, fprop_problem, problems_of
from .winograd_scalar import winograd_filter, winograd_input, winograd_output

POSITIONS = 16
OUTPUTS, EDGE = 2, 4
"""Rows and columns of a tile's outputs, and of the inputs that it reads."""

WORKSPACE_BYTES = 32 << 20
"""Of transformed inputs and products at a time, one image's at least: they fit into the cache of an A100."""

MAX_ELEMENTS = 1 << 31
"""Elements of an array have to be fewer."""


def unsupported(shape, operation, dtype):
    """Why these kernels do not serve a problem: other taps, strides or dilations, or arrays too large."""
    wrong = []
    if (shape.r, shape.s) != (3, 3):
        wrong.append(f"{shape.r}x{shape.s} taps, expected 3x3")
    for name, pair in (
        ("stride", (shape.stride_h, shape.stride_w)),
        ("dilation", (shape.dilation_h, shape.dilation_w)),
    ):
        if pair != (1, 1):
            wrong.append(f"{name} {pair[0] if pair[0] == pair[1] else pair}, expected 1")
    if wrong:
        return "; ".join(wrong)
    [problem] = problems_of(shape, operation)
    size = max(rounded_up(problem.c, DEPTH), problem.k) * max(tiles_of(problem), rounded_up(problem.k, 128))
    if (size := POSITIONS * problem.groups * size) >= MAX_ELEMENTS:
        return f"{size} elements of transformed inputs, expected fewer than 2^31"
    return None


def tiles_of(problem):
    """Tiles of one image."""
    return -(-problem.p // OUTPUTS) * -(-problem.q // OUTPUTS)


def fprop(shape, x, w, b, activation, slope, y, workspace=WORKSPACE_BYTES):
    """Launch the forward pass, with so many bytes of transformed inputs and products at a time."""
    _launch_problem(fprop_problem(shape), x, w, False, b, (activation, slope), (None, IDENTITY), y, workspace)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx, workspace=WORKSPACE_BYTES):
    """Launch the input gradient, by rotated kernels from filters to channels; as `fprop`."""
    grad = (None, IDENTITY) if pre_activation is None else (pre_activation, activation)
    [problem] = problems_of(shape, DGRAD)
    _launch_problem(problem, dy, w, True, None, (IDENTITY, slope), grad, dx, workspace)


def _launch_problem(problem, x, w, rotated, bias, epilogue, grad, y, workspace):
    """Launch one problem; epilogue is (activation, slope), grad (pre_activation or None, its activation).

    w is laid out as in the forward pass; the input gradient takes its kernels `rotated`.
    """
    n, tiles = x.shape[0], POSITIONS * problem.groups * tiles_of(problem)
    images = min(n, max(1, workspace // (tiles * (problem.c + problem.k) * x.dtype.itemsize)))
    gemm = best_tile(
        x.dtype.itemsize, POSITIONS * problem.groups, problem.k, images * tiles_of(problem), multiprocessors(x)
    )
    filters = _transformed_filters(problem, w, rotated, gemm.rows)
    inputs, products = empty_like_on(x, tiles * problem.c * images), empty_like_on(x, tiles * problem.k * images)
    pre_activation, grad_activation = grad
    for first in range(0, n, images):
        chunk = slice(first, min(n, first + images))
        chunk_grad = None if pre_activation is None else pre_activation[chunk], grad_activation
        _launch_images(problem, gemm, filters, x[chunk], inputs, products, bias, epilogue, chunk_grad, y[chunk])


def _transformed_filters(problem, w, rotated, k_tile):
    """G w G^T laid out as implicit_gemm packs weights, a group for each position and group."""
    channels, filters = rounded_up(problem.c, DEPTH), rounded_up(problem.k, k_tile)
    transformed = empty_like_on(w, POSITIONS * problem.groups * channels * filters)
    per_filter, per_channel = (9, 9 * problem.k) if rotated else (9 * problem.c, 9)
    each(
        filter_kernel(numba_type(w.dtype)), problem.groups * channels * filters, w, transformed,
        problem.groups, problem.c, problem.k, channels, filters, per_filter, per_channel, rotated,
    )  # fmt: skip
    return transformed


def _launch_images(problem, gemm, filters, x, inputs, products, bias, epilogue, grad, y):
    """Transform, multiply and transform back some images."""
    forward, product, inverse = _plans(problem, x.shape[0], x.dtype)
    planned(forward, x, inputs)
    launch_problem(product, 1, gemm, inputs, filters, None, (IDENTITY, epilogue[1]), (None, IDENTITY), products)
    pre_activation, grad_activation = grad
    planned(
        inverse, products, *array_or_unused(bias, x), *epilogue, *array_or_unused(pre_activation, x)[:1],
        grad_activation, y,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _plans(problem, n, dtype):
    """(Plan of the input transform, the products' problem, Plan of the output transform) of n images.

    The products of all positions are a 1x1 convolution of one row of tiles.
    """
    per_image, across = tiles_of(problem), -(-problem.q // OUTPUTS)
    count, kernel = n * per_image, input_kernel(numba_type(dtype))
    numbers = reciprocals(count, per_image, across)
    channels, filters = problem.groups * problem.c, problem.groups * problem.k
    top = min(problem.h0, problem.h0 + 2 * problem.dilation_h)
    left = min(problem.w0, problem.w0 + 2 * problem.dilation_w)
    inputs = channels * count, channels, problem.h, problem.w, count, per_image, across, top, left, *numbers
    outputs = filters * count, filters, problem.p, problem.q, count, per_image, across, *numbers
    product = ProblemSize(
        groups=POSITIONS * problem.groups, c=problem.c, h=1, w=count, k=problem.k, p=1, q=count, r=1, s=1,
        stride_h=1, stride_w=1, h0=0, w0=0, dilation_h=1, dilation_w=1,
        taps=1, first_tap=0, tap_stride_r=1, tap_stride_s=1, y_plane=count, y_first=0, y_stride_p=count, y_stride_q=1,
    )  # fmt: skip
    return (
        Plan(kernel, -(-inputs[0] // THREADS), THREADS, inputs),
        product,
        Plan(conv2d_winograd_output, -(-outputs[0] // THREADS), THREADS, outputs),
    )


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

    def conv2d_winograd_filter(w, transformed, G, C, K, channels, filters, per_filter, per_channel, rotated):
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
    return c, n, int32(row) * int32(OUTPUTS), int32(column) * int32(OUTPUTS)


@lru_cache
def input_kernel(dtype):
    """The kernel for a type."""
    fingerprint = sliding_window.FINGERPRINT

    def conv2d_winograd_input(
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

    return cuda.jit(cache=True)(conv2d_winograd_input)


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
def conv2d_winograd_output(
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
