"""Convolution on tensor cores: forward pass and input gradient, sums in float32.

The same product of matrices as conv_tiles.py, a row for each filter and a column for each output pixel, with channels
side by side: they are packed first (channels_last.py), and from then on every copy to shared memory takes 16 bytes.
Three chunks are under way; while one is multiplied, the next two are copied. Results are staged in shared memory and
stored as N K P Q, with bias, activation and f'. Threads add in one order: the same bits every time.
"""

from functools import lru_cache

from ...core.scalar import IDENTITY, activate, activate_grad
from ...cuda import cp_async, gemm_tile
from ...cuda import tensor_core as core
from ...cuda.launch import Plan, cuda, float32, int32, multiprocessors, planned, uint32
from ...cuda.ptx import reciprocals, thread_and_block
from ...cuda.tensor_core_mapping import LARGE, SMALL, STAGES, THREADS, columns_of, place_of, row_of, rows_of, staged_of
from ...cuda.tensor_core_types import KINDS, bits_of, kind_of
from ...cuda.thread_mapping import position_of, tile_of
from . import implicit_gemm
from .implicit_gemm import array_or_unused
from .pack_nhwc import pack_images, pack_weights, whole_lines
from .problem_size import WGRAD, dgrad_problems, fprop_problem, problems_of

MAX_TAPS = 15
"""Rows and columns of a kernel, at most: each is a bit that says whether the tap falls outside of the image."""

ROW = 1 << 16
"""The bit of the first row of taps; that of the first column is 1."""

END = 1 << 31
"""The bit that is set for every pixel: here is nothing more to copy."""

MAX_ELEMENTS = 1 << 31
"""Elements of a packed array are fewer: it is read by 32-bit offsets."""

FIRST_CAPABILITY = (8, 0)
"""The compute capability from which on there are these instructions."""


def unsupported(shape, operation, dtype):
    """Why these kernels do not serve a problem: where taps, positions and offsets cannot be counted."""
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


