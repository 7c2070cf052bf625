"""Kernels of the weight gradient on tensor cores: the products and the split-K reduction; see tensor_core_wgrad.py."""

from functools import lru_cache

from ...cuda import cp_async, gemm_tile
from ...cuda import tensor_core as core
from ...cuda.launch import WARP, cuda, float32, int32, uint32
from ...cuda.ptx import divide, thread_and_block
from ...cuda.split_k import THREADS as REDUCTION_THREADS
from ...cuda.split_k import result_index, sum_over_splits
from ...cuda.tensor_core_mapping import (
    STAGES,
    THREADS,
    b_fragment_offset,
    staged_row,
    staging_offset,
    swizzled_offset,
    transposed_a_offset,
    transposed_offset,
    transposed_staged_row,
)
from ...cuda.tensor_core_types import KINDS, narrow
from ...cuda.thread_mapping import position_of, tile_of
from .implicit_gemm_wgrad import INVALID_POSITION, ROW_UNIT


@lru_cache
def reduction_kernel(name):
    """The kernel for a kind."""

    def conv2d_wgrad_reduce(partial_sums, dw, size, K, windows, channels, C, RS, splits):
        """dw[g,k,c,rs] = sum_z partial_sums[z,g,rs,c,k], rounded once.

        Block i // 32 adds partial_sums[:, i], lane i % 32. FLOPs: splits size. Bytes: partial_sums and dw once.
        """
        shared = cuda.shared.array(REDUCTION_THREADS, float32)
        i = result_index()
        total = sum_over_splits(shared, partial_sums, i, size, splits)
        k, rest = uint32(i % uint32(K)), uint32(i // uint32(K))
        j, g = uint32(rest % uint32(windows)), uint32(rest // uint32(windows))
        c, rs = uint32(j % uint32(channels)), uint32(j // uint32(channels))
        if cuda.threadIdx.x < WARP and i < uint32(size) and c < uint32(C):
            filter_ = uint32(uint32(g * uint32(K)) + k)
            at = uint32(uint32(uint32(uint32(filter_ * uint32(C)) + c) * uint32(RS)) + rs)
            dw[at] = narrow(total, name)

    conv2d_wgrad_reduce.__name__ = conv2d_wgrad_reduce.__qualname__ = f"conv2d_wgrad_reduce_{name}"
    return cuda.jit(cache=True)(conv2d_wgrad_reduce)


@cuda.jit(device=True, inline="always")
def load_panel_table(
    shifts, moves, panel, stride, loads, shared, thread, j0, panels, depth,
    windows, channels, W, S, top, left, dilation_h, dilation_w, reciprocal,
):  # fmt: skip
    """shifts[i], moves[i] = offset in x and packed position of the tile's panel `panel` + i stride / 4; i < loads.

    A thread works out one panel, in shared[:panels] and shared[panels :][:panels], for all that copy of it.
    """
    if thread < uint32(panels):
        c_factor, c_shift, s_factor, s_shift = reciprocal
        j = uint32(j0 + uint32(thread * uint32(depth)))
        rs = divide(j, c_factor, c_shift)
        r = divide(rs, s_factor, s_shift)
        row = int32(int32(r) * dilation_h - top)
        column = int32(int32(rs - uint32(r * uint32(S))) * dilation_w - left)
        c = uint32(j - uint32(rs * uint32(channels)))
        shared[thread] = uint32(uint32(uint32(row * W + column) * uint32(channels)) + c)
        move = int32(row * ROW_UNIT + column) if j < uint32(windows) else int32(INVALID_POSITION)
        shared[uint32(thread + uint32(panels))] = uint32(move)
    cuda.syncthreads()
    core.load_words(shifts, shared, uint32(panel * uint32(4)), stride, loads)
    core.load_words(moves, shared, uint32(uint32(panel + uint32(panels)) * uint32(4)), stride, loads)
    cuda.syncthreads()


@cuda.jit(device=True, inline="always")
def copy_chunk(
    stage, arrays, targets, x_first, dy_offset, dy_stride, limit, pixel, chunk_pixel, end, image, grid,
    a_stride, a_loads, b_stride, b_step, b_loads,
):  # fmt: skip
    """Copy a chunk of pixels: of x the thread's pixel, of dy a vector of some filters; nothing from `end` on."""
    shared, x, shifts, moves, dy = arrays
    x_to, dy_to = uint32(stage + targets[0]), uint32(stage + targets[1])
    G, g, H, W, height, channels = image
    PQ, pq_factor, pq_shift, Q, q_factor, q_shift, stride_h, stride_w = grid
    n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
    h, w = int32(int32(p) * stride_h), int32(int32(q) * stride_w)
    row = uint32(uint32(uint32(uint32(n * uint32(G)) + g) * uint32(H)) + uint32(h))
    x_offset = uint32(uint32(uint32(uint32(row * uint32(W)) + uint32(w)) * uint32(channels)) + x_first)
    corner, valid = int32(h * ROW_UNIT + w), pixel < end
    cp_async.copy_windows(shared, x_to, x, x_offset, shifts, corner, moves, height, W, valid, a_stride, a_loads)
    line_limit = limit if uint32(pixel - chunk_pixel) < end else int32(0)
    cp_async.copy_lines(shared, dy_to, dy, dy_offset, dy_stride, line_limit, b_stride, b_step, b_loads)
    cp_async.commit_group()


@cuda.jit(device=True, inline="always")
def load_fragments(
    a, a_first, a_from, a_half, panel, n_rows, b, b_first, b_from, b_half, lines, pairs, shared, stage, name
):  # fmt: skip
    """Fragments of windows to a[a_first:], of filters to b[b_first:]; the halves are those of a line's pixels, or 0."""
    core.load_transposed(a, a_first, shared, uint32(uint32(stage + a_from) + uint32(a_half)), panel, n_rows, name)
    core.load_matrices(b, b_first, shared, uint32(uint32(stage + b_from) ^ uint32(b_half)), lines, pairs)


@cuda.jit(device=True, inline="always")
def epilogue(
    results, shared, staged, column, first_line, staging, pitch_bytes, n_rows, n_columns, warp_rows, is_tf32,
    k, K, j0, windows, part, dw,
):  # fmt: skip
    """dw = results, staged through shared memory one row of every warp's mma at a time, so a warp stores neighbors."""
    pitch, lines, line_step = staging
    i = uint32(0)
    while i < uint32(n_rows):
        # Stage row i of every warp.
        cuda.syncthreads()
        core.stage_rows(results, i, shared, staged, pitch_bytes, n_rows, n_columns)
        cuda.syncthreads()
        # Store.
        line = first_line
        while line < uint32(lines):
            row = transposed_staged_row(line, i, warp_rows) if is_tf32 else staged_row(line, i, warp_rows)
            j = uint32(j0 + row)
            if k < uint32(K) and j < uint32(windows):
                total = core.load_float(shared, uint32(uint32(uint32(line * uint32(pitch)) + column) * uint32(4)))
                dw[uint32(uint32(uint32(part * uint32(windows)) + j) * uint32(K) + k)] = total
            line = uint32(line + uint32(line_step))
        i = uint32(i + uint32(1))


@lru_cache
def wgrad_kernel(name, tile):
    """The kernel for a kind of operands and a tile's tile."""
    kind, is_tf32 = KINDS[name], name == "tf32"
    vector, vectors, rows_tile, columns_tile = kind.vector, core.VECTORS, tile.rows, tile.columns
    depth, last_column, a_bytes = vectors * vector, columns_tile - 1, rows_tile * core.LINE
    panel = depth * core.LINE  # bytes of a panel: `depth` pixels x `depth` channels
    stage, last_stage, words, ahead = tile.stage, (STAGES - 1) * tile.stage, STAGES * tile.stage // 4, STAGES - 2
    b_step, a_step = THREADS // vectors, THREADS // vectors // depth
    b_stride, b_loads = b_step * core.LINE, columns_tile // b_step
    a_stride, a_loads, panels = a_step * panel, rows_tile // depth // a_step, rows_tile // depth
    word_stride = 4 * a_step
    (warp_rows, warp_columns), (n_rows, n_columns) = tile.warp, tile.products
    n_a, n_b, n_results = tile.registers
    a_slots, b_slots, pairs = 2 * n_a, 2 * n_b, n_columns // 2
    warp_panels, b_lines, a_half, b_half = warp_rows // depth, core.MMA_ROWS * core.LINE, panel // 2, core.LINE // 2
    pitch, staged_lines, staged_step = tile.staging
    pitch_bytes = 4 * pitch
    x_offset_of = transposed_offset if is_tf32 else swizzled_offset

    def conv2d_wgrad_tensor_core(
        x, dy, dw, G, channels, H, W, height, K, windows, padded, S, PQ, Q,
        stride_h, stride_w, top, left, dilation_h, dilation_w,
        pixels, length, pq_factor, pq_shift, q_factor, q_shift, c_factor, c_shift, s_factor, s_shift,
    ):  # fmt: skip
        """dw[z,j,k] = sum_{(n,p,q) in split z} dy[n,k,p,q] x[n,c,p st + r d - pad,...], j = (r,s,c): equation (13).

        x [n][g][h][w][channels], dy [g][k][n p q] padded, dw (splits, G, R S channels, K) in float32. Blocks are
        (split, group, windows, filters), filters fastest, each a tile of windows j x filters. A thread copies a vector
        of one pixel of every `a_step`-th panel of channels and of every `b_step`-th filter; a warp multiplies a quarter
        of the tile, a line of pixels at a time, in three stages of shared memory.
        FLOPs: 2 N G K P Q C R S. Bytes: at least x, dy and dw once; loaded dy C R S / rows_tile times and x R S K /
        columns_tile times, mostly from the caches.
        """
        shared = cuda.shared.array(words, uint32, alignment=128)
        results = cuda.local.array(n_results, float32)
        a = cuda.local.array(a_slots, uint32)
        b = cuda.local.array(b_slots, uint32)
        shifts = cuda.local.array(a_loads, uint32)
        moves = cuda.local.array(a_loads, uint32)

        # Block to split, group and tile. Table of panels, which have one tap each: of those that this thread copies.
        thread, block = thread_and_block()
        part, k0, j0 = tile_of(block, int32(K + last_column), columns_tile, windows, rows_tile)
        first, g = uint32(uint32(part // uint32(G)) * uint32(length)), uint32(part % uint32(G))
        piece, line = uint32(thread % uint32(vectors)), uint32(thread // uint32(vectors))
        chunk_panel, chunk_pixel = uint32(line // uint32(depth)), uint32(line % uint32(depth))
        load_panel_table(
            shifts, moves, chunk_panel, word_stride, a_loads, shared, thread, j0, panels, depth,
            windows, channels, W, S, top, left, dilation_h, dilation_w, (c_factor, c_shift, s_factor, s_shift),
        )  # fmt: skip

        # Offsets to copy to, and to load fragments from.
        x_first = uint32(piece * uint32(vector))
        x_to = uint32(uint32(chunk_panel * uint32(panel)) + x_offset_of(chunk_pixel, piece))
        targets = x_to, uint32(swizzled_offset(line, piece) + uint32(a_bytes))
        x_from = transposed_a_offset(thread, warp_panels, panel, is_tf32)
        dy_from = uint32(b_fragment_offset(thread, warp_columns) + uint32(a_bytes))

        # Prologue: copy the first chunks.
        pixel, end = uint32(first + chunk_pixel), min(uint32(first + uint32(length)), uint32(pixels))
        dy_offset = uint32(uint32(uint32(uint32(g * uint32(K)) + k0 + line) * uint32(padded)) + first + x_first)
        dy_stride, limit = uint32(uint32(b_step) * uint32(padded)), int32(K - int32(k0) - int32(line))
        arrays, image = (shared, x, shifts, moves, dy), (G, g, H, W, height, channels)
        grid = PQ, pq_factor, pq_shift, Q, q_factor, q_shift, stride_h, stride_w
        chunks, read, written = int32(int32(end - first + uint32(depth - 1)) // int32(depth)), uint32(0), uint32(0)
        gemm_tile.zero(results, n_results)
        while written < uint32(last_stage):
            copy_chunk(
                written, arrays, targets, x_first, dy_offset, dy_stride, limit, pixel, chunk_pixel, end, image, grid,
                a_stride, a_loads, b_stride, b_step, b_loads,
            )  # fmt: skip
            pixel, dy_offset = uint32(pixel + uint32(depth)), uint32(dy_offset + uint32(depth))
            written = uint32(written + uint32(stage))
        cp_async.wait_group(ahead)
        cuda.syncthreads()
        load_fragments(a, 0, x_from, 0, panel, n_rows, b, 0, dy_from, 0, b_lines, pairs, shared, read, name)
        # Main loop.
        while True:
            # Load the second half of the pixels and copy a further chunk while the first half is multiplied.
            load_fragments(
                a, n_a, x_from, a_half, panel, n_rows, b, n_b, dy_from, b_half, b_lines, pairs, shared, read, name
            )  # fmt: skip
            copy_chunk(
                written, arrays, targets, x_first, dy_offset, dy_stride, limit, pixel, chunk_pixel, end, image, grid,
                a_stride, a_loads, b_stride, b_step, b_loads,
            )  # fmt: skip
            pixel, dy_offset = uint32(pixel + uint32(depth)), uint32(dy_offset + uint32(depth))
            written = uint32(written + uint32(stage)) if written < uint32(last_stage) else uint32(0)
            core.multiply(results, a, 0, b, 0, n_rows, n_columns, name)
            # Load the first half of the next chunk while the second half is multiplied.
            read = uint32(read + uint32(stage)) if read < uint32(last_stage) else uint32(0)
            cp_async.wait_group(ahead)
            cuda.syncthreads()
            load_fragments(a, 0, x_from, 0, panel, n_rows, b, 0, dy_from, 0, b_lines, pairs, shared, read, name)
            core.multiply(results, a, n_a, b, n_b, n_rows, n_columns, name)
            chunks = int32(chunks - 1)
            if chunks == 0:
                break

        # Epilogue: the indices are computed again, so that they took no registers in the loop.
        thread, block = thread_and_block()
        part, k0, j0 = tile_of(block, int32(K + last_column), columns_tile, windows, rows_tile)
        column, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
        cp_async.wait_group(0)
        epilogue(
            results, shared, staging_offset(thread, warp_columns, pitch), column, first_line,
            (pitch, staged_lines, staged_step), pitch_bytes, n_rows, n_columns, warp_rows, is_tf32,
            uint32(k0 + column), K, j0, windows, part, dw,
        )  # fmt: skip

    conv2d_wgrad_tensor_core.__name__ = conv2d_wgrad_tensor_core.__qualname__ = (
        f"conv2d_wgrad_{name}_{rows_tile}x{columns_tile}"
    )
    return cuda.jit(cache=True, launch_bounds=(THREADS, tile.resident))(conv2d_wgrad_tensor_core)
