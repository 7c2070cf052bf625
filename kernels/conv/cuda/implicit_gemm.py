"""Implicit GEMM: forward pass and input gradient as filters x (channels, taps) by (channels, taps) x pixels.

Both passes are problems of one kernel (problem_size.py); the input gradient launches one for each phase of the stride.
The weights are packed so that a block loads them in 128-bit vectors; the other matrix, a column for each output pixel,
is never stored: threads gather it from the images. Each result is accumulated by one thread in a fixed order, so
results are the same bits every time.
"""

from functools import lru_cache

from ...core.scalar import IDENTITY, activate, activate_grad
from ...cuda import gemm_tile
from ...cuda.launch import Plan, cuda, int32, multiprocessors, numba_type, planned, uint32
from ...cuda.ptx import reciprocals, thread_and_block, vector_length
from ...cuda.thread_mapping import fragments_of, position_of, staged_row, staging_of, tile_of
from ...cuda.tile_config import best_tile
from .pack_filters import DEPTH, pack_filters, rounded_up
from .problem_size import DGRAD, FPROP, WGRAD, dgrad_problems, fprop_problem
from .results import offset_of_result

MAX_PADDED_EXTENT = 1 << 15
"""Rows and columns of a padded image have to be fewer in the weight gradient."""


def unsupported(shape, operation, dtype):
    """Why these kernels do not support a problem: the weight gradient packs a row and a column into one number."""
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
    packed = pack_filters(w, shape.w_shape, shape.groups, False, tile.rows)
    launch_problem(fprop_problem(shape), shape.n, tile, x, packed, b, (activation, slope), (None, IDENTITY), y)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx, tile=None):
    """Launch the input gradient: a launch for each phase of the stride; a phase that no tap reaches is zero."""
    problems, complete = dgrad_problems(shape)
    if not complete:
        dx.fill(0)
    tile = tile or best_tile(*tile_problem(shape, DGRAD, dy.dtype.itemsize, multiprocessors(dy)))
    packed = pack_filters(w, shape.w_shape, shape.groups, True, tile.rows)
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


