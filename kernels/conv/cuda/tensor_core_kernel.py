"""Kernel of the implicit GEMM on tensor cores: forward pass and input gradient; tensor_core.py describes it.

Its steps are device functions: the table of pixels, the copy of a chunk, the epilogue.
"""

from functools import lru_cache

from ...core.scalar import activate, activate_grad
from ...cuda import cp_async, gemm_tile
from ...cuda import tensor_core as core
from ...cuda.launch import cuda, float32, int32, uint32
from ...cuda.ptx import thread_and_block
from ...cuda.tensor_core_mapping import (
    STAGES,
    THREADS,
    a_fragment_offset,
    b_fragment_offset,
    staged_row,
    staging_offset,
    swizzled_offset,
)
from ...cuda.tensor_core_types import KINDS, narrow, widen
from ...cuda.thread_mapping import position_of, tile_of
from .results import offset_of_result

FIRST_ROW_BIT = 1 << 16
"""Bit of the first row of taps in a padding mask; that of the first column is 1."""

END_BIT = 1 << 31
"""Bit that is set in every padding mask: selects nothing, past the last chunk."""


@cuda.jit(device=True, inline="always")
def padding_mask(h, w, valid, H, W, R, S, dilation_h, dilation_w):
    """A bit for each row and column of taps that falls into the padding, all rows of an invalid pixel; END_BIT."""
    mask, i = uint32(END_BIT), int32(0)
    while i < R:
        if not valid or uint32(h) >= uint32(H):
            mask = uint32(mask | uint32(uint32(FIRST_ROW_BIT) << uint32(i)))
        h, i = int32(h + dilation_h), int32(i + int32(1))
    i = int32(0)
    while i < S:
        if uint32(w) >= uint32(W):
            mask = uint32(mask | uint32(uint32(1) << uint32(i)))
        w, i = int32(w + dilation_w), int32(i + int32(1))
    return mask