def _launch_problems(shape, problems, x, w, transposed, bias, epilogue, grad, y, tile):
    """Pack x and w, which the input gradient takes `transposed`, and launch the problems.

    epilogue is (activation, slope), grad (pre_activation or None, its activation).
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
            *epilogue, *array_or_unused(bits_of(pre_activation), result)[:1], grad_activation, result,
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


@cuda.jit(device=True, inline="always")
def outside_of(h, w, there, H, W, A, B, d_h, d_w):
    """A bit for each row and each column of taps that falls outside of the image, all where there is no pixel; END."""
    mask, i = uint32(END), int32(0)
    while i < A:
        if not there or uint32(h) >= uint32(H):
            mask = uint32(mask | uint32(uint32(ROW) << uint32(i)))
        h, i = int32(h + d_h), int32(i + int32(1))
    i = int32(0)
    while i < B:
        if uint32(w) >= uint32(W):
            mask = uint32(mask | uint32(uint32(1) << uint32(i)))
        w, i = int32(w + d_w), int32(i + int32(1))
    return mask


@cuda.jit(device=True, inline="always")
def copy_chunk(
    shared, w_to, wt, w_at, w_step, limit, x_to, x, x_at, bases, outside, bits, left, sizes, skips,
    places, apart, a_loads, b_loads, depth,
):  # fmt: skip
    """Ask for a chunk, and (w_at, x_at, limit, bits, left) of the next: other channels of this tap, or the next tap.

    `bits` are the tap's row and column, `left` the rows, taps and channels to come, this chunk's included. Past the
    last one nothing is copied.
    """
    row_bit, column_bit = bits
    rows_left, taps_left, channels_left = left
    B, channels = sizes
    w_skip, w_skip_row, x_skip, x_skip_row = skips
    cp_async.copy_lines(shared, w_to, wt, w_at, w_step, limit, places, apart, a_loads)
    cp_async.copy_pixels(shared, x_to, x, x_at, bases, outside, uint32(row_bit | column_bit), places, b_loads)
    cp_async.end_of_copies()
    w_at, x_at = uint32(w_at + uint32(depth)), uint32(x_at + uint32(depth))
    channels_left = int32(channels_left - int32(depth))
    if channels_left == 0:
        channels_left, taps_left, column_bit = channels, int32(taps_left - 1), uint32(column_bit << uint32(1))
        w_at, x_at = uint32(w_at + uint32(w_skip)), uint32(x_at + uint32(x_skip))
        if taps_left == 0:
            taps_left, column_bit = B, uint32(1)
            rows_left, row_bit = int32(rows_left - 1), uint32(row_bit << uint32(1))
            w_at, x_at = uint32(w_at + uint32(w_skip_row)), uint32(x_at + uint32(x_skip_row))
            if rows_left <= 0:  # and again, if there are fewer chunks than stages
                row_bit, limit = uint32(END), int32(0)
    return w_at, x_at, limit, (row_bit, column_bit), (rows_left, taps_left, channels_left)


@lru_cache
def fprop_kernel(name, tile):
    """The kernel for a kind of operands and a tile's tile."""
    kind, fingerprint = KINDS[name], core.FINGERPRINT
    vector, vectors, rows_tile, columns_tile = kind.vector, core.VECTORS, tile.rows, tile.columns
    depth, last_row, a_bytes = vectors * vector, rows_tile - 1, rows_tile * core.LINE
    stage, last_stage, words, ahead = tile.stage, (STAGES - 1) * tile.stage, STAGES * tile.stage // 4, STAGES - 2
    apart = THREADS // vectors
    places, a_loads, b_loads = apart * core.LINE, rows_tile // apart, columns_tile // apart
    step, table = 4 * apart, 4 * columns_tile
    (warp_rows, warp_columns), (n_rows, n_columns) = tile.warp, tile.products
    n_a, n_b, n_results = tile.registers
    a_slots, b_slots, pairs = 2 * n_a, 2 * n_b, n_columns // 2
    lines, half = core.ROWS * core.LINE, core.LINE // 2
    pitch, staged_lines, lines_apart = tile.staging
    pitch_bytes, widen, narrow = 4 * pitch, kind.widen, kind.narrow

    def conv2d_fprop_tensor_core(
        x, wt, bias, has_bias, activation, slope, before, factor, y,
        G, channels, H, W, K, UV, V, pixels, A, B, st_h, st_w, h0, w0, d_h, d_w,
        filter_size, first_tap, w_skip, w_skip_row, x_skip, x_skip_row, plane, first, row, column,
        uv_factor, uv_shift, v_factor, v_shift,
    ):  # fmt: skip
        """Correlation's equation, then y = f(y + bias[k]) and y f'(before), for one tile of filters x pixels a block.

        x [n][g][h][w][channels], wt [g][k][tap][channels] packed, y and before (N, G K, plane), bias (G K,). A thread
        copies a vector of every `apart`-th filter and pixel; a warp multiplies a quarter of the tile, 64 bytes of
        channels of a tap at a time, in three stages of shared memory.
        FLOPs: 2 N G K U V A B C. Bytes at least: x, wt and y once; read: x K / rows_tile times, wt pixels /
        columns_tile times, most of it from the caches.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        shared = cuda.shared.array(words, uint32, alignment=128)
        results = cuda.local.array(n_results, float32)
        a = cuda.local.array(a_slots, uint32)
        b = cuda.local.array(b_slots, uint32)
        bases = cuda.local.array(b_loads, uint32)
        outside = cuda.local.array(b_loads, uint32)

        # Each pixel's place and the taps that miss the image are found by one thread, for the four that copy it.
        thread, block = thread_and_block()
        g, k0, pixel = tile_of(block, int32(K + last_row), rows_tile, pixels, columns_tile)
        if thread < uint32(columns_tile):
            n, u, v = position_of(uint32(pixel + thread), UV, uv_factor, uv_shift, V, v_factor, v_shift)
            h, w = int32(int32(u) * st_h + h0), int32(int32(v) * st_w + w0)
            image = uint32(uint32(uint32(n * uint32(G)) + g) * uint32(H * W))
            shared[thread] = uint32(uint32(image + uint32(h * W + w)) * uint32(channels))
            there = uint32(pixel + thread) < uint32(pixels)
            shared[uint32(thread + uint32(columns_tile))] = outside_of(h, w, there, H, W, A, B, d_h, d_w)
        cuda.syncthreads()
        own, piece = uint32(thread // uint32(vectors)), uint32(thread % uint32(vectors))
        core.load_numbers(bases, shared, uint32(own * uint32(4)), step, b_loads)
        core.load_numbers(outside, shared, uint32(uint32(own * uint32(4)) + uint32(table)), step, b_loads)
        cuda.syncthreads()
        x_at = uint32(piece * uint32(vector))
        w_at = uint32(uint32(uint32(g * uint32(K)) + k0 + own) * uint32(filter_size) + uint32(first_tap) + x_at)
        w_step, limit = uint32(uint32(apart) * uint32(filter_size)), int32(K - int32(k0) - int32(own))
        w_to = place_of(own, piece)
        x_to = uint32(w_to + uint32(a_bytes))
        a_from, b_from = rows_of(thread, warp_rows), uint32(columns_of(thread, warp_columns) + uint32(a_bytes))

        bits, left = (uint32(ROW), uint32(1)), (A, B, channels)
        sizes, skips = (B, channels), (w_skip, w_skip_row, x_skip, x_skip_row)
        chunks, read, written = int32(int32(A * B) * int32(channels // depth)), uint32(0), uint32(0)
        gemm_tile.zero(results, n_results)
        while written < uint32(last_stage):
            w_at, x_at, limit, bits, left = copy_chunk(
                shared, uint32(written + w_to), wt, w_at, w_step, limit, uint32(written + x_to), x, x_at,
                bases, outside, bits, left, sizes, skips, places, apart, a_loads, b_loads, depth,
            )  # fmt: skip
            written = uint32(written + uint32(stage))
        cp_async.wait_for_copies(ahead)
        cuda.syncthreads()
        core.load_matrices(a, 0, shared, a_from, lines, n_rows)
        core.load_matrices(b, 0, shared, b_from, lines, pairs)
        while True:
            # The first half of the channels is multiplied while the second is read and a chunk is asked for.
            a_at, b_at = uint32(uint32(read + a_from) ^ uint32(half)), uint32(uint32(read + b_from) ^ uint32(half))
            core.load_matrices(a, n_a, shared, a_at, lines, n_rows)
            core.load_matrices(b, n_b, shared, b_at, lines, pairs)
            w_at, x_at, limit, bits, left = copy_chunk(
                shared, uint32(written + w_to), wt, w_at, w_step, limit, uint32(written + x_to), x, x_at,
                bases, outside, bits, left, sizes, skips, places, apart, a_loads, b_loads, depth,
            )  # fmt: skip
            written = uint32(written + uint32(stage)) if written < uint32(last_stage) else uint32(0)
            core.multiply(results, a, 0, b, 0, n_rows, n_columns, name)
            # The second half, while the first of the next chunk is read.
            read = uint32(read + uint32(stage)) if read < uint32(last_stage) else uint32(0)
            cp_async.wait_for_copies(ahead)
            cuda.syncthreads()
            a_at, b_at = uint32(read + a_from), uint32(read + b_from)
            core.load_matrices(a, 0, shared, a_at, lines, n_rows)
            core.load_matrices(b, 0, shared, b_at, lines, pairs)
            core.multiply(results, a, n_a, b, n_b, n_rows, n_columns, name)
            chunks = int32(chunks - 1)
            if chunks == 0:
                break

        # The thread's pixel of the results.
        thread, block = thread_and_block()
        g, k0, pixel = tile_of(block, int32(K + last_row), rows_tile, pixels, columns_tile)
        own, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
        pixel, channel0 = uint32(pixel + own), uint32(uint32(g * uint32(K)) + k0)
        n, u, v = position_of(pixel, UV, uv_factor, uv_shift, V, v_factor, v_shift)
        y_at = uint32(uint32(uint32(n * uint32(G * K)) + channel0) * uint32(plane) + uint32(first))
        y_at = uint32(y_at + uint32(u * uint32(row)) + uint32(v * uint32(column)))
        there, staged, i = pixel < uint32(pixels), staged_of(thread, warp_columns, pitch), uint32(0)
        cp_async.wait_for_copies(0)
        while i < uint32(n_rows):
            cuda.syncthreads()
            core.stage_rows(results, i, shared, staged, pitch_bytes, n_rows, n_columns)
            cuda.syncthreads()
            line = first_line
            while line < uint32(staged_lines):
                k = row_of(line, i, warp_rows)
                if there and uint32(k0 + k) < uint32(K):
                    total = core.load_float(shared, uint32(uint32(uint32(line * uint32(pitch)) + own) * uint32(4)))
                    if has_bias:
                        total += widen(bias[uint32(channel0 + k)])
                    at = uint32(y_at + uint32(k * uint32(plane)))
                    total = activate(total, activation, slope)
                    if factor:
                        total = activate_grad(total, widen(before[at]), factor, slope)
                    y[at] = narrow(total)
                line = uint32(line + uint32(lines_apart))
            i = uint32(i + uint32(1))

    conv2d_fprop_tensor_core.__name__ = conv2d_fprop_tensor_core.__qualname__ = (
        f"conv2d_fprop_{name}_{rows_tile}x{columns_tile}"
    )
    return cuda.jit(cache=True, launch_bounds=(THREADS, tile.resident))(conv2d_fprop_tensor_core)