def launch_problem(problem, n, tile, x, packed, bias, activation, grad, y):
    """Launch one problem of n images.

    x (n, G C, H, W), packed [g][tap][channels][filters] by pack_filters, y (n, G K, y_plane); activation is (code,
    slope), grad (pre_activation or None, its activation).
    """
    pre_activation, grad_activation = grad
    planned(
        _plan(problem, n, tile, x.dtype), x, packed, *array_or_unused(bias, x), *activation,
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


def array_or_unused(array, like):
    """(array, 1), or (memory that the kernel does not read, 0) for None."""
    return (like.reshape(-1)[:1], 0) if array is None else (array, 1)


@cuda.jit(device=True, inline="always")
def offset_of(i, columns, pitch):
    """Offset of element i of a tile, in a matrix with rows of `pitch` elements."""
    return uint32(uint32(uint32(i // uint32(columns)) * uint32(pitch)) + i % uint32(columns))


@cuda.jit(device=True, inline="always")
def next_tap(w_offset, x_offset, h, w, rows_left, taps_left, S, skips, steps):
    """(w_offset, x_offset, h, w, rows_left, taps_left) of the next tap, in this row of taps or in the next one."""
    w_skip, w_skip_row, x_skip, x_skip_row = skips
    dilation_h, dilation_w, w_back = steps
    taps_left, w = int32(taps_left - 1), int32(w + dilation_w)
    w_offset, x_offset = uint32(w_offset + uint32(w_skip)), uint32(x_offset + uint32(x_skip))
    if taps_left == 0:
        taps_left, rows_left, w, h = S, int32(rows_left - 1), int32(w + w_back), int32(h + dilation_h)
        w_offset, x_offset = uint32(w_offset + uint32(w_skip_row)), uint32(x_offset + uint32(x_skip_row))
    return w_offset, x_offset, h, w, rows_left, taps_left


@cuda.jit(device=True, inline="always")
def epilogue(
    results, staging, staging_offset, column, first_line, lines, line_step, columns, vector,
    valid, k0, K, channel0, bias, has_bias, activation, slope, pre_activation, grad_activation, y, y_offset, y_plane,
):  # fmt: skip
    """y = f(results + bias) f'(pre_activation), staged through shared memory one row of every thread's at a time.

    A line of the staging buffer is one filter's; a thread stores its column, so a warp stores neighboring pixels.
    """
    i = uint32(0)
    while i < uint32(gemm_tile.THREAD_TILE):
        # Stage row i of every thread.
        cuda.syncthreads()
        gemm_tile.store_row(results, i, staging, staging_offset)
        cuda.syncthreads()
        # Bias, activation, store.
        line = first_line
        while line < uint32(lines):
            k = staged_row(line, i, vector)
            if valid & (uint32(k0 + k) < uint32(K)):
                total = staging[uint32(uint32(line * uint32(columns)) + column)]
                if has_bias:
                    total += bias[uint32(channel0 + k)]
                at = uint32(y_offset + uint32(k * uint32(y_plane)))
                total = activate(total, activation, slope)
                if grad_activation:
                    total = activate_grad(total, pre_activation[at], grad_activation, slope)
                y[at] = total
            line = uint32(line + uint32(line_step))
        i = uint32(i + uint32(1))


@lru_cache
def fprop_kernel(tile, dtype, ragged):
    """The kernel for a tile and a type; `ragged` where the channels are no multiple of DEPTH."""
    rows_tile, columns_tile, threads = tile.rows, tile.columns, tile.threads
    vector = vector_length(dtype)
    w_tile, x_tile = DEPTH * rows_tile, DEPTH * columns_tile
    w_loads, x_loads = w_tile // vector // threads, x_tile // threads
    warps = columns_tile // gemm_tile.WARP_COLUMNS
    row_step, staged_lines = threads // columns_tile, rows_tile // gemm_tile.THREAD_TILE
    w_halves, x_halves, w_vectors, w_stride = 2 * w_tile, 2 * x_tile, w_loads * vector, threads * vector
    bytes_each = dtype.bitwidth // 8
    w_half, x_half = w_tile * bytes_each, x_tile * bytes_each
    last, n_results, n_fragments = DEPTH - 1, gemm_tile.ACCUMULATORS, gemm_tile.FRAGMENTS
    # With more pixels to load than weights, each with a predicate, the compiler spills at 128 registers on Turing and
    # sm_86; three warps a scheduler instead of four leave it 168.
    resident = tile.resident * 3 // 4 if ragged and columns_tile < 128 else tile.resident

    def conv2d_fprop_implicit_gemm(
        x, wt, bias, has_bias, activation, slope, pre_activation, grad_activation, y,
        G, C, channels, H, W, x_plane, K, filters, PQ, Q, pixels, R, S,
        stride_h, stride_w, h0, w0, dilation_h, dilation_w, w_back,
        group_weights, first_tap, w_skip, w_skip_row, x_skip, x_skip_row, y_plane, y_first, y_stride_p, y_stride_q,
        pq_factor, pq_shift, q_factor, q_shift,
    ):  # fmt: skip
        """ProblemSize's equation, then y = f(y + bias[k]) f'(pre_activation); a tile of filters x pixels a block.

        x (N, G C, H, W), wt [g][tap][channels][filters] padded, y and pre_activation (N, G K, y_plane), bias (G K,).
        Blocks are (group, pixels, filters), filters fastest; a pixel is (n, p, q). A thread gathers the channels of one
        pixel and accumulates 8 x 8 filters x pixels. Chunks of DEPTH channels of a tap are double-buffered in shared
        memory: one is multiplied while the next is loaded.
        FLOPs: 2 N G K P Q R S C. Bytes: at least x, wt and y once; loaded x K / rows_tile times and wt pixels /
        columns_tile times, mostly from the caches.
        """
        w_shared = cuda.shared.array(w_halves, dtype, alignment=16)
        x_shared = cuda.shared.array(x_halves, dtype, alignment=16)
        results = cuda.local.array(n_results, dtype)
        fragments = cuda.local.array(n_fragments, dtype)
        w_next = cuda.local.array(w_vectors, dtype)
        x_next = cuda.local.array(x_loads, dtype)

        # Block to tile; the thread's pixel and first channel to gather, its vectors of the weights.
        thread, block = thread_and_block()
        g, k0, pixel = tile_of(block, filters, rows_tile, pixels, columns_tile)
        pixel, c0 = uint32(pixel + thread % uint32(columns_tile)), int32(thread // uint32(columns_tile))
        n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
        valid = pixel < uint32(pixels)
        x_row, x_chunk = uint32(x_plane * row_step), uint32(x_plane * DEPTH)
        w_offset = uint32(uint32(g * uint32(group_weights)) + uint32(first_tap) + k0)
        w_offset = uint32(w_offset + offset_of(uint32(thread * uint32(vector)), rows_tile, filters))
        w_row, w_chunk = uint32(threads * vector // rows_tile) * uint32(filters), uint32(filters * DEPTH)

        # Shared-memory offsets to load from and to store to.
        w_load, x_load = fragments_of(thread, warps, bytes_each)
        w_store, x_store = uint32(thread * uint32(16)), uint32(thread * uint32(bytes_each))

        # Prologue: the first chunk.
        h, w = int32(int32(p) * stride_h + h0), int32(int32(q) * stride_w + w0)
        rows_left, taps_left, channels_left = R, S, channels
        skips, steps = (w_skip, w_skip_row, x_skip, x_skip_row), (dilation_h, dilation_w, w_back)
        predicate = valid & (uint32(h) < uint32(H)) & (uint32(w) < uint32(W))
        plane = uint32(uint32(uint32(n * uint32(G)) + g) * uint32(C) + uint32(c0))
        x_offset = uint32(uint32(plane * uint32(x_plane)) + uint32(h * W + w))
        padding, limit = int32(channels - C + c0), int32(C - c0) if ragged else int32(DEPTH)
        gemm_tile.load_vectors(w_next, wt, w_offset, w_row, True, w_loads)
        gemm_tile.load_rows(x_next, x, x_offset, x_row, predicate, limit, row_step, x_loads)
        gemm_tile.zero(results, n_results)
        gemm_tile.store_vectors(w_next, w_shared, w_store, w_stride, w_loads)
        gemm_tile.store_rows(x_next, x_shared, x_store, threads, x_loads)
        cuda.syncthreads()
        gemm_tile.load_fragments(fragments, w_shared, w_load, x_shared, x_load)
        # Main loop.
        while True:
            # The next chunk, of which nothing is loaded past the last one.
            channels_left = int32(channels_left - DEPTH)
            w_offset, x_offset = uint32(w_offset + w_chunk), uint32(x_offset + x_chunk)
            if channels_left == 0:
                channels_left = channels
                w_offset, x_offset, h, w, rows_left, taps_left = next_tap(
                    w_offset, x_offset, h, w, rows_left, taps_left, S, skips, steps
                )
                predicate = valid & (rows_left > 0) & (uint32(h) < uint32(H)) & (uint32(w) < uint32(W))
            if ragged:
                limit = int32(channels_left - padding)
            gemm_tile.load_vectors(w_next, wt, w_offset, w_row, rows_left > 0, w_loads)
            gemm_tile.load_rows(x_next, x, x_offset, x_row, predicate, limit, row_step, x_loads)
            # Multiply the current chunk while the loads are in flight, then swap the halves of shared memory.
            gemm_tile.multiply_steps(
                fragments, w_shared, w_load, x_shared, x_load, results, rows_tile, columns_tile, 0, last
            )
            w_load, x_load = uint32(w_load ^ uint32(w_half)), uint32(x_load ^ uint32(x_half))
            w_store, x_store = uint32(w_store ^ uint32(w_half)), uint32(x_store ^ uint32(x_half))
            gemm_tile.store_vectors(w_next, w_shared, w_store, w_stride, w_loads)
            gemm_tile.store_rows(x_next, x_shared, x_store, threads, x_loads)
            cuda.syncthreads()
            gemm_tile.load_fragments(fragments, w_shared, w_load, x_shared, x_load)
            gemm_tile.multiply_last(fragments, results)
            if rows_left == 0:
                break

        # Epilogue: bias, activation, store. The pixel is computed again, so that it took no registers in the loop.
        thread, block = thread_and_block()
        g, k0, pixel = tile_of(block, filters, rows_tile, pixels, columns_tile)
        column, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
        pixel, channel0 = uint32(pixel + column), uint32(uint32(g * uint32(K)) + k0)
        n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
        y_offset = offset_of_result(n, p, q, channel0, G * K, y_plane, y_first, y_stride_p, y_stride_q)
        staging_offset = staging_of(thread, warps, bytes_each)
        epilogue(
            results, x_shared, staging_offset, column, first_line, staged_lines, row_step, columns_tile, vector,
            pixel < uint32(pixels), k0, K, channel0, bias, has_bias, activation, slope, pre_activation, grad_activation,
            y, y_offset, y_plane,
        )  # fmt: skip

    conv2d_fprop_implicit_gemm.__name__ = (
        f"conv2d_fprop_implicit_gemm_{rows_tile}x{columns_tile}{'_ragged' if ragged else ''}"
    )
    conv2d_fprop_implicit_gemm.__qualname__ = conv2d_fprop_implicit_gemm.__name__
    return cuda.jit(cache=True, launch_bounds=(threads, resident))(conv2d_fprop_implicit_gemm)
