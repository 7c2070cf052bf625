"""Implicit GEMM of the weight gradient: filters x pixels (dy) by pixels x windows (gathered from x), with split-K.

Weights are few and pixels many, so the sum over the pixels is split among blocks; a second kernel adds the
partial sums in a fixed order, so results are the same bits every time.
"""

from functools import lru_cache

from ...cuda import gemm_tile
from ...cuda.launch import Plan, cuda, empty_like_on, int32, multiprocessors, numba_type, planned, uint32
from ...cuda.ptx import divide, reciprocals, thread_and_block, vector_length
from ...cuda.split_k import split_k_reduce
from ...cuda.thread_mapping import fragments_of, position_of, staged_row, staging_of, tile_of
from ...cuda.tile_config import best_split

ROW_UNIT = 1 << 16
"""A packed position is row * ROW_UNIT + column."""

INVALID_POSITION = -(1 << 31)
"""The packed position of a window that is outside of every image."""

DEPTH = 8
"""Pixels that a block multiplies between two barriers."""


def wgrad(shape, x, dy, dw, split=None):
    """Launch the products and the sum over the splits, by the cheapest SplitConfig or the one given."""
    plan, splits = _plan(shape, x.dtype, multiprocessors(x), split)
    partial_sums = dw if splits == 1 else empty_like_on(dw, splits * dw.size)
    planned(plan, x, dy, partial_sums)
    if splits > 1:
        split_k_reduce(partial_sums, dw, splits)


def split_problem(shape, itemsize, processors):
    """A pass as `tile_config.best_split` takes it."""
    filters, windows = shape.k // shape.groups, shape.c // shape.groups * shape.r * shape.s
    return itemsize, shape.groups, filters, windows, shape.n * shape.p * shape.q, processors


