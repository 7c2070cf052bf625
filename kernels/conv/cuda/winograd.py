"""Winograd's F(2x2, 3x3): forward pass and input gradient of 3x3 kernels at stride 1 on 4/9 of the multiplications.

A tile of 2x2 outputs reads 4x4 inputs d. With constant matrices B, G, A (see winograd_kernels.py),

    y = A^T [ sum_c (G w G^T) . (B^T d B) ] A,

where . multiplies element by element. Each of the 16 positions is a GEMM, filters x channels by channels x tiles: a 1x1
convolution of 16 times as many groups, which implicit_gemm computes. Transformed inputs and products are kept in memory
for a few images at a time, so that they stay in the second-level cache.

The matrices hold 0, 1, 1/2 and their negatives: in float32 the error is a few times that of the direct kernels, within
testing.TOLERANCE["winograd"]. Images that would lose more, or whose results are not finite, are computed directly
(guard.py). Sums are accumulated in a fixed order: results are the same bits every time.
"""

from functools import lru_cache

from ...core.scalar import IDENTITY
from ...cuda.launch import THREADS, Plan, each, empty_like_on, multiprocessors, numba_type, planned
from ...cuda.ptx import reciprocals
from ...cuda.tile_config import best_tile
from . import guard
from .implicit_gemm import array_or_unused, launch_problem
from .pack_filters import DEPTH, rounded_up
from .problem_size import DGRAD, ProblemSize, fprop_problem, problems_of
from .winograd_kernels import (
    TILE_OUTPUTS,
    TILE_POSITIONS,
    conv2d_winograd_output,
    filter_kernel,
    first_input,
    input_kernel,
    weight_strides,
)

WORKSPACE_BYTES = 32 << 20
"""Of transformed inputs and products at a time, one image's at least: they fit into the cache of an A100."""

MAX_ELEMENTS = 1 << 31
"""Elements of an array have to be fewer."""


def unsupported(shape, operation, dtype):
    """Why these kernels do not support a problem: other taps, strides or dilations, or arrays too large."""
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
    if (size := TILE_POSITIONS * problem.groups * size) >= MAX_ELEMENTS:
        return f"{size} elements of transformed inputs, expected fewer than 2^31"
    return None


def tiles_of(problem):
    """Tiles of one image."""
    return -(-problem.p // TILE_OUTPUTS) * -(-problem.q // TILE_OUTPUTS)


def fprop(shape, x, w, b, activation, slope, y, workspace=WORKSPACE_BYTES):
    """Launch the forward pass, with so many bytes of transformed inputs and products at a time."""
    _launch_problem(fprop_problem(shape), x, w, False, b, (activation, slope), (None, IDENTITY), y, workspace)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx, workspace=WORKSPACE_BYTES):
    """Launch the input gradient, by rotated kernels from filters to channels; as `fprop`."""
    grad = (None, IDENTITY) if pre_activation is None else (pre_activation, activation)
    [problem] = problems_of(shape, DGRAD)
    _launch_problem(problem, dy, w, True, None, (IDENTITY, slope), grad, dx, workspace)


def _launch_problem(problem, x, w, rotated, bias, activation, grad, y, workspace):
    """Launch one problem; activation is (code, slope), grad (pre_activation or None, its activation).

    w is laid out as in the forward pass; the input gradient takes its kernels `rotated`.
    """
    n, tiles = x.shape[0], TILE_POSITIONS * problem.groups * tiles_of(problem)
    images = min(n, max(1, workspace // (tiles * (problem.c + problem.k) * x.dtype.itemsize)))
    gemm = best_tile(
        x.dtype.itemsize, TILE_POSITIONS * problem.groups, problem.k, images * tiles_of(problem), multiprocessors(x)
    )
    filters = _transformed_filters(problem, w, rotated, gemm.rows)
    inputs, products = empty_like_on(x, tiles * problem.c * images), empty_like_on(x, tiles * problem.k * images)
    pre_activation, grad_activation = grad
    flags = guard.flag_outliers(x)
    for first in range(0, n, images):
        part = slice(first, min(n, first + images))
        part_grad = None if pre_activation is None else pre_activation[part], grad_activation
        _launch_images(
            problem, gemm, filters, x[part], inputs, products, bias, activation, part_grad, flags[part], y[part]
        )
    pre_activation = array_or_unused(pre_activation, x)[0]
    bias = array_or_unused(bias, x)
    guard.redo(problem, flags, x, w, rotated, bias, activation, pre_activation, grad_activation, y)


def _transformed_filters(problem, w, rotated, k_tile):
    """G w G^T laid out as implicit_gemm packs weights, a group for each position and group."""
    channels, filters = rounded_up(problem.c, DEPTH), rounded_up(problem.k, k_tile)
    transformed = empty_like_on(w, TILE_POSITIONS * problem.groups * channels * filters)
    each(
        filter_kernel(numba_type(w.dtype)), problem.groups * channels * filters, w, transformed,
        problem.groups, problem.c, problem.k, channels, filters, *weight_strides(problem, rotated), rotated,
    )  # fmt: skip
    return transformed


def _launch_images(problem, gemm, filters, x, inputs, products, bias, activation, grad, flags, y):
    """Transform, multiply and transform back some images."""
    forward, product, inverse = _plans(problem, x.shape[0], x.dtype)
    planned(forward, x, inputs)
    launch_problem(product, 1, gemm, inputs, filters, None, (IDENTITY, activation[1]), (None, IDENTITY), products)
    pre_activation, grad_activation = grad
    planned(
        inverse, products, *array_or_unused(bias, x), *activation, *array_or_unused(pre_activation, x)[:1],
        grad_activation, flags, y,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _plans(problem, n, dtype):
    """(Plan of the input transform, the products' problem, Plan of the output transform) of n images.

    The products of all positions are a 1x1 convolution of one row of tiles.
    """
    per_image, across = tiles_of(problem), -(-problem.q // TILE_OUTPUTS)
    count, kernel = n * per_image, input_kernel(numba_type(dtype))
    numbers = reciprocals(count, per_image, across)
    channels, filters = problem.groups * problem.c, problem.groups * problem.k
    inputs = channels * count, channels, problem.h, problem.w, count, per_image, across, *first_input(problem), *numbers
    outputs = filters * count, filters, problem.p, problem.q, count, per_image, across, *numbers
    product = ProblemSize(
        groups=TILE_POSITIONS * problem.groups, c=problem.c, h=1, w=count, k=problem.k, p=1, q=count, r=1, s=1,
        stride_h=1, stride_w=1, h0=0, w0=0, dilation_h=1, dilation_w=1,
        taps=1, first_tap=0, tap_stride_r=1, tap_stride_s=1, y_plane=count, y_first=0, y_stride_p=count, y_stride_q=1,
    )  # fmt: skip
    return (
        Plan(kernel, -(-inputs[0] // THREADS), THREADS, inputs),
        product,
        Plan(conv2d_winograd_output, -(-outputs[0] // THREADS), THREADS, outputs),
    )
