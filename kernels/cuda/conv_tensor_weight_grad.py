"""The weight gradient on tensor cores: dy by the windows of x, over all pixels, sums in float32.

As conv_tiles_weight_grad.py: few weights and many pixels, so the sum is split among blocks, and a second kernel adds
the splits in order and rounds once. Channels lie side by side, so a line of shared memory is one pixel's, and the depth
runs across the lines: tensor cores take operands turned over.
"""

from functools import lru_cache

import numpy as np

from . import tensor_core as core
from . import tile
from .channels_last import packed_channels
from .conv_tensor import LARGE, SMALL, STAGES
from .conv_tiles_weight_grad import OUTSIDE, ROW, total_of
from .launch import beside, cuda, each, float32, int32, tiles, uint32
from .ptx import divide, reciprocal, thread_and_block
from .tensor_place import (
    THREADS, WARPS, place_of, row_of, staged_of, staging_pitch, turned_operands_of, turned_place_of,
)  # fmt: skip
from .tensor_types import KINDS, bits_of
from .tile_place import position_of, tile_of

SHORTEST, LONGEST = 256, 16384
"""Pixels of a split: enough to pay for writing its results, few enough for float32 to add in one chain."""


def best_split(kind, groups, rows, columns, pixels, multiprocessors):
    """(shape, splits, pixels of each, whole lines): two blocks a multiprocessor, if there are so many pixels."""
    shape = LARGE if rows > SMALL.rows and columns > SMALL.columns else SMALL
    blocks = groups * -(-rows // shape.rows) * -(-columns // shape.columns)
    most, least = max(1, pixels // SHORTEST), -(-pixels // LONGEST)
    splits = max(least, min(most, -(-shape.resident * multiprocessors // blocks)))
    depth = core.VECTORS * kind.vector
    length = -(-pixels // splits // depth) * depth
    return shape, -(-pixels // length), length


def correlate_with_gradient(kind, g, plan, x, dy, dw):
    """Launch the products of packed images and gradients by a plan (shape, splits, pixels of a split), and their sum."""
    shape, splits, length = plan
    filters, channels = g.k // g.groups, g.c // g.groups
    k_packed, c_packed = packed_channels(kind, filters), packed_channels(kind, channels)
    parts = beside(dw, splits * dw.size, np.float32)
    blocks = splits * g.groups * -(-filters // shape.rows) * -(-(g.r * g.s * c_packed) // shape.columns)
    tiles(
        weight_grad_kernel(kind.name, shape), blocks, THREADS, x, dy, parts,
        g.groups, channels, c_packed, g.h, g.w, g.h * ROW, filters, k_packed, g.r * g.s, g.s, g.p * g.q, g.q,
        g.stride_h, g.stride_w, g.pad_top, g.pad_left, g.dilation_h, g.dilation_w, g.n * g.p * g.q, length,
        *(np.uint32(part) for d in (g.p * g.q, g.q, c_packed, g.s) for part in reciprocal(d)),
    )  # fmt: skip
    each(sum_kernel(kind.name), dw.size, parts, bits_of(dw), splits)


@lru_cache
def sum_kernel(name):
    """The kernel for a kind."""
    narrow, fingerprint = KINDS[name].narrow, core.FINGERPRINT

    def add_parts(parts, dw, splits):
        """dw[i] = sum_z parts[z, i], z in order, rounded once; thread i adds up dw[i]. Bytes: parts and dw once."""
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        i = uint32(cuda.grid(1))
        if i < dw.size:
            dw[i] = narrow(total_of(parts, i, dw.size, splits))

    add_parts.__name__ = add_parts.__qualname__ = f"add_parts_{name}"
    return cuda.jit(cache=True)(add_parts)


@lru_cache
def weight_grad_kernel(name, shape):
    """The kernel for a kind of operands and a tile's shape."""
    kind, fingerprint, single = KINDS[name], core.FINGERPRINT, name == "tf32"
    vector, vectors, rows_tile, columns_tile = kind.vector, core.VECTORS, shape.rows, shape.columns
    depth, last_row = vectors * vector, rows_tile - 1
    panel = depth * core.LINE  # of as many channels as it has pixels
    a_bytes, stage = rows_tile // depth * panel, (rows_tile + columns_tile) // depth * panel
    last_stage, words, ahead = (STAGES - 1) * stage, STAGES * stage // 4, STAGES - 2
    apart = THREADS // vectors // depth
    places, step = apart * panel, apart * depth
    a_loads, b_loads, panels = rows_tile // step, columns_tile // step, columns_tile // depth
    table, table_step = 4 * panels, 4 * apart
    warp_rows, warp_columns = rows_tile // WARPS, columns_tile // WARPS
    a_panels, b_panels = warp_rows // depth, warp_columns // depth
    n_rows, n_columns, half = warp_rows // core.ROWS, warp_columns // core.COLUMNS, panel // 2
    pairs, n_a, n_b, n_results = n_columns // 2, 4 * n_rows, 2 * n_columns, 4 * n_rows * n_columns
    a_slots, b_slots, eight = 2 * n_a, 2 * n_b, core.COLUMNS
    sixteen, pitch, staged_lines = core.ROWS, staging_pitch(columns_tile), WARPS * core.ROWS
    lines_apart, pitch_bytes, place = THREADS // columns_tile, 4 * pitch, turned_place_of if single else place_of

    def conv2d_wgrad_tensor(
        x, dy, dw, G, C, c_packed, H, W, height, K, k_packed, RS, S, PQ, Q, st_h, st_w, top, left, d_h, d_w,
        pixels, length, pq_factor, pq_shift, q_factor, q_shift, c_factor, c_shift, s_factor, s_shift,
    ):  # fmt: skip
        """dw[z,k,c,r,s] = sum_{(n,p,q) in split z} dy[n,k,p,q] x[n,c,p st + r d - pad,...]: equation (13).

        x [n][g][h][w][c_packed], dy [n][g][p][q][k_packed] packed, dw (splits, G K, C, R, S) in float32, a tile of
        filters x columns (r, s, c) a block. A thread copies a vector of one pixel of every `apart`-th panel; a warp
        multiplies a quarter of the tile, a panel's pixels at a time, in three stages of shared memory.
        FLOPs: 2 N G K P Q C R S. Bytes at least: x, dy and dw once; read: dy C R S / columns_tile times, x RS K /
        rows_tile times, most of it from the caches.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        shared = cuda.shared.array(words, uint32, alignment=128)
        results = cuda.local.array(n_results, float32)
        a = cuda.local.array(a_slots, uint32)
        b = cuda.local.array(b_slots, uint32)
        shifts = cuda.local.array(b_loads, uint32)
        moves = cuda.local.array(b_loads, uint32)

        # A panel of columns has one tap; where its windows lie is found by one thread for all.
        thread, block = thread_and_block()
        columns = int32(RS * c_packed)
        part, k0, j0 = tile_of(block, int32(K + last_row), rows_tile, columns, columns_tile)
        z, g = uint32(part // uint32(G)), uint32(part % uint32(G))
        if thread < uint32(panels):
            j = uint32(j0 + uint32(thread * uint32(depth)))
            tap = divide(j, c_factor, c_shift)
            r = divide(tap, s_factor, s_shift)
            row, column = int32(int32(r) * d_h - top), int32(int32(tap - uint32(r * uint32(S))) * d_w - left)
            c = uint32(j - uint32(tap * uint32(c_packed)))
            shared[thread] = uint32(uint32(uint32(row * W + column) * uint32(c_packed)) + c)
            move = int32(row * ROW + column) if j < uint32(columns) else int32(OUTSIDE)
            shared[uint32(thread + uint32(panels))] = uint32(move)
        cuda.syncthreads()
        piece, line = uint32(thread % uint32(vectors)), uint32(uint32(thread // uint32(vectors)) % uint32(depth))
        own = uint32(thread // uint32(vectors * depth))
        core.load_numbers(shifts, shared, uint32(own * uint32(4)), table_step, b_loads)
        core.load_numbers(moves, shared, uint32(uint32(own * uint32(4)) + uint32(table)), table_step, b_loads)
        cuda.syncthreads()
        dy_first = uint32(k0 + uint32(own * uint32(depth)) + uint32(piece * uint32(vector)))
        limit, x_first = int32(k_packed - int32(dy_first)), uint32(piece * uint32(vector))
        dy_to = uint32(place(line, piece) + uint32(own * uint32(panel)))
        x_to = uint32(dy_to + uint32(a_bytes))
        dy_from, x_from = turned_operands_of(thread, a_panels, b_panels, panel, a_bytes, single)

        pixel = uint32(uint32(z * uint32(length)) + line)
        end = min(uint32(uint32(z * uint32(length)) + uint32(length)), uint32(pixels))
        chunks, read, written = int32(length // int32(depth)), uint32(0), uint32(0)
        tile.zero(results, n_results)
        while written < uint32(last_stage):
            n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
            image = uint32(uint32(n * uint32(G)) + g)
            dy_at = uint32(uint32(uint32(image - n) * uint32(PQ) + pixel) * uint32(k_packed) + dy_first)
            h, w = int32(int32(p) * st_h), int32(int32(q) * st_w)
            x_at = uint32(uint32(uint32(image * uint32(H)) + uint32(h)) * uint32(W) + uint32(w))
            x_at, spot = uint32(uint32(x_at * uint32(c_packed)) + x_first), int32(h * ROW + w)
            there = pixel < end
            near = limit if there else int32(0)
            core.copy_lines(shared, uint32(written + dy_to), dy, dy_at, uint32(step), near, places, step, a_loads)
            core.copy_windows(
                shared, uint32(written + x_to), x, x_at, shifts, spot, moves, height, W, there, places, b_loads
            )
            core.end_of_copies()
            pixel, written = uint32(pixel + uint32(depth)), uint32(written + uint32(stage))
        core.wait_for_copies(ahead)
        cuda.syncthreads()
        core.load_turned(a, 0, shared, dy_from, panel, n_rows, sixteen, name)
        core.load_turned(b, 0, shared, x_from, panel, pairs, eight, name)
        while True:
            # The first half of the pixels is multiplied while the second is read and a chunk is asked for.
            dy_at, x_at = uint32(uint32(read + dy_from) + uint32(half)), uint32(uint32(read + x_from) + uint32(half))
            core.load_turned(a, n_a, shared, dy_at, panel, n_rows, sixteen, name)
            core.load_turned(b, n_b, shared, x_at, panel, pairs, eight, name)
            n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
            image = uint32(uint32(n * uint32(G)) + g)
            dy_at = uint32(uint32(uint32(image - n) * uint32(PQ) + pixel) * uint32(k_packed) + dy_first)
            h, w = int32(int32(p) * st_h), int32(int32(q) * st_w)
            x_at = uint32(uint32(uint32(image * uint32(H)) + uint32(h)) * uint32(W) + uint32(w))
            x_at, spot = uint32(uint32(x_at * uint32(c_packed)) + x_first), int32(h * ROW + w)
            there = pixel < end
            near = limit if there else int32(0)
            core.copy_lines(shared, uint32(written + dy_to), dy, dy_at, uint32(step), near, places, step, a_loads)
            core.copy_windows(
                shared, uint32(written + x_to), x, x_at, shifts, spot, moves, height, W, there, places, b_loads
            )
            core.end_of_copies()
            pixel = uint32(pixel + uint32(depth))
            written = uint32(written + uint32(stage)) if written < uint32(last_stage) else uint32(0)
            core.multiply(results, a, 0, b, 0, n_rows, n_columns, name)
            # The second half, while the first of the next chunk is read.
            read = uint32(read + uint32(stage)) if read < uint32(last_stage) else uint32(0)
            core.wait_for_copies(ahead)
            cuda.syncthreads()
            dy_at, x_at = uint32(read + dy_from), uint32(read + x_from)
            core.load_turned(a, 0, shared, dy_at, panel, n_rows, sixteen, name)
            core.load_turned(b, 0, shared, x_at, panel, pairs, eight, name)
            core.multiply(results, a, n_a, b, n_b, n_rows, n_columns, name)
            chunks = int32(chunks - 1)
            if chunks == 0:
                break

        # The thread's column of the results.
        thread, block = thread_and_block()
        columns = int32(RS * c_packed)
        part, k0, j0 = tile_of(block, int32(K + last_row), rows_tile, columns, columns_tile)
        own, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
        j = uint32(j0 + own)
        tap = divide(j, c_factor, c_shift)
        c = uint32(j - uint32(tap * uint32(c_packed)))
        there = (j < uint32(columns)) & (c < uint32(C))
        dw_at = uint32(uint32(uint32(part * uint32(K) + k0) * uint32(C) + c) * uint32(RS) + tap)
        staged, i = staged_of(thread, warp_columns, pitch), uint32(0)
        core.wait_for_copies(0)
        while i < uint32(n_rows):
            cuda.syncthreads()
            core.stage_rows(results, i, shared, staged, pitch_bytes, n_rows, n_columns)
            cuda.syncthreads()
            line = first_line
            while line < uint32(staged_lines):
                k = row_of(line, i, warp_rows)
                if there and uint32(k0 + k) < uint32(K):
                    total = core.load_float(shared, uint32(uint32(uint32(line * uint32(pitch)) + own) * uint32(4)))
                    dw[uint32(dw_at + uint32(k * uint32(C * RS)))] = total
                line = uint32(line + uint32(lines_apart))
            i = uint32(i + uint32(1))

    conv2d_wgrad_tensor.__name__ = conv2d_wgrad_tensor.__qualname__ = f"conv2d_wgrad_{name}_{rows_tile}x{columns_tile}"
    return cuda.jit(cache=True, launch_bounds=(THREADS, shape.resident))(conv2d_wgrad_tensor)
