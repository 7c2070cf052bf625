"""Convolution on CUDA as a product of matrices that nobody builds: forward pass and input gradient.

Both are correlations of images with taps that lie on a lattice (`Correlation`): the forward pass with the kernel's own,
the input gradient with the rotated kernel, a launch for each phase of the stride. The weights are one matrix, packed so
that a block reads them in vectors; the other matrix, a column for each output pixel, is gathered from the images as it
is needed. Blocks share nothing and threads add in one order: results are the same bits every time.
"""

from functools import lru_cache

from ...core.scalar import IDENTITY, activate, activate_grad
from ...cuda import gemm_tile
from ...cuda.launch import Plan, cuda, each, empty_like_on, int32, multiprocessors, numba_type, planned, uint32
from ...cuda.ptx import reciprocals, thread_and_block, vector_length
from ...cuda.thread_mapping import fragments_of, position_of, staged_row, staging_of, tile_of
from ...cuda.tile_config import best_tile
from .problem_size import DGRAD, FPROP, WGRAD, dgrad_problems, fprop_problem

SIDE = gemm_tile.SIDE
DEPTH = 8
"""Channels that a block multiplies between two barriers; the packed weights are padded to it."""

MAX_PADDED_EXTENT = 1 << 15
"""Rows and columns of a padded image have to be fewer in the weight gradient."""


def unsupported(shape, operation, dtype):
    """Why these kernels do not serve a problem: the weight gradient packs a row and a column into one number."""
    if operation != WGRAD:
        return None
    rows, columns = padded_image(shape)
    if max(rows, columns) < MAX_PADDED_EXTENT:
        return None
    return f"a padded image of {rows}x{columns}, expected fewer than {MAX_PADDED_EXTENT} rows and columns"


def padded_image(shape):
    """Rows and columns of an image with its padding."""
    return shape.h + shape.pad_top + shape.pad_bottom, shape.w + shape.pad_left + shape.pad_right


def fprop(shape, x, w, b, activation, slope, y, tile=None):
    """Launch the forward pass, by the cheapest tile or by the TileConfig given."""
    tile = tile or best_tile(*tile_problem(shape, FPROP, x.dtype.itemsize, multiprocessors(x)))
    packed = pack(w, shape.w_shape, shape.groups, False, tile.rows)
    launch_problem(fprop_problem(shape), shape.n, tile, x, packed, b, (activation, slope), (None, IDENTITY), y)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx, tile=None):
    """Launch the input gradient: a launch for each phase of the stride; a phase that no tap reaches is zero."""
    problems, complete = dgrad_problems(shape)
    if not complete:
        dx.fill(0)
    tile = tile or best_tile(*tile_problem(shape, DGRAD, dy.dtype.itemsize, multiprocessors(dy)))
    packed = pack(w, shape.w_shape, shape.groups, True, tile.rows)
    grad = (None, IDENTITY) if pre_activation is None else (pre_activation, activation)
    for problem in problems:
        launch_problem(problem, shape.n, tile, dy, packed, None, (IDENTITY, slope), grad, dx)


@lru_cache(maxsize=1024)
def tile_problem(shape, operation, itemsize, processors):
    """A pass as `tile_config.best_tile` takes it; of the input gradient one phase of the stride."""
    if operation == FPROP:
        filters, pixels = shape.k // shape.groups, shape.n * shape.p * shape.q
    else:
        phases = max(1, len(dgrad_problems(shape)[0]))
        filters, pixels = shape.c // shape.groups, shape.n * shape.h * shape.w // phases
    return itemsize, shape.groups, filters, pixels, processors


def pack(w, shape, groups, transposed, k_tile):
    """Weights (G K, C, R, S) as [g][tap][c][k], or [g][tap][k][c] if transposed, padded by zeros to whole tiles."""
    k, c, taps = shape[0] // groups, shape[1], shape[2] * shape[3]
    rows, columns = (k, c) if transposed else (c, k)
    padded_rows, padded_columns = rounded_up(rows, DEPTH), rounded_up(columns, k_tile)
    packed = empty_like_on(w, groups * taps * padded_rows * padded_columns)
    distances = (c * taps, taps) if transposed else (taps, c * taps)
    each(
        pack_kernel, packed.size, w, packed, rows, columns, padded_rows, padded_columns, taps, k * c * taps, *distances
    )
    return packed


