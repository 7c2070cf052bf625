"""The weight gradient on CUDA as a product of matrices that nobody builds: dy by the windows of x, over all pixels.

Few weights and many pixels: the sum is split among blocks, each split is written down, and a second kernel adds them in
order, so results are the same bits every time.
"""

from functools import lru_cache

from ...cuda import gemm_tile
from ...cuda.launch import Plan, cuda, empty_like_on, int32, multiprocessors, numba_type, planned, uint32
from ...cuda.ptx import divide, reciprocals, thread_and_block, vector_length
from ...cuda.split_k import add_parts
from ...cuda.thread_mapping import fragments_of, position_of, staged_row, staging_of, tile_of
from ...cuda.tile_config import best_split

ROW = 1 << 16
"""What a row counts in a place, a row and a column in one number."""

OUTSIDE = -(1 << 31)
"""The place of a window outside of every image."""

SIDE = gemm_tile.SIDE
DEPTH = 8
"""Pixels that a block multiplies between two barriers."""


def wgrad(shape, x, dy, dw, split=None):
    """Launch the products and the sum over the splits, by the cheapest SplitConfig or the one given."""
    plan, splits = _plan(shape, x.dtype, multiprocessors(x), split)
    partial_sums = dw if splits == 1 else empty_like_on(dw, splits * dw.size)
    planned(plan, x, dy, partial_sums)
    if splits > 1:
        add_parts(partial_sums, dw, splits)


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
        groups, shape.c // groups, shape.h, shape.w, shape.h * ROW, shape.c * shape.h * shape.w,
        (shape.k - 1) * shape.p * shape.q, filters, shape.r * shape.s, shape.s, shape.p * shape.q, shape.q,
        shape.stride_h, shape.stride_w, shape.pad_top, shape.pad_left, shape.dilation_h, shape.dilation_w,
        windows, pixels, length, *reciprocals(shape.p * shape.q, shape.q, shape.r * shape.s, shape.s),
    )  # fmt: skip
    blocks = splits * groups * -(-filters // tile.rows) * -(-windows // tile.columns)
    kernel = wgrad_kernel(tile, numba_type(dtype), filters % tile.rows != 0)
    return Plan(kernel, blocks, tile.threads, scalars), splits


@cuda.jit(device=True, inline="always")
def gather_of(pixel, end, PQ, pq_factor, pq_shift, Q, q_factor, q_shift, st_h, st_w, W, dy_first, dy_skip, x_image):
    """(offset in dy, offset in x of its window's corner, that corner's place, whether it is there) of a pixel."""
    n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
    h, w = int32(int32(p) * st_h), int32(int32(q) * st_w)
    dy_at = uint32(dy_first + pixel + uint32(n * uint32(dy_skip)))
    return dy_at, uint32(uint32(n * uint32(x_image)) + uint32(h * W + w)), int32(h * ROW + w), pixel < end


@cuda.jit(device=True, inline="always")
def store_weights(
    results, staging, staged, own, first_line, lines, lines_apart, width, vector, there, k0, K, dw, dw_at, windows
):
    """The tile's results, one row of every thread's at a time through shared memory: neighbours store neighbours."""
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
                dw[uint32(dw_at + uint32(k * uint32(windows)))] = total
            line = uint32(line + uint32(lines_apart))
        i = uint32(i + uint32(1))


@lru_cache
def wgrad_kernel(tile, dtype, ragged):
    """The kernel for a tile and a type; `ragged` where the last tile has rows without a filter."""
    rows_tile, columns_tile, threads = tile.rows, tile.columns, tile.threads
    vector, fingerprint, bytes_each = vector_length(dtype), gemm_tile.FINGERPRINT, dtype.bitwidth // 8
    apart = threads // DEPTH
    dy_loads, x_loads = rows_tile // apart, columns_tile // apart
    # A row of the depth is a vector longer than the tile: a warp stores columns of the tile to different banks.
    dy_pitch, x_pitch = (rows_tile + vector), (columns_tile + vector)
    dy_half, x_half = (1 << (DEPTH * pitch * bytes_each - 1).bit_length() for pitch in (dy_pitch, x_pitch))
    dy_size, x_size = dy_half // bytes_each + DEPTH * dy_pitch, x_half // bytes_each + DEPTH * x_pitch
    line_entries, entries = 2 * x_loads, 2 * x_loads * apart
    warps, staged_lines, lines_apart = (
        columns_tile // gemm_tile.WARP_COLUMNS,
        rows_tile // gemm_tile.SIDE,
        threads // columns_tile,
    )
    square = rows_tile == columns_tile
    half, last, n_results, n_fragments = DEPTH // 2, DEPTH - 1, gemm_tile.RESULTS, gemm_tile.FRAGMENTS

    def conv2d_wgrad_implicit_gemm(
        x, dy, dw, G, C, H, W, height, x_image, dy_skip, K, RS, S, PQ, Q,
        st_h, st_w, top, left, d_h, d_w, windows, pixels, length,
        pq_factor, pq_shift, q_factor, q_shift, rs_factor, rs_shift, s_factor, s_shift,
    ):  # fmt: skip
        """dw[z,k,j] = sum_{(n,p,q) in split z} dy[n,k,p,q] x[n,c,p st + r d - pad,...], j = (c,r,s): equation (13).

        x (N, G C, H, W), dy (N, G K, P, Q), dw (splits, G K, C R S), a tile of filters x windows j a block. A thread
        loads one pixel of a chunk of DEPTH, for every `apart`-th row and column of the tile; chunks alternate between
        two halves of shared memory, the next one being loaded while one is multiplied.
        FLOPs: 2 N G K P Q C R S. Bytes at least: x, dy and dw once; read: dy C R S / columns_tile times, x RS K /
        rows_tile times, most of it from the caches.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        dy_shared = cuda.shared.array(dy_size, dtype, alignment=16)
        x_shared = cuda.shared.array(x_size, dtype, alignment=16)
        results = cuda.local.array(n_results, dtype)
        fragments = cuda.local.array(n_fragments, dtype)
        dy_next = cuda.local.array(dy_loads, dtype)
        x_next = cuda.local.array(x_loads, dtype)
        tables = cuda.shared.array(entries, int32, alignment=16)

        # The block's split, group and tile; the thread's pixel in a chunk and its first row and column of the tile.
        thread, block = thread_and_block()
        part, k0, j0 = tile_of(block, int32(K + rows_tile - 1), rows_tile, windows, columns_tile)
        z, g = uint32(part // uint32(G)), uint32(part % uint32(G))
        own, line = uint32(thread % uint32(DEPTH)), uint32(thread // uint32(DEPTH))
        first = uint32(z * uint32(length))
        pixel, end = uint32(first + own), min(uint32(first + uint32(length)), uint32(pixels))

        # Where the columns' windows lie, for all threads of a line; past the last column outside of every image.
        if own < uint32(x_loads):
            j = uint32(j0 + line + uint32(own * uint32(apart)))
            c = divide(j, rs_factor, rs_shift)
            rs = uint32(j - uint32(c * uint32(RS)))
            r = divide(rs, s_factor, s_shift)
            row, column = int32(int32(r) * d_h - top), int32(int32(rs - uint32(r * uint32(S))) * d_w - left)
            entry = uint32(uint32(line * uint32(line_entries)) + own)
            tables[entry] = int32(int32(int32(int32(g * uint32(C)) + int32(c)) * H + row) * W + column)
            place = int32(row * ROW + column) if j < uint32(windows) else int32(OUTSIDE)
            tables[uint32(entry + uint32(x_loads))] = place
        cuda.syncthreads()
        table = uint32(line * uint32(4 * line_entries))
        dy_row = uint32(apart * PQ)
        dy_first = uint32(uint32(uint32(g * uint32(K)) + k0 + line) * uint32(PQ))
        limit = int32(K - int32(k0) - int32(line)) if ragged else int32(rows_tile)

        dy_from, x_from = fragments_of(thread, warps, bytes_each)
        dy_to = uint32(uint32(own * uint32(dy_pitch) + line) * uint32(bytes_each))
        x_to = uint32(uint32(own * uint32(x_pitch) + line) * uint32(bytes_each))
        dy_at, x_at, place, there = gather_of(
            pixel, end, PQ, pq_factor, pq_shift, Q, q_factor, q_shift, st_h, st_w, W, dy_first, dy_skip, x_image
        )
        gemm_tile.load_rows(dy_next, dy, dy_at, dy_row, there, limit, apart, dy_loads)
        gemm_tile.load_windows(x_next, x, x_at, tables, table, place, height, W, there, x_loads)
        gemm_tile.zero(results, n_results)
        gemm_tile.store_rows(dy_next, dy_shared, dy_to, apart, dy_loads)
        gemm_tile.store_rows(x_next, x_shared, x_to, apart, x_loads)
        cuda.syncthreads()
        gemm_tile.load_fragments(fragments, dy_shared, dy_from, x_shared, x_from)
        chunks = int32(length // DEPTH)
        while True:
            # The next chunk of pixels, past the last one nothing: first dy, then x, in the same registers.
            pixel = uint32(pixel + uint32(DEPTH))
            dy_at, x_at, place, there = gather_of(
                pixel, end, PQ, pq_factor, pq_shift, Q, q_factor, q_shift, st_h, st_w, W, dy_first, dy_skip, x_image
            )
            gemm_tile.load_rows(dy_next, dy, dy_at, dy_row, there, limit, apart, dy_loads)
            gemm_tile.multiply_steps(
                fragments, dy_shared, dy_from, x_shared, x_from, results, dy_pitch, x_pitch, 0, half
            )
            dy_to = uint32(dy_to ^ uint32(dy_half))
            x_to = dy_to if square else uint32(x_to ^ uint32(x_half))  # a register less for two that are equal
            gemm_tile.store_rows(dy_next, dy_shared, dy_to, apart, dy_loads)
            gemm_tile.load_windows(x_next, x, x_at, tables, table, place, height, W, there, x_loads)
            gemm_tile.multiply_steps(
                fragments, dy_shared, dy_from, x_shared, x_from, results, dy_pitch, x_pitch, half, last
            )
            dy_from, x_from = uint32(dy_from ^ uint32(dy_half)), uint32(x_from ^ uint32(x_half))
            gemm_tile.store_rows(x_next, x_shared, x_to, apart, x_loads)
            cuda.syncthreads()
            gemm_tile.load_fragments(fragments, dy_shared, dy_from, x_shared, x_from)
            gemm_tile.multiply_last(fragments, results)
            chunks = int32(chunks - 1)
            if chunks == 0:
                break

        # The thread's column of the results.
        thread, block = thread_and_block()
        part, k0, j0 = tile_of(block, int32(K + rows_tile - 1), rows_tile, windows, columns_tile)
        own, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
        j, staged = uint32(j0 + own), staging_of(thread, warps, bytes_each)
        dw_at = uint32(uint32(uint32(part * uint32(K)) + k0) * uint32(windows) + j)
        store_weights(
            results, x_shared, staged, own, first_line, staged_lines, lines_apart, columns_tile, vector,
            j < uint32(windows), k0, K, dw, dw_at, windows,
        )  # fmt: skip

    conv2d_wgrad_implicit_gemm.__name__ = (
        f"conv2d_wgrad_implicit_gemm_{rows_tile}x{columns_tile}{'_ragged' if ragged else ''}"
    )
    conv2d_wgrad_implicit_gemm.__qualname__ = conv2d_wgrad_implicit_gemm.__name__
    return cuda.jit(cache=True, launch_bounds=(threads, tile.resident))(conv2d_wgrad_implicit_gemm)
