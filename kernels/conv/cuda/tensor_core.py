"""Implicit GEMM on tensor cores: forward pass and input gradient of 16-bit arrays or tf32, accumulated in float32.

The same product as in implicit_gemm.py, a row for each filter and a column for each output pixel, with channels
innermost: pack_nhwc.py packs them first, and from then on every copy to shared memory is one of 16 bytes (cp.async).
Three stages are in flight: while one is multiplied, the next two are copied. Results are staged in shared memory and
stored as N K P Q with bias, activation and its derivative. Each result is accumulated in a fixed order: results are the
same bits every time.
"""

from functools import lru_cache

from ...core.scalar import IDENTITY
from ...cuda.launch import Plan, multiprocessors, planned
from ...cuda.ptx import reciprocals
from ...cuda.tensor_core_mapping import LARGE, SMALL, THREADS
from ...cuda.tensor_core_types import KINDS, bits_of, kind_of
from . import implicit_gemm
from .implicit_gemm import array_or_unused
from .pack_nhwc import pack_images, pack_weights, whole_lines
from .problem_size import WGRAD, dgrad_problems, fprop_problem, problems_of
from .tensor_core_kernel import fprop_kernel

MAX_TAPS = 15
"""Most rows and columns of a kernel: each has a bit of the padding mask."""

MAX_ELEMENTS = 1 << 31
"""A packed array has fewer elements: it is indexed by 32-bit offsets."""

FIRST_CAPABILITY = (8, 0)
"""Lowest compute capability with these instructions."""


def unsupported(shape, operation, dtype):
    """Why these kernels do not support a problem: where taps, positions and offsets cannot be counted."""
    kind = kind_of(dtype)
    channels = [whole_lines(kind, size // shape.groups) for size in (shape.c, shape.k)]
    images = shape.n * shape.groups * max(channels[0] * shape.h * shape.w, channels[1] * shape.p * shape.q)
    weights = shape.groups * channels[0] * channels[1] * shape.r * shape.s
    if (size := max(images, weights)) >= MAX_ELEMENTS:
        return f"{size} elements of a packed array, expected fewer than 2^31"
    if operation == WGRAD:
        return implicit_gemm.unsupported(shape, operation, dtype)
    for problem in problems_of(shape, operation):
        if max(problem.r, problem.s) > MAX_TAPS:
            return f"{problem.r}x{problem.s} taps, expected at most {MAX_TAPS}x{MAX_TAPS}"
    return None


def best_tile(groups, rows, columns, multiprocessors):
    """The large tile where it keeps every multiprocessor busy; it reads half as much for a product."""
    blocks = groups * -(-rows // LARGE.rows) * -(-columns // LARGE.columns)
    filled = rows * columns * groups >= blocks * LARGE.rows * LARGE.columns // 2
    return LARGE if blocks >= multiprocessors and filled else SMALL


def fprop(shape, x, w, b, activation, slope, y, tile=None):
    """Launch the forward pass of 16-bit arrays, or of float32 ones rounded to tf32; slope is a float32."""
    problems = (fprop_problem(shape),)
    _launch_problems(shape, problems, x, w, False, b, (activation, slope), (None, IDENTITY), y, tile)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx, tile=None):
    """Launch the input gradient, as `fprop`: a launch for each phase of the stride."""
    problems, complete = dgrad_problems(shape)
    if not complete:
        dx.fill(0)
    grad = (None, IDENTITY) if pre_activation is None else (pre_activation, activation)
    if problems:
        _launch_problems(shape, problems, dy, w, True, None, (IDENTITY, slope), grad, dx, tile)


def _launch_problems(shape, problems, x, w, transposed, bias, activation, grad, y, tile):
    """Pack x and w, which the input gradient takes `transposed`, and launch the problems.

    activation is (code, slope), grad (pre_activation or None, its activation).
    """
    first, kind = problems[0], kind_of(y.dtype)
    tile = tile or best_tile(first.groups, first.k, shape.n * first.p * first.q, multiprocessors(y))
    images = pack_images(kind, bits_of(x), shape.n, first.groups, first.c, first.h * first.w)
    weights = pack_weights(kind, bits_of(w), shape.w_shape, first.groups, transposed)
    pre_activation, grad_activation = grad
    result = bits_of(y)
    for problem in problems:
        planned(
            _plan(problem, shape.n, tile, kind.name), images, weights, *array_or_unused(bits_of(bias), result),
            *activation, *array_or_unused(bits_of(pre_activation), result)[:1], grad_activation, result,
        )  # fmt: skip


@lru_cache(maxsize=1024)
def _plan(problem, n, tile, name):
    """The Plan of a launch."""
    pixels, channels = n * problem.p * problem.q, whole_lines(KINDS[name], problem.c)
    w_skips = (
        (problem.tap_stride_s - 1) * channels,
        (problem.tap_stride_r - problem.s * problem.tap_stride_s) * channels,
    )
    x_skips = (
        (problem.dilation_w - 1) * channels,
        (problem.dilation_h * problem.w - problem.s * problem.dilation_w) * channels,
    )
    scalars = (
        problem.groups, channels, problem.h, problem.w, problem.k, problem.p * problem.q, problem.q, pixels,
        problem.r, problem.s, problem.stride_h, problem.stride_w, problem.h0, problem.w0,
        problem.dilation_h, problem.dilation_w, problem.taps * channels, problem.first_tap * channels,
        *w_skips, *x_skips, problem.y_plane, problem.y_first, problem.y_stride_p, problem.y_stride_q,
        *reciprocals(problem.p * problem.q, problem.q),
    )  # fmt: skip
    blocks = problem.groups * -(-problem.k // tile.rows) * -(-pixels // tile.columns)
    return Plan(fprop_kernel(name, tile), blocks, THREADS, scalars)
