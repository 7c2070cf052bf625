"""The input gradient by scattering: for each image one matrix product, whose rows are then added where they belong.

    rows[(c, r, s), (p, q)] = sum_k w[k, c, r, s] dy[n, k, p, q]
    dx[n, c, p st + r d - pad, ...] = sum over (r, s) of rows[(c, r, s), (p, q)]

The gathering form (conv_direct.py) multiplies at every element of dx with every tap that reaches its phase, outside dy
with zeros. This one multiplies at every element of dy, which is less where dx has many more, and writes the column
phases of a strided dx together, a row at a time. It pays for that with the additions.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from ...core.memory import new
from ...core.scalar import activate_grad
from ...cpu.emitter import MR, NV, lanes, tile_columns
from ...cpu.microkernel import multiply_tile
from ...cpu.simd_rows import add_row, clear_row, copy_row, zip_rows
from ...cpu.threads import on_threads, threads_for
from ...cpu.workspaces import workspace, zeros
from .direct import SERIAL

TASKS = 16  # at least so many, if there are channels enough


def scatter_gradient(g, dy, w, pre_activation, activation, slope, dx):
    """dx[n,c,i,j] = sum_{k,r,s} w[k,c,r,s] dy[n,k,p,q] f'(x[n,c,i,j]), p st + r d - pad = i: equation (20).

    Parameters
    ----------
    g : ConvShape
    dy : array (N, K, P, Q)
    w : array (K, C/groups, R, S)
    pre_activation : array like dx, or (0, 0, 0, 0)
    activation, slope
        Of f.
    dx : array (N, C, H, W)
    """
    if g.n == 0:
        return
    channels, filters, columns = g.c // g.groups, g.k // g.groups, tile_columns(dy.dtype)
    share = -(-channels // max(1, min(channels, -(-TASKS // (g.n * g.groups)))))
    parts, tiles = -(-channels // share), -(-g.p * g.q // columns)
    panels = new((g.groups * parts, -(-share * g.r * g.s // MR), filters, MR), dy.dtype)
    vectors = np.arange(tiles * NV, dtype=np.int32)
    starts = vectors // NV * filters * columns + vectors % NV * lanes(dy.dtype)
    offsets = np.arange(0, filters * columns, columns, dtype=np.int32)
    threads = threads_for(g.n * g.groups * parts, g.flops < 2 * SERIAL)
    tables = _taps(g), starts, offsets
    _launch(g, w, panels, share, tables, dy, pre_activation.reshape(-1), activation, slope, dx.reshape(-1), threads)


@lru_cache(maxsize=1024)
def _taps(g):
    """(R * S, 5): row shift, column phase, column shift there, first and last column of dy that is inside, by tap."""
    rows = []
    for tap in range(g.r * g.s):
        down, across = tap // g.s * g.dilation_h - g.pad_top, tap % g.s * g.dilation_w - g.pad_left
        phase, shift = across % g.stride_w, across // g.stride_w
        inside = -(-(g.w - phase) // g.stride_w)
        rows.append((down, phase, shift, max(0, -shift), min(g.q, inside - shift)))
    return np.array(rows)


@njit(cache=True, nogil=True)
def _launch(g, w, panels, share, tables, dy, pre_activation, activation, slope, dx, threads):
    """Pack the filters, then multiply and scatter."""
    packing = (g, w, share, panels)
    problem = (g, panels, share, tables, dy, pre_activation, activation, slope, dx)
    on_threads(_pack, packing, threads)
    on_threads(_scatter, problem, threads)


@njit(cache=True, nogil=True)
def _pack(g, w, share, panels, thread, threads):
    """panels[part, panel, k, i] = w[k] of (channel, tap) pair panel * MR + i of the part; zero past the last."""
    parts, count, filters, _ = panels.shape
    channels, parts, taps = g.c // g.groups, parts // g.groups, g.r * g.s
    flat = w.reshape(g.k, channels * taps)
    for work in range(thread * panels.shape[0] // threads, (thread + 1) * panels.shape[0] // threads):
        group, first = work // parts, work % parts * share * taps
        for panel in range(count):
            for k in range(filters):
                for i in range(MR):
                    pair = first + panel * MR + i
                    panels[work, panel, k, i] = flat[group * filters + k, pair] if pair < channels * taps else 0


@njit(cache=True, nogil=True)
def _scatter(g, panels, share, tables, dy, pre_activation, activation, slope, dx, thread, threads):
    """The equations at the head of this file, for one thread's tasks: a part of one image's channels each.

    FLOPs: 2 N K P Q (C/groups) R S. Bytes: dy once for each part, dx once.
    """
    taps, starts, offsets = tables
    parts, count, filters, _ = panels.shape
    parts, channels, pairs = parts // g.groups, g.c // g.groups, g.r * g.s
    columns, size = (starts[1] - starts[0]) * NV, g.p * g.q
    width = (g.w + g.stride_w - 1) // g.stride_w
    tiles, flat = starts.size // NV, panels.reshape(-1)
    packed, rows = zeros(tiles * filters * columns, dy), workspace(MR * tiles * columns, dy)
    sums, source = workspace(g.stride_w * g.h * width, dy), dy.reshape(-1)
    tasks = g.n * g.groups * parts
    for task in range(thread * tasks // threads, (thread + 1) * tasks // threads):
        n, group, part = task // parts // g.groups, task // parts % g.groups, task % parts
        _pack_image(source, (n * g.groups + group) * filters * size, filters, size, columns, packed)
        last = min(share, channels - part * share) * pairs
        for panel in range((last + MR - 1) // MR):
            first = ((group * parts + part) * count + panel) * filters * MR
            for tile in range(tiles):
                multiply_tile(
                    flat, first, packed, 0, starts, tile, offsets, filters,
                    rows, tile * columns, tiles * columns, False,
                )  # fmt: skip
            for i in range(min(MR, last - panel * MR)):
                c, tap = (panel * MR + i) // pairs, (panel * MR + i) % pairs
                if tap == 0:
                    clear_row(sums, 0, sums.size)
                _add_tap(g, taps, tap, rows, i * tiles * columns, width, sums)
                if tap == pairs - 1:
                    channel = (n * g.groups + group) * channels + part * share + c
                    _store(g, sums, width, channel, pre_activation, activation, slope, dx)


@njit(cache=True, nogil=True)
def _pack_image(dy, first, filters, size, columns, packed):
    """packed[tile, k, j] = dy[first + k * size + tile * columns + j], zero past the last position."""
    for k in range(filters):
        for tile in range((size + columns - 1) // columns):
            here = min(columns, size - tile * columns)
            copy_row(packed, (tile * filters + k) * columns, dy, first + k * size + tile * columns, here)


@njit(inline="always")
def _add_tap(g, taps, tap, rows, first, width, sums):
    """sums[phase, p st_h + row shift, q + shift] += rows[p, q], where that is inside."""
    # Element by element: a row of taps would count references, which the threads would fight over.
    down, phase, shift, q0, q1 = taps[tap, 0], taps[tap, 1], taps[tap, 2], taps[tap, 3], taps[tap, 4]
    for p in range(g.p):
        i = p * g.stride_h + down
        if 0 <= i < g.h and q0 < q1:
            add_row(sums, (phase * g.h + i) * width + q0 + shift, rows, first + p * g.q + q0, q1 - q0)


@njit(cache=True, nogil=True)
def _store(g, sums, width, channel, pre_activation, activation, slope, dx):
    """dx of one channel from its column phases, times f'(pre_activation)."""
    place = channel * g.h * g.w
    for i in range(g.h):
        row = place + i * g.w
        if g.stride_w == 1:
            copy_row(dx, row, sums, i * width, g.w)
        elif g.stride_w == 2:
            zip_rows(dx, row, sums, i * width, sums, (g.h + i) * width, g.w // 2)
            if g.w % 2:
                dx[row + g.w - 1] = sums[i * width + g.w // 2]
        else:
            for j in range(g.w):
                dx[row + j] = sums[(j % g.stride_w * g.h + i) * width + j // g.stride_w]
    if pre_activation.size:
        for j in range(place, place + g.h * g.w):
            dx[j] = activate_grad(dx[j], pre_activation[j], activation, slope)
