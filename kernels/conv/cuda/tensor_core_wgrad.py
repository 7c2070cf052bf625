"""The weight gradient on tensor cores: the windows of x by dy, over all pixels, sums in float32.

As conv_tiles_weight_grad.py: few weights and many pixels, so the sum is split among blocks, and a second kernel adds
the splits in one order and rounds once. Of dy the pixels lie side by side, of x the channels: a line of shared memory
is one pixel's, the depth runs across the lines, and tensor cores take the operand turned over.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...cuda import cp_async, gemm_tile
from ...cuda import tensor_core as core
from ...cuda.launch import WARP, Plan, cuda, empty_like_on, float32, int32, multiprocessors, planned, uint32
from ...cuda.ptx import divide, reciprocals, thread_and_block
from ...cuda.split_k import THREADS as ADDERS
from ...cuda.split_k import blocks_of, result_of_thread, total_of
from ...cuda.tensor_core_mapping import (
    LARGE,
    SMALL,
    STAGES,
    THREADS,
    TensorCoreTile,
    columns_of,
    place_of,
    row_of,
    staged_of,
    turned_place_of,
    turned_row_of,
    turned_rows_of,
)
from ...cuda.tensor_core_types import KINDS, bits_of, kind_of
from ...cuda.thread_mapping import position_of, tile_of
from ...cuda.tile_config import LONGEST, SHORTEST
from .implicit_gemm_wgrad import OUTSIDE, ROW
from .pack_nhwc import pack_images, pixels_last, whole_lines


class SplitConfig(NamedTuple):
    """A tile, the blocks among which the pixels are split, and the pixels of each split, whole lines."""

    tile: TensorCoreTile
    splits: int
    length: int


def best_split(kind, groups, windows, filters, pixels, multiprocessors):
    """The SplitConfig that gives a multiprocessor two blocks, if there are so many pixels."""
    tile = LARGE if windows > SMALL.rows and filters > SMALL.columns else SMALL
    blocks = groups * -(-windows // tile.rows) * -(-filters // tile.columns)
    most, least = max(1, pixels // SHORTEST), -(-pixels // LONGEST)
    splits = max(least, min(most, -(-tile.resident * multiprocessors // blocks)))
    length = whole_lines(kind, -(-pixels // splits))
    return SplitConfig(tile, -(-pixels // length), length)


def wgrad(shape, x, dy, dw, split=None):
    """Pack x and dy, launch the products and their sum, by the best SplitConfig or the one given."""
    kind = kind_of(dw.dtype)
    products, sums, partial_size = _plans(shape, kind.name, multiprocessors(dw), split)
    images = pack_images(kind, bits_of(x), shape.n, shape.groups, shape.c // shape.groups, shape.h * shape.w)
    gradients = pixels_last(kind, bits_of(dy), shape.n, shape.k, shape.p * shape.q)
    partial_sums = empty_like_on(dw, partial_size, np.float32)
    planned(products, images, gradients, partial_sums)
    planned(sums, partial_sums, bits_of(dw))


@lru_cache(maxsize=1024)
def _plans(shape, name, processors, split):
    """(Plan of the products, Plan of their sum, elements of the partial sums)."""
    kind, groups, filters = KINDS[name], shape.groups, shape.k // shape.groups
    channels, pixels = whole_lines(kind, shape.c // groups), shape.n * shape.p * shape.q
    windows = shape.r * shape.s * channels
    tile, splits, length = split or best_split(kind, groups, windows, filters, pixels, processors)
    size = groups * windows * filters
    scalars = (
        groups, channels, shape.h, shape.w, shape.h * ROW, filters, windows, whole_lines(kind, pixels), shape.s,
        shape.p * shape.q, shape.q, shape.stride_h, shape.stride_w, shape.pad_top, shape.pad_left,
        shape.dilation_h, shape.dilation_w, pixels, length,
        *reciprocals(shape.p * shape.q, shape.q, channels, shape.s),
    )  # fmt: skip
    blocks = splits * groups * -(-windows // tile.rows) * -(-filters // tile.columns)
    sizes = size, filters, windows, channels, shape.c // groups, shape.r * shape.s, splits
    return (
        Plan(wgrad_kernel(name, tile), blocks, THREADS, scalars),
        Plan(sum_kernel(name), blocks_of(size), ADDERS, sizes),
        splits * size,
    )


@lru_cache
def sum_kernel(name):
    """The kernel for a kind."""
    narrow, fingerprint = KINDS[name].narrow, core.FINGERPRINT

    def add_parts(parts, dw, size, K, windows, channels, C, RS, splits):
        """dw[g,k,c,rs] = sum_z parts[z,g,rs,c,k], rounded once; block i // 32 adds up parts[:, i].

        Bytes: parts and dw once.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        memory = cuda.shared.array(ADDERS, float32)
        i = result_of_thread()
        total = total_of(memory, parts, i, size, splits)
        k, rest = uint32(i % uint32(K)), uint32(i // uint32(K))
        j, g = uint32(rest % uint32(windows)), uint32(rest // uint32(windows))
        c, rs = uint32(j % uint32(channels)), uint32(j // uint32(channels))
        if cuda.threadIdx.x < WARP and i < uint32(size) and c < uint32(C):
            filter_ = uint32(uint32(g * uint32(K)) + k)
            at = uint32(uint32(uint32(uint32(filter_ * uint32(C)) + c) * uint32(RS)) + rs)
            dw[at] = narrow(total)

    add_parts.__name__ = add_parts.__qualname__ = f"add_parts_{name}"
    return cuda.jit(cache=True)(add_parts)


@cuda.jit(device=True, inline="always")
def copy_chunk(
    shared, x_to, x, x_first, shifts, moves, dy_to, dy, dy_at, dy_step, limit, pixel, own_pixel, end, image, corner,
    a_places, a_loads, b_places, b_apart, b_loads,
):  # fmt: skip
    """Ask for a line of pixels: the thread's own one of x, a vector of some filters of dy. Nothing from `end` on."""
    G, g, H, W, height, channels = image
    PQ, pq_factor, pq_shift, Q, q_factor, q_shift, st_h, st_w = corner
    n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
    h, w = int32(int32(p) * st_h), int32(int32(q) * st_w)
    row = uint32(uint32(uint32(uint32(n * uint32(G)) + g) * uint32(H)) + uint32(h))
    x_at = uint32(uint32(uint32(uint32(row * uint32(W)) + uint32(w)) * uint32(channels)) + x_first)
    place, there = int32(h * ROW + w), pixel < end
    cp_async.copy_windows(shared, x_to, x, x_at, shifts, place, moves, height, W, there, a_places, a_loads)
    near = limit if uint32(pixel - own_pixel) < end else int32(0)
    cp_async.copy_lines(shared, dy_to, dy, dy_at, dy_step, near, b_places, b_apart, b_loads)
    cp_async.end_of_copies()


@lru_cache
def wgrad_kernel(name, tile):
    """The kernel for a kind of operands and a tile's tile."""
    kind, fingerprint, single = KINDS[name], core.FINGERPRINT, name == "tf32"
    vector, vectors, rows_tile, columns_tile = kind.vector, core.VECTORS, tile.rows, tile.columns
    depth, last_column, a_bytes = vectors * vector, columns_tile - 1, rows_tile * core.LINE
    panel = depth * core.LINE  # of as many channels as it has pixels
    stage, last_stage, words, ahead = tile.stage, (STAGES - 1) * tile.stage, STAGES * tile.stage // 4, STAGES - 2
    b_apart, a_apart = THREADS // vectors, THREADS // vectors // depth
    b_places, b_loads = b_apart * core.LINE, columns_tile // b_apart
    a_places, a_loads, panels = a_apart * panel, rows_tile // depth // a_apart, rows_tile // depth
    table, step = 4 * panels, 4 * a_apart
    (warp_rows, warp_columns), (n_rows, n_columns) = tile.warp, tile.products
    n_a, n_b, n_results = tile.registers
    a_slots, b_slots, pairs = 2 * n_a, 2 * n_b, n_columns // 2
    warp_panels, b_lines, a_half, b_half = warp_rows // depth, core.ROWS * core.LINE, panel // 2, core.LINE // 2
    pitch, staged_lines, lines_apart = tile.staging
    pitch_bytes = 4 * pitch
    x_place_of, window_of = (turned_place_of, turned_row_of) if single else (place_of, row_of)

    def conv2d_wgrad_tensor_core(
        x, dy, dw, G, channels, H, W, height, K, windows, padded, S, PQ, Q, st_h, st_w, top, left, d_h, d_w,
        pixels, length, pq_factor, pq_shift, q_factor, q_shift, c_factor, c_shift, s_factor, s_shift,
    ):  # fmt: skip
        """dw[z,j,k] = sum_{(n,p,q) in split z} dy[n,k,p,q] x[n,c,p st + r d - pad,...], j = (r,s,c): equation (13).

        x [n][g][h][w][channels], dy [g][k][n p q] padded, dw (splits, G, R S channels, K) in float32, a tile of windows
        j x filters a block. A thread copies a vector of one pixel of every `a_apart`-th panel of channels and of every
        `b_apart`-th filter; a warp multiplies a quarter of the tile, a line of pixels at a time, in three stages of
        shared memory.
        FLOPs: 2 N G K P Q C R S. Bytes at least: x, dy and dw once; read: dy C R S / rows_tile times, x RS K /
        columns_tile times, most of it from the caches.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        shared = cuda.shared.array(words, uint32, alignment=128)
        results = cuda.local.array(n_results, float32)
        a = cuda.local.array(a_slots, uint32)
        b = cuda.local.array(b_slots, uint32)
        shifts = cuda.local.array(a_loads, uint32)
        moves = cuda.local.array(a_loads, uint32)

        # A panel has one tap; where its windows lie is found by one thread for all.
        thread, block = thread_and_block()
        part, k0, j0 = tile_of(block, int32(K + last_column), columns_tile, windows, rows_tile)
        z, g = uint32(part // uint32(G)), uint32(part % uint32(G))
        if thread < uint32(panels):
            j = uint32(j0 + uint32(thread * uint32(depth)))
            rs = divide(j, c_factor, c_shift)
            r = divide(rs, s_factor, s_shift)
            row, column = int32(int32(r) * d_h - top), int32(int32(rs - uint32(r * uint32(S))) * d_w - left)
            c = uint32(j - uint32(rs * uint32(channels)))
            shared[thread] = uint32(uint32(uint32(row * W + column) * uint32(channels)) + c)
            move = int32(row * ROW + column) if j < uint32(windows) else int32(OUTSIDE)
            shared[uint32(thread + uint32(panels))] = uint32(move)
        cuda.syncthreads()
        piece, line = uint32(thread % uint32(vectors)), uint32(thread // uint32(vectors))
        own_panel, own_pixel = uint32(line // uint32(depth)), uint32(line % uint32(depth))
        core.load_numbers(shifts, shared, uint32(own_panel * uint32(4)), step, a_loads)
        core.load_numbers(moves, shared, uint32(uint32(own_panel * uint32(4)) + uint32(table)), step, a_loads)
        cuda.syncthreads()
        x_first = uint32(piece * uint32(vector))
        x_to = uint32(uint32(own_panel * uint32(panel)) + x_place_of(own_pixel, piece))
        dy_to = uint32(place_of(line, piece) + uint32(a_bytes))
        x_from = turned_rows_of(thread, warp_panels, panel, single)
        dy_from = uint32(columns_of(thread, warp_columns) + uint32(a_bytes))

        first = uint32(z * uint32(length))
        pixel, end = uint32(first + own_pixel), min(uint32(first + uint32(length)), uint32(pixels))
        dy_at = uint32(uint32(uint32(uint32(g * uint32(K)) + k0 + line) * uint32(padded)) + first + x_first)
        dy_step, limit = uint32(uint32(b_apart) * uint32(padded)), int32(K - int32(k0) - int32(line))
        image = G, g, H, W, height, channels
        corner = PQ, pq_factor, pq_shift, Q, q_factor, q_shift, st_h, st_w
        chunks, read, written = int32(int32(end - first + uint32(depth - 1)) // int32(depth)), uint32(0), uint32(0)
        gemm_tile.zero(results, n_results)
        while written < uint32(last_stage):
            copy_chunk(
                shared, uint32(written + x_to), x, x_first, shifts, moves, uint32(written + dy_to), dy, dy_at, dy_step,
                limit, pixel, own_pixel, end, image, corner, a_places, a_loads, b_places, b_apart, b_loads,
            )  # fmt: skip
            pixel, dy_at = uint32(pixel + uint32(depth)), uint32(dy_at + uint32(depth))
            written = uint32(written + uint32(stage))
        cp_async.wait_for_copies(ahead)
        cuda.syncthreads()
        core.load_turned(a, 0, shared, x_from, panel, n_rows, name)
        core.load_matrices(b, 0, shared, dy_from, b_lines, pairs)
        while True:
            # The first half of the pixels is multiplied while the second is read and a chunk is asked for.
            a_at, b_at = uint32(uint32(read + x_from) + uint32(a_half)), uint32(uint32(read + dy_from) ^ uint32(b_half))
            core.load_turned(a, n_a, shared, a_at, panel, n_rows, name)
            core.load_matrices(b, n_b, shared, b_at, b_lines, pairs)
            copy_chunk(
                shared, uint32(written + x_to), x, x_first, shifts, moves, uint32(written + dy_to), dy, dy_at, dy_step,
                limit, pixel, own_pixel, end, image, corner, a_places, a_loads, b_places, b_apart, b_loads,
            )  # fmt: skip
            pixel, dy_at = uint32(pixel + uint32(depth)), uint32(dy_at + uint32(depth))
            written = uint32(written + uint32(stage)) if written < uint32(last_stage) else uint32(0)
            core.multiply(results, a, 0, b, 0, n_rows, n_columns, name)
            # The second half, while the first of the next chunk is read.
            read = uint32(read + uint32(stage)) if read < uint32(last_stage) else uint32(0)
            cp_async.wait_for_copies(ahead)
            cuda.syncthreads()
            a_at, b_at = uint32(read + x_from), uint32(read + dy_from)
            core.load_turned(a, 0, shared, a_at, panel, n_rows, name)
            core.load_matrices(b, 0, shared, b_at, b_lines, pairs)
            core.multiply(results, a, n_a, b, n_b, n_rows, n_columns, name)
            chunks = int32(chunks - 1)
            if chunks == 0:
                break

        # The thread's filter of the results.
        thread, block = thread_and_block()
        part, k0, j0 = tile_of(block, int32(K + last_column), columns_tile, windows, rows_tile)
        own, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
        k, staged, i = uint32(k0 + own), staged_of(thread, warp_columns, pitch), uint32(0)
        cp_async.wait_for_copies(0)
        while i < uint32(n_rows):
            cuda.syncthreads()
            core.stage_rows(results, i, shared, staged, pitch_bytes, n_rows, n_columns)
            cuda.syncthreads()
            line = first_line
            while line < uint32(staged_lines):
                j = uint32(j0 + window_of(line, i, warp_rows))
                if k < uint32(K) and j < uint32(windows):
                    total = core.load_float(shared, uint32(uint32(uint32(line * uint32(pitch)) + own) * uint32(4)))
                    dw[uint32(uint32(uint32(part * uint32(windows)) + j) * uint32(K) + k)] = total
                line = uint32(line + uint32(lines_apart))
            i = uint32(i + uint32(1))

    conv2d_wgrad_tensor_core.__name__ = conv2d_wgrad_tensor_core.__qualname__ = (
        f"conv2d_wgrad_{name}_{rows_tile}x{columns_tile}"
    )
    return cuda.jit(cache=True, launch_bounds=(THREADS, tile.resident))(conv2d_wgrad_tensor_core)