@cuda.jit(device=True, inline="always")
def load_pixel_table(
    bases, masks, line, stride, loads, shared, thread, pixel, g, pixels, columns,
    G, channels, H, W, R, S, PQ, Q, reciprocal, strides, origin, dilations,
):  # fmt: skip
    """bases[i], masks[i] = offset in x and padding mask of the tile's pixel line + i stride / 4; i < loads.

    A thread works out one pixel, in shared[:columns] and shared[columns :][:columns], for the four that copy it.
    """
    if thread < uint32(columns):
        pq_factor, pq_shift, q_factor, q_shift = reciprocal
        n, p, q = position_of(uint32(pixel + thread), PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
        h, w = int32(int32(p) * strides[0] + origin[0]), int32(int32(q) * strides[1] + origin[1])
        image = uint32(uint32(uint32(n * uint32(G)) + g) * uint32(H * W))
        shared[thread] = uint32(uint32(image + uint32(h * W + w)) * uint32(channels))
        valid = uint32(pixel + thread) < uint32(pixels)
        mask = padding_mask(h, w, valid, H, W, R, S, dilations[0], dilations[1])
        shared[uint32(thread + uint32(columns))] = mask
    cuda.syncthreads()
    core.load_words(bases, shared, uint32(line * uint32(4)), stride, loads)
    core.load_words(masks, shared, uint32(uint32(line + uint32(columns)) * uint32(4)), stride, loads)
    cuda.syncthreads()


@cuda.jit(device=True, inline="always")
def copy_chunk(
    stage, arrays, targets, w_offset, w_stride, limit, x_offset, bits, left, sizes, skips,
    line_stride, line_step, a_loads, b_loads, depth,
):  # fmt: skip
    """Copy a chunk; returns (w_offset, x_offset, limit, bits, left) of the next one.

    That has further channels of this tap, or is of the next tap. `bits` are those of the tap's row and column; `left`
    counts rows, taps and channels to come, with this chunk. Past the last chunk nothing is copied.
    """
    shared, wt, x, bases, masks = arrays
    w_to, x_to = uint32(stage + targets[0]), uint32(stage + targets[1])
    row_bit, column_bit = bits
    rows_left, taps_left, channels_left = left
    S, channels = sizes
    w_skip, w_skip_row, x_skip, x_skip_row = skips
    cp_async.copy_lines(shared, w_to, wt, w_offset, w_stride, limit, line_stride, line_step, a_loads)
    cp_async.copy_pixels(shared, x_to, x, x_offset, bases, masks, uint32(row_bit | column_bit), line_stride, b_loads)
    cp_async.commit_group()
    w_offset, x_offset = uint32(w_offset + uint32(depth)), uint32(x_offset + uint32(depth))
    channels_left = int32(channels_left - int32(depth))
    if channels_left == 0:
        channels_left, taps_left, column_bit = channels, int32(taps_left - 1), uint32(column_bit << uint32(1))
        w_offset, x_offset = uint32(w_offset + uint32(w_skip)), uint32(x_offset + uint32(x_skip))
        if taps_left == 0:
            taps_left, column_bit = S, uint32(1)
            rows_left, row_bit = int32(rows_left - 1), uint32(row_bit << uint32(1))
            w_offset, x_offset = uint32(w_offset + uint32(w_skip_row)), uint32(x_offset + uint32(x_skip_row))
            if rows_left <= 0:  # also with fewer chunks than stages
                row_bit, limit = uint32(END_BIT), int32(0)
    return w_offset, x_offset, limit, (row_bit, column_bit), (rows_left, taps_left, channels_left)


@cuda.jit(device=True, inline="always")
def load_fragments(a, a_first, a_from, n_rows, b, b_first, b_from, pairs, shared, stage, flip, lines):
    """Fragments of weights to a[a_first:], of pixels to b[b_first:]; `flip` is half a line or 0."""
    core.load_matrices(a, a_first, shared, uint32(uint32(stage + a_from) ^ uint32(flip)), lines, n_rows)
    core.load_matrices(b, b_first, shared, uint32(uint32(stage + b_from) ^ uint32(flip)), lines, pairs)


@cuda.jit(device=True, inline="always")
def epilogue(
    results, shared, staged, column, first_line, staging, pitch_bytes, n_rows, n_columns, warp_rows,
    valid, k0, K, channel0, bias, has_bias, activation, slope, pre_activation, grad_activation,
    y, y_offset, y_plane, name,
):  # fmt: skip
    """y = f(results + bias) f'(pre_activation), staged through shared memory one row of every warp's mma at a time.

    A line of the staging buffer is one filter's; a thread stores its column, so a warp stores neighboring pixels.
    """
    pitch, lines, line_step = staging
    i = uint32(0)
    while i < uint32(n_rows):
        # Stage row i of every warp.
        cuda.syncthreads()
        core.stage_rows(results, i, shared, staged, pitch_bytes, n_rows, n_columns)
        cuda.syncthreads()
        # Bias, activation, store.
        line = first_line
        while line < uint32(lines):
            k = staged_row(line, i, warp_rows)
            if valid and uint32(k0 + k) < uint32(K):
                total = core.load_float(shared, uint32(uint32(uint32(line * uint32(pitch)) + column) * uint32(4)))
                if has_bias:
                    total += widen(bias[uint32(channel0 + k)], name)
                at = uint32(y_offset + uint32(k * uint32(y_plane)))
                total = activate(total, activation, slope)
                if grad_activation:
                    total = activate_grad(total, widen(pre_activation[at], name), grad_activation, slope)
                y[at] = narrow(total, name)
            line = uint32(line + uint32(line_step))
        i = uint32(i + uint32(1))


@lru_cache
def fprop_kernel(name, tile):
    """The kernel for a kind of operands and a tile."""
    kind = KINDS[name]
    vector, vectors, rows_tile, columns_tile = kind.vector, core.VECTORS, tile.rows, tile.columns
    depth, last_row, a_bytes = vectors * vector, rows_tile - 1, rows_tile * core.LINE
    stage, last_stage, words, ahead = tile.stage, (STAGES - 1) * tile.stage, STAGES * tile.stage // 4, STAGES - 2
    line_step = THREADS // vectors
    line_stride, a_loads, b_loads = line_step * core.LINE, rows_tile // line_step, columns_tile // line_step
    word_stride = 4 * line_step
    (warp_rows, warp_columns), (n_rows, n_columns) = tile.warp, tile.products
    n_a, n_b, n_results = tile.registers
    a_slots, b_slots, pairs = 2 * n_a, 2 * n_b, n_columns // 2
    lines, half = core.MMA_ROWS * core.LINE, core.LINE // 2
    pitch, staged_lines, staged_step = tile.staging
    pitch_bytes = 4 * pitch

    def conv2d_fprop_tensor_core(
        x, wt, bias, has_bias, activation, slope, pre_activation, grad_activation, y,
        G, channels, H, W, K, PQ, Q, pixels, R, S, stride_h, stride_w, h0, w0, dilation_h, dilation_w,
        filter_size, first_tap, w_skip, w_skip_row, x_skip, x_skip_row, y_plane, y_first, y_stride_p, y_stride_q,
        pq_factor, pq_shift, q_factor, q_shift,
    ):  # fmt: skip
        """ProblemSize's equation, then y = f(y + bias[k]) f'(pre_activation); a tile of filters x pixels a block.

        x [n][g][h][w][channels], wt [g][k][tap][channels] packed, y and pre_activation (N, G K, y_plane), bias (G K,).
        Blocks are (group, pixels, filters), filters fastest. A thread copies a vector of every `line_step`-th filter
        and pixel; a warp multiplies a quarter of the tile, 64 bytes of channels of a tap at a time, in three stages of
        shared memory.
        FLOPs: 2 N G K P Q R S C. Bytes: at least x, wt and y once; loaded x K / rows_tile times and wt pixels /
        columns_tile times, mostly from the caches.
        """
        shared = cuda.shared.array(words, uint32, alignment=128)
        results = cuda.local.array(n_results, float32)
        a = cuda.local.array(a_slots, uint32)
        b = cuda.local.array(b_slots, uint32)
        bases = cuda.local.array(b_loads, uint32)
        masks = cuda.local.array(b_loads, uint32)

        # Table of pixels: offset and padding mask of each that this thread copies.
        thread, block = thread_and_block()
        g, k0, pixel = tile_of(block, int32(K + last_row), rows_tile, pixels, columns_tile)
        line, piece = uint32(thread // uint32(vectors)), uint32(thread % uint32(vectors))
        load_pixel_table(
            bases, masks, line, word_stride, b_loads, shared, thread, pixel, g, pixels, columns_tile,
            G, channels, H, W, R, S, PQ, Q,
            (pq_factor, pq_shift, q_factor, q_shift), (stride_h, stride_w), (h0, w0), (dilation_h, dilation_w),
        )  # fmt: skip

        # Offsets to copy from and to, and to load fragments from.
        x_offset = uint32(piece * uint32(vector))
        filter_ = uint32(uint32(g * uint32(K)) + k0 + line)
        w_offset = uint32(filter_ * uint32(filter_size) + uint32(first_tap) + x_offset)
        w_stride, limit = uint32(uint32(line_step) * uint32(filter_size)), int32(K - int32(k0) - int32(line))
        w_to = swizzled_offset(line, piece)
        arrays, targets = (shared, wt, x, bases, masks), (w_to, uint32(w_to + uint32(a_bytes)))
        a_from = a_fragment_offset(thread, warp_rows)
        b_from = uint32(b_fragment_offset(thread, warp_columns) + uint32(a_bytes))

        # Prologue: copy the first chunks.
        bits, left = (uint32(FIRST_ROW_BIT), uint32(1)), (R, S, channels)
        sizes, skips = (S, channels), (w_skip, w_skip_row, x_skip, x_skip_row)
        chunks, read, written = int32(int32(R * S) * int32(channels // depth)), uint32(0), uint32(0)
        gemm_tile.zero(results, n_results)
        while written < uint32(last_stage):
            w_offset, x_offset, limit, bits, left = copy_chunk(
                written, arrays, targets, w_offset, w_stride, limit, x_offset, bits, left, sizes, skips,
                line_stride, line_step, a_loads, b_loads, depth,
            )  # fmt: skip
            written = uint32(written + uint32(stage))
        cp_async.wait_group(ahead)
        cuda.syncthreads()
        load_fragments(a, 0, a_from, n_rows, b, 0, b_from, pairs, shared, read, 0, lines)
        # Main loop.
        while True:
            # Load the second half of the channels and copy a further chunk while the first half is multiplied.
            load_fragments(a, n_a, a_from, n_rows, b, n_b, b_from, pairs, shared, read, half, lines)
            w_offset, x_offset, limit, bits, left = copy_chunk(
                written, arrays, targets, w_offset, w_stride, limit, x_offset, bits, left, sizes, skips,
                line_stride, line_step, a_loads, b_loads, depth,
            )  # fmt: skip
            written = uint32(written + uint32(stage)) if written < uint32(last_stage) else uint32(0)
            core.multiply(results, a, 0, b, 0, n_rows, n_columns, name)
            # Load the first half of the next chunk while the second half is multiplied.
            read = uint32(read + uint32(stage)) if read < uint32(last_stage) else uint32(0)
            cp_async.wait_group(ahead)
            cuda.syncthreads()
            load_fragments(a, 0, a_from, n_rows, b, 0, b_from, pairs, shared, read, 0, lines)
            core.multiply(results, a, n_a, b, n_b, n_rows, n_columns, name)
            chunks = int32(chunks - 1)
            if chunks == 0:
                break

        # Epilogue: bias, activation, store. The pixel is computed again, so that it took no registers in the loop.
        thread, block = thread_and_block()
        g, k0, pixel = tile_of(block, int32(K + last_row), rows_tile, pixels, columns_tile)
        column, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
        pixel, channel0 = uint32(pixel + column), uint32(uint32(g * uint32(K)) + k0)
        n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
        y_offset = offset_of_result(n, p, q, channel0, G * K, y_plane, y_first, y_stride_p, y_stride_q)
        cp_async.wait_group(0)
        epilogue(
            results, shared, staging_offset(thread, warp_columns, pitch), column, first_line,
            (pitch, staged_lines, staged_step), pitch_bytes, n_rows, n_columns, warp_rows,
            pixel < uint32(pixels), k0, K, channel0, bias, has_bias, activation, slope, pre_activation, grad_activation,
            y, y_offset, y_plane, name,
        )  # fmt: skip

    conv2d_fprop_tensor_core.__name__ = conv2d_fprop_tensor_core.__qualname__ = (
        f"conv2d_fprop_{name}_{rows_tile}x{columns_tile}"
    )
    return cuda.jit(cache=True, launch_bounds=(THREADS, tile.resident))(conv2d_fprop_tensor_core)