def launch_problem(problem, n, tile, x, packed, bias, epilogue, grad, y):
    """Launch one problem of n images.

    x (n, G C, H, W), packed as `pack` leaves it, y (n, G K, y_plane); epilogue is (activation, slope), grad
    (pre_activation or None, its activation).
    """
    pre_activation, grad_activation = grad
    planned(
        _plan(problem, n, tile, x.dtype), x, packed, *array_or_unused(bias, x), *epilogue,
        *array_or_unused(pre_activation, x)[:1], grad_activation, y,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _plan(problem, n, tile, dtype):
    """The Plan of a launch."""
    pixels = n * problem.p * problem.q
    channels, filters = rounded_up(problem.c, DEPTH), rounded_up(problem.k, tile.rows)
    per_tap, x_plane = channels * filters, problem.h * problem.w
    w_back = -problem.s * problem.dilation_w
    w_skips = (problem.tap_stride_s - 1) * per_tap, (problem.tap_stride_r - problem.s * problem.tap_stride_s) * per_tap
    x_skips = problem.dilation_w - channels * x_plane, problem.dilation_h * problem.w + w_back
    scalars = (
        problem.groups, problem.c, channels, problem.h, problem.w, x_plane, problem.k, filters, problem.p * problem.q,
        problem.q, pixels, problem.r, problem.s, problem.stride_h, problem.stride_w, problem.h0, problem.w0,
        problem.dilation_h, problem.dilation_w, w_back, problem.taps * per_tap, problem.first_tap * per_tap,
        *w_skips, *x_skips, problem.y_plane, problem.y_first, problem.y_stride_p, problem.y_stride_q,
        *reciprocals(problem.p * problem.q, problem.q),
    )  # fmt: skip
    blocks = problem.groups * (filters // tile.rows) * -(-pixels // tile.columns)
    kernel = fprop_kernel(tile, numba_type(dtype), problem.c % DEPTH != 0)
    return Plan(kernel, blocks, tile.threads, scalars)


def rounded_up(size, multiple):
    """The next multiple of a number."""
    return -(-size // multiple) * multiple


def array_or_unused(array, like):
    """(array, 1), or memory that the kernel does not read and 0 where there is none."""
    return (like.reshape(-1)[:1], 0) if array is None else (array, 1)


@cuda.jit(cache=True)
def pack_kernel(w, packed, rows, columns, padded_rows, padded_columns, taps, group, per_row, per_column):
    """packed [g][tap][row][column] = w[g group + row per_row + column per_column + tap], 0 past the last row or column.

    Thread i writes packed[i]. Bytes: w once, packed once.
    """
    i = uint32(cuda.grid(1))
    if i >= packed.size:
        return
    column, rest = uint32(i % uint32(padded_columns)), uint32(i // uint32(padded_columns))
    row, rest = uint32(rest % uint32(padded_rows)), uint32(rest // uint32(padded_rows))
    tap, g = uint32(rest % uint32(taps)), uint32(rest // uint32(taps))
    inside = (row < uint32(rows)) & (column < uint32(columns))
    at = uint32(uint32(g * uint32(group)) + uint32(row * uint32(per_row)) + uint32(column * uint32(per_column)) + tap)
    packed[i] = w[at] if inside else packed.dtype.type(0)


@cuda.jit(device=True, inline="always")
def store_pixels(
    results, staging, staged, own, first_line, lines, lines_apart, width, vector,
    there, k0, K, channel0, bias, has_bias, activation, slope, before, factor, y, y_at, plane,
):  # fmt: skip
    """The tile's results, f(y + bias) f'(before), one row of every thread's at a time through shared memory.

    Staged, a line is a filter's, of which a thread stores its own pixel: neighbours store neighbouring pixels.
    """
    i = uint32(0)
    while i < uint32(SIDE):
        cuda.syncthreads()
        gemm_tile.store_row(results, i, staging, staged)
        cuda.syncthreads()
        line = first_line
        while line < uint32(lines):
            k = staged_row(line, i, vector)
            if there & (uint32(k0 + k) < uint32(K)):
                total = staging[uint32(uint32(line * uint32(width)) + own)]
                if has_bias:
                    total += bias[uint32(channel0 + k)]
                at = uint32(y_at + uint32(k * uint32(plane)))
                total = activate(total, activation, slope)
                if factor:
                    total = activate_grad(total, before[at], factor, slope)
                y[at] = total
            line = uint32(line + uint32(lines_apart))
        i = uint32(i + uint32(1))


@lru_cache
def fprop_kernel(tile, dtype, ragged):
    """The kernel for a tile and a type; `ragged` where the channels are no multiple of DEPTH."""
    rows_tile, columns_tile, threads = tile.rows, tile.columns, tile.threads
    vector, fingerprint = vector_length(dtype), gemm_tile.FINGERPRINT
    w_tile, x_tile = DEPTH * rows_tile, DEPTH * columns_tile
    w_loads, x_loads = w_tile // vector // threads, x_tile // threads
    warps = columns_tile // gemm_tile.WARP_COLUMNS
    rows_apart, staged_lines = threads // columns_tile, rows_tile // gemm_tile.SIDE
    w_halves, x_halves, w_vectors, w_apart = 2 * w_tile, 2 * x_tile, w_loads * vector, threads * vector
    bytes_each = dtype.bitwidth // 8
    w_half, x_half = w_tile * bytes_each, x_tile * bytes_each
    last, n_results, n_fragments = DEPTH - 1, gemm_tile.RESULTS, gemm_tile.FRAGMENTS
    # With more pixels to load than weights, each with a predicate, the compiler spills at 128 registers on Turing and
    # sm_86; three warps in the place of four for each scheduler leave it 168.
    resident = tile.resident * 3 // 4 if ragged and columns_tile < 128 else tile.resident

    def conv2d_fprop_implicit_gemm(
        x, wt, bias, has_bias, activation, slope, before, factor, y,
        G, C, channels, H, W, x_plane, K, filters, UV, V, pixels, A, B, st_h, st_w, h0, w0, d_h, d_w, w_back,
        group_weights, first_tap, w_skip, w_skip_row, x_skip, x_skip_row, plane, first, row, column,
        uv_factor, uv_shift, v_factor, v_shift,
    ):  # fmt: skip
        """Correlation's equation, then y = f(y + bias[k]) and y f'(before), for one tile of filters x pixels a block.

        x (N, G C, H, W), wt [g][tap][channels][filters] padded, y and before (N, G K, plane), bias (G K,). A pixel is
        (n, u, v); blocks of the same pixels are neighbours, filters first. A thread gathers one pixel's channels and
        multiplies 8 x 8 filters and pixels; chunks of DEPTH channels of a tap alternate between two halves of shared
        memory, the next one being loaded while one is multiplied.
        FLOPs: 2 N G K U V A B C. Bytes at least: x, wt and y once; read: x K / rows_tile times, wt pixels /
        columns_tile times, most of it from the caches.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        w_shared = cuda.shared.array(w_halves, dtype, alignment=16)
        x_shared = cuda.shared.array(x_halves, dtype, alignment=16)
        results = cuda.local.array(n_results, dtype)
        fragments = cuda.local.array(n_fragments, dtype)
        w_next = cuda.local.array(w_vectors, dtype)
        x_next = cuda.local.array(x_loads, dtype)

        # The block's group and filters; the thread's pixel and first channel in the gather, its vectors of the weights.
        thread, block = thread_and_block()
        g, k0, pixel = tile_of(block, filters, rows_tile, pixels, columns_tile)
        pixel, c0 = uint32(pixel + thread % uint32(columns_tile)), int32(thread // uint32(columns_tile))
        n, u, v = position_of(pixel, UV, uv_factor, uv_shift, V, v_factor, v_shift)
        there = pixel < uint32(pixels)
        x_row, x_chunk = uint32(x_plane * rows_apart), uint32(x_plane * DEPTH)
        w_first = uint32(thread * uint32(vector))
        w_at = uint32(uint32(uint32(w_first // uint32(rows_tile)) * uint32(filters)) + w_first % uint32(rows_tile))
        w_at = uint32(w_at + uint32(g * uint32(group_weights)) + uint32(first_tap) + k0)
        w_row, w_chunk = uint32(threads * vector // rows_tile) * uint32(filters), uint32(filters * DEPTH)

        w_from, x_from = fragments_of(thread, warps, bytes_each)
        w_to, x_to = uint32(thread * uint32(16)), uint32(thread * uint32(bytes_each))

        h, w = int32(int32(u) * st_h + h0), int32(int32(v) * st_w + w0)
        rows_left, taps_left, channels_left = A, B, channels
        ok = there & (uint32(h) < uint32(H)) & (uint32(w) < uint32(W))
        x_at = uint32(uint32(uint32(uint32(n * uint32(G)) + g) * uint32(C) + uint32(c0)) * uint32(x_plane))
        x_at = uint32(x_at + uint32(h * W + w))
        padding = int32(channels - C + c0)
        limit = int32(C - c0) if ragged else int32(DEPTH)
        gemm_tile.load_vectors(w_next, wt, w_at, w_row, True, w_loads)
        gemm_tile.load_rows(x_next, x, x_at, x_row, ok, limit, rows_apart, x_loads)
        gemm_tile.zero(results, n_results)
        gemm_tile.store_vectors(w_next, w_shared, w_to, w_apart, w_loads)
        gemm_tile.store_rows(x_next, x_shared, x_to, threads, x_loads)
        cuda.syncthreads()
        gemm_tile.load_fragments(fragments, w_shared, w_from, x_shared, x_from)
        while True:
            # The next chunk: other channels of this tap, or the next tap. Past the last one nothing is loaded.
            channels_left = int32(channels_left - DEPTH)
            w_at, x_at = uint32(w_at + w_chunk), uint32(x_at + x_chunk)
            if channels_left == 0:
                channels_left, taps_left, w = channels, int32(taps_left - 1), int32(w + d_w)
                w_at, x_at = uint32(w_at + uint32(w_skip)), uint32(x_at + uint32(x_skip))
                if taps_left == 0:
                    taps_left, rows_left, w, h = B, int32(rows_left - 1), int32(w + w_back), int32(h + d_h)
                    w_at, x_at = uint32(w_at + uint32(w_skip_row)), uint32(x_at + uint32(x_skip_row))
                ok = there & (rows_left > 0) & (uint32(h) < uint32(H)) & (uint32(w) < uint32(W))
            if ragged:
                limit = int32(channels_left - padding)
            gemm_tile.load_vectors(w_next, wt, w_at, w_row, rows_left > 0, w_loads)
            gemm_tile.load_rows(x_next, x, x_at, x_row, ok, limit, rows_apart, x_loads)
            gemm_tile.multiply_steps(
                fragments, w_shared, w_from, x_shared, x_from, results, rows_tile, columns_tile, 0, last
            )
            w_from, x_from = uint32(w_from ^ uint32(w_half)), uint32(x_from ^ uint32(x_half))
            w_to, x_to = uint32(w_to ^ uint32(w_half)), uint32(x_to ^ uint32(x_half))
            gemm_tile.store_vectors(w_next, w_shared, w_to, w_apart, w_loads)
            gemm_tile.store_rows(x_next, x_shared, x_to, threads, x_loads)
            cuda.syncthreads()
            gemm_tile.load_fragments(fragments, w_shared, w_from, x_shared, x_from)
            gemm_tile.multiply_last(fragments, results)
            if rows_left == 0:
                break

        # The thread's pixel again, which took no registers in the loop.
        thread, block = thread_and_block()
        g, k0, pixel = tile_of(block, filters, rows_tile, pixels, columns_tile)
        own, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
        pixel = uint32(pixel + own)
        n, u, v = position_of(pixel, UV, uv_factor, uv_shift, V, v_factor, v_shift)
        there = pixel < uint32(pixels)
        staged = staging_of(thread, warps, bytes_each)
        channel0 = uint32(g * uint32(K) + k0)
        y_at = uint32(uint32(uint32(n * uint32(uint32(G) * uint32(K))) + channel0) * uint32(plane) + uint32(first))
        y_at = uint32(y_at + uint32(u * uint32(row)) + uint32(v * uint32(column)))
        store_pixels(
            results, x_shared, staged, own, first_line, staged_lines, rows_apart, columns_tile, vector,
            there, k0, K, channel0, bias, has_bias, activation, slope, before, factor, y, y_at, plane,
        )  # fmt: skip

    conv2d_fprop_implicit_gemm.__name__ = (
        f"conv2d_fprop_implicit_gemm_{rows_tile}x{columns_tile}{'_ragged' if ragged else ''}"
    )
    conv2d_fprop_implicit_gemm.__qualname__ = conv2d_fprop_implicit_gemm.__name__
    return cuda.jit(cache=True, launch_bounds=(threads, resident))(conv2d_fprop_implicit_gemm)