@lru_cache(maxsize=1024)
def _plan(shape, dtype, processors, split):
    """(the Plan of a launch, splits)."""
    tile, splits, length = split or best_split(*split_problem(shape, dtype.itemsize, processors))
    _, groups, filters, windows, pixels, _ = split_problem(shape, dtype.itemsize, processors)
    scalars = (
        groups, shape.c // groups, shape.h, shape.w, shape.h * ROW_UNIT, shape.c * shape.h * shape.w,
        (shape.k - 1) * shape.p * shape.q, filters, shape.r * shape.s, shape.s, shape.p * shape.q, shape.q,
        shape.stride_h, shape.stride_w, shape.pad_top, shape.pad_left, shape.dilation_h, shape.dilation_w,
        windows, pixels, length, *reciprocals(shape.p * shape.q, shape.q, shape.r * shape.s, shape.s),
    )  # fmt: skip
    blocks = splits * groups * -(-filters // tile.rows) * -(-windows // tile.columns)
    kernel = wgrad_kernel(tile, numba_type(dtype), filters % tile.rows != 0)
    return Plan(kernel, blocks, tile.threads, scalars), splits


@cuda.jit(device=True, inline="always")
def gather_of(pixel, end, grid, W, dy_first, dy_skip, x_image):
    """(offset in dy, offset in x of the window's corner, packed position of that corner, valid) of a pixel."""
    PQ, pq_factor, pq_shift, Q, q_factor, q_shift, stride_h, stride_w = grid
    n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
    h, w = int32(int32(p) * stride_h), int32(int32(q) * stride_w)
    dy_offset = uint32(dy_first + pixel + uint32(n * uint32(dy_skip)))
    return dy_offset, uint32(uint32(n * uint32(x_image)) + uint32(h * W + w)), int32(h * ROW_UNIT + w), pixel < end


@cuda.jit(device=True, inline="always")
def make_window_table(
    tables, lane, line, count, j, windows, channel0, H, W, RS, S, origin, dilations, reciprocal
):  # fmt: skip
    """tables[line][0][lane] = offset in x of window j, tables[line][1][lane] = its packed position; lane < count."""
    if lane < uint32(count):
        rs_factor, rs_shift, s_factor, s_shift = reciprocal
        c = divide(j, rs_factor, rs_shift)
        rs = uint32(j - uint32(c * uint32(RS)))
        r = divide(rs, s_factor, s_shift)
        row = int32(int32(r) * dilations[0] - origin[0])
        column = int32(int32(rs - uint32(r * uint32(S))) * dilations[1] - origin[1])
        entry = uint32(uint32(line * uint32(2 * count)) + lane)
        tables[entry] = int32(int32(int32(int32(channel0) + int32(c)) * H + row) * W + column)
        position = int32(row * ROW_UNIT + column) if j < uint32(windows) else int32(INVALID_POSITION)
        tables[uint32(entry + uint32(count))] = position
    cuda.syncthreads()


@cuda.jit(device=True, inline="always")
def epilogue(
    results, staging, staging_offset, column, first_line, lines, line_step, columns, vector,
    valid, k0, K, dw, dw_offset, windows,
):  # fmt: skip
    """dw = results, staged through shared memory one row of every thread's at a time, so a warp stores neighbors."""
    i = uint32(0)
    while i < uint32(gemm_tile.THREAD_TILE):
        cuda.syncthreads()
        gemm_tile.store_row(results, i, staging, staging_offset)
        cuda.syncthreads()
        line = first_line
        while line < uint32(lines):
            k = staged_row(line, i, vector)
            if valid & (uint32(k0 + k) < uint32(K)):
                total = staging[uint32(uint32(line * uint32(columns)) + column)]
                dw[uint32(dw_offset + uint32(k * uint32(windows)))] = total
            line = uint32(line + uint32(line_step))
        i = uint32(i + uint32(1))


@lru_cache
def wgrad_kernel(tile, dtype, ragged):
    """The kernel for a tile and a type; `ragged` where the last tile has rows without a filter."""
    rows_tile, columns_tile, threads = tile.rows, tile.columns, tile.threads
    vector, bytes_each = vector_length(dtype), dtype.bitwidth // 8
    line_step = threads // DEPTH
    dy_loads, x_loads = rows_tile // line_step, columns_tile // line_step
    # Depth rows are padded by a vector, so that a warp stores the columns of a tile to different banks.
    dy_pitch, x_pitch = (rows_tile + vector), (columns_tile + vector)
    dy_half, x_half = (1 << (DEPTH * pitch * bytes_each - 1).bit_length() for pitch in (dy_pitch, x_pitch))
    dy_size, x_size = dy_half // bytes_each + DEPTH * dy_pitch, x_half // bytes_each + DEPTH * x_pitch
    line_entries, entries = 2 * x_loads, 2 * x_loads * line_step
    warps, staged_lines, staged_step = (
        columns_tile // gemm_tile.WARP_COLUMNS,
        rows_tile // gemm_tile.THREAD_TILE,
        threads // columns_tile,
    )
    square = rows_tile == columns_tile
    half, last, n_results, n_fragments = DEPTH // 2, DEPTH - 1, gemm_tile.ACCUMULATORS, gemm_tile.FRAGMENTS

    def conv2d_wgrad_implicit_gemm(
        x, dy, dw, G, C, H, W, height, x_image, dy_skip, K, RS, S, PQ, Q,
        stride_h, stride_w, top, left, dilation_h, dilation_w, windows, pixels, length,
        pq_factor, pq_shift, q_factor, q_shift, rs_factor, rs_shift, s_factor, s_shift,
    ):  # fmt: skip
        """dw[z,k,j] = sum_{(n,p,q) in split z} dy[n,k,p,q] x[n,c,p st + r d - pad,...], j = (c,r,s): equation (13).

        x (N, G C, H, W), dy (N, G K, P, Q), dw (splits, G K, C R S). Blocks are (split, group, windows, filters),
        filters fastest, each a tile of filters x windows j. A thread loads one pixel of a chunk of DEPTH, of every
        `line_step`-th row and column of the tile, and accumulates 8 x 8 results. Chunks are double-buffered in shared
        memory: one is multiplied while the next is loaded.
        FLOPs: 2 N G K P Q C R S. Bytes: at least x, dy and dw once; loaded dy C R S / columns_tile times and x R S K /
        rows_tile times, mostly from the caches.
        """
        dy_shared = cuda.shared.array(dy_size, dtype, alignment=16)
        x_shared = cuda.shared.array(x_size, dtype, alignment=16)
        results = cuda.local.array(n_results, dtype)
        fragments = cuda.local.array(n_fragments, dtype)
        dy_next = cuda.local.array(dy_loads, dtype)
        x_next = cuda.local.array(x_loads, dtype)
        tables = cuda.shared.array(entries, int32, alignment=16)

        # Block to split, group and tile; the thread's pixel of a chunk and its first row and column of the tile.
        thread, block = thread_and_block()
        part, k0, j0 = tile_of(block, int32(K + rows_tile - 1), rows_tile, windows, columns_tile)
        lane, line = uint32(thread % uint32(DEPTH)), uint32(thread // uint32(DEPTH))
        first, g = uint32(uint32(part // uint32(G)) * uint32(length)), uint32(part % uint32(G))
        pixel, end = uint32(first + lane), min(uint32(first + uint32(length)), uint32(pixels))

        # Table of the windows' offsets and positions, shared by the threads of a line.
        make_window_table(
            tables, lane, line, x_loads, uint32(j0 + line + uint32(lane * uint32(line_step))), windows,
            uint32(g * uint32(C)), H, W, RS, S, (top, left), (dilation_h, dilation_w),
            (rs_factor, rs_shift, s_factor, s_shift),
        )  # fmt: skip
        table, dy_row = uint32(line * uint32(4 * line_entries)), uint32(line_step * PQ)
        dy_first = uint32(uint32(uint32(g * uint32(K)) + k0 + line) * uint32(PQ))
        limit, chunks = int32(K - int32(k0) - int32(line)) if ragged else int32(rows_tile), int32(length // DEPTH)

        # Shared-memory offsets to load from and to store to.
        dy_load, x_load = fragments_of(thread, warps, bytes_each)
        dy_store = uint32(uint32(lane * uint32(dy_pitch) + line) * uint32(bytes_each))
        x_store = uint32(uint32(lane * uint32(x_pitch) + line) * uint32(bytes_each))
        # Prologue: the first chunk.
        grid = PQ, pq_factor, pq_shift, Q, q_factor, q_shift, stride_h, stride_w
        dy_offset, x_offset, corner, valid = gather_of(pixel, end, grid, W, dy_first, dy_skip, x_image)
        gemm_tile.load_rows(dy_next, dy, dy_offset, dy_row, valid, limit, line_step, dy_loads)
        gemm_tile.load_windows(x_next, x, x_offset, tables, table, corner, height, W, valid, x_loads)
        gemm_tile.zero(results, n_results)
        gemm_tile.store_rows(dy_next, dy_shared, dy_store, line_step, dy_loads)
        gemm_tile.store_rows(x_next, x_shared, x_store, line_step, x_loads)
        cuda.syncthreads()
        gemm_tile.load_fragments(fragments, dy_shared, dy_load, x_shared, x_load)
        # Main loop.
        while True:
            # The next chunk of pixels, of which nothing is loaded past the last one: first dy, then x.
            pixel = uint32(pixel + uint32(DEPTH))
            dy_offset, x_offset, corner, valid = gather_of(pixel, end, grid, W, dy_first, dy_skip, x_image)
            gemm_tile.load_rows(dy_next, dy, dy_offset, dy_row, valid, limit, line_step, dy_loads)
            gemm_tile.multiply_steps(
                fragments, dy_shared, dy_load, x_shared, x_load, results, dy_pitch, x_pitch, 0, half
            )
            dy_store = uint32(dy_store ^ uint32(dy_half))
            x_store = dy_store if square else uint32(x_store ^ uint32(x_half))  # a register less for two that are equal
            gemm_tile.store_rows(dy_next, dy_shared, dy_store, line_step, dy_loads)
            gemm_tile.load_windows(x_next, x, x_offset, tables, table, corner, height, W, valid, x_loads)
            gemm_tile.multiply_steps(
                fragments, dy_shared, dy_load, x_shared, x_load, results, dy_pitch, x_pitch, half, last
            )
            dy_load, x_load = uint32(dy_load ^ uint32(dy_half)), uint32(x_load ^ uint32(x_half))
            gemm_tile.store_rows(x_next, x_shared, x_store, line_step, x_loads)
            cuda.syncthreads()
            gemm_tile.load_fragments(fragments, dy_shared, dy_load, x_shared, x_load)
            gemm_tile.multiply_last(fragments, results)
            chunks = int32(chunks - 1)
            if chunks == 0:
                break

        # Epilogue: the indices are computed again, so that they took no registers in the loop.
        thread, block = thread_and_block()
        part, k0, j0 = tile_of(block, int32(K + rows_tile - 1), rows_tile, windows, columns_tile)
        column, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
        j, staging_offset = uint32(j0 + column), staging_of(thread, warps, bytes_each)
        dw_offset = uint32(uint32(uint32(part * uint32(K)) + k0) * uint32(windows) + j)
        epilogue(
            results, x_shared, staging_offset, column, first_line, staged_lines, staged_step, columns_tile, vector,
            j < uint32(windows), k0, K, dw, dw_offset, windows,
        )  # fmt: skip

    conv2d_wgrad_implicit_gemm.__name__ = (
        f"conv2d_wgrad_implicit_gemm_{rows_tile}x{columns_tile}{'_ragged' if ragged else ''}"
    )
    conv2d_wgrad_implicit_gemm.__qualname__ = conv2d_wgrad_implicit_gemm.__name__
    return cuda.jit(cache=True, launch_bounds=(threads, tile.resident))(conv2d_wgrad_implicit_gemm)
