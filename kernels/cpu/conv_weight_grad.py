"""The weight gradient: the correlation of the input with the output gradient, as a matrix product over positions.

For one tap (r, s), dw[k, c] = sum over positions of dy[k, position] x[c, position + tap]. A task is a strip of output
rows of one image. Its input is turned once into channels-last order, so that for every position the channels of a tap
are one contiguous run (with dilation 1 even all taps of a kernel row: S * C elements), and the micro-kernel multiplies
panels of MR rows of dy with runs of NR of them. Each thread sums into a buffer of its own; the buffers are added in a
fixed order, so the bits depend on nothing but the number of threads.
"""

import numpy as np
from numba import get_num_threads, njit, prange

from .conv_direct import SERIAL
from .microkernel import MR, VERSION, multiply_tile, tile_columns

POSITIONS = 256  # of a strip: NR columns of as many positions fill half the first-level cache (Zen 3, 2026-11)


def correlate_with_gradient(g, x, dy, dw):
    """dw[k, c, r, s] = sum_{n, p, q} dy[n, k, p, q] x[n, c, p st + r d - pad, ...]: equation (13)."""
    if g.n == 0:
        dw[...] = 0
        return
    rows = max(1, min(g.p, POSITIONS // g.q))
    rows = -(-g.p // max(-(-g.p // rows), min(g.p, -(-4 // g.n))))
    serial = g.flops < 2 * SERIAL
    threads = 1 if serial else min(g.n * -(-g.p // rows), get_num_threads())
    columns = tile_columns(x.dtype)
    joined = g.dilation_w == 1  # the taps of a kernel row then read one run
    channels, filters = g.c // g.groups, g.k // g.groups
    taps, length = (g.r, g.s * channels) if joined else (g.r * g.s, channels)
    sums = np.zeros((threads, g.groups * -(-filters // MR), taps, MR, -(-length // columns) * columns), x.dtype)
    if serial:
        _sum_tasks(g, x, dy, sums, 0, joined, rows, columns, VERSION)
        _add_sums(g, sums, joined, 0, g.k, dw)
    else:
        _sum_parallel(g, x, dy, sums, joined, rows, columns)
        _add_parallel(g, sums, joined, dw)


@njit(cache=True, nogil=True)
def _channels_last(g, image, first_channel, top, strip):
    """strip[i, j, c] = image[first_channel + c, top + i, j - pad_left], zero outside."""
    rows, width, channels = strip.shape
    for i in range(rows):
        row = top + i
        if row < 0 or row >= g.h:
            strip[i] = 0
            continue
        first, last = min(g.pad_left, width), min(g.pad_left + g.w, width)
        strip[i, :first] = 0
        for c in range(channels):
            source = image[first_channel + c, row]
            for j in range(first, last):
                strip[i, j, c] = source[j - g.pad_left]
        strip[i, last:] = 0


@njit(cache=True, nogil=True)
def _pack_gradient(g, dy, first_filter, filters, p0, p1, panels):
    """panels[block, position, i] = dy[first_filter + block * MR + i, position], zero past the last filter."""
    for block in range(panels.shape[0]):
        for i in range(MR):
            k = block * MR + i
            if k < filters:
                source = dy[first_filter + k, p0:p1].reshape(-1)
                for position in range(source.size):
                    panels[block, position, i] = source[position]
            else:
                panels[block, :, i] = 0


@njit(cache=True, parallel=True, nogil=True)
def _sum_parallel(g, x, dy, sums, joined, rows, columns):
    for thread in prange(sums.shape[0]):
        _sum_tasks(g, x, dy, sums, np.int64(thread), joined, rows, columns, VERSION)


@njit(cache=True, parallel=True, nogil=True)
def _add_parallel(g, sums, joined, dw):
    for k in prange(g.k):
        _add_sums(g, sums, joined, np.int64(k), np.int64(k) + 1, dw)


@njit(cache=True, nogil=True)
def _sum_tasks(g, x, dy, sums, thread, joined, rows, columns, version):
    """Equation (13) for one thread's tasks (image, strip of rows); sums (threads, panels, taps, MR, columns).

    FLOPs: 2 N K P Q (C/groups) R S. Bytes: x and dy once, dw once for each thread.
    """
    threads, _, taps, _, padded = sums.shape
    channels, filters = g.c // g.groups, g.k // g.groups
    blocks = -(-filters // MR)
    height = (rows - 1) * g.stride_h + (g.r - 1) * g.dilation_h + 1
    width = (g.q - 1) * g.stride_w + (g.s - 1) * g.dilation_w + 1
    length = g.s * channels if joined else channels
    strips = -(-g.p // rows)
    tasks = g.n * strips

    offsets = np.empty(rows * g.q, np.int32)
    for position in range(offsets.size):
        offsets[position] = (position // g.q * g.stride_h * width + position % g.q * g.stride_w) * channels
    memory = np.zeros(height * width * channels + columns, x.dtype)
    strip = memory[: height * width * channels].reshape(height, width, channels)
    panels = np.empty((blocks, rows * g.q, MR), x.dtype)
    mine, flat = sums[thread].reshape(-1), panels.reshape(-1)
    for task in range(thread * tasks // threads, (thread + 1) * tasks // threads):
        n, p0 = task // strips, task % strips * rows
        p1 = min(p0 + rows, g.p)
        for group in range(g.groups):
            _channels_last(g, x[n], group * channels, p0 * g.stride_h - g.pad_top, strip)
            _pack_gradient(g, dy[n], group * filters, filters, p0, p1, panels)
            for tap in range(taps):
                r, s = (tap, 0) if joined else (tap // g.s, tap % g.s)
                base = (r * g.dilation_h * width + s * g.dilation_w) * channels
                for j in range(0, length, columns):
                    for block in range(blocks):
                        place = ((group * blocks + block) * taps + tap) * MR * padded + j
                        panel = block * rows * g.q * MR
                        multiply_tile(
                            flat, panel, memory, base + j, offsets, (p1 - p0) * g.q, mine, place, padded, True
                        )


@njit(cache=True, nogil=True)
def _add_sums(g, sums, joined, first, last, dw):
    """dw of the filters from first to last: the threads' sums, in order."""
    channels, filters = g.c // g.groups, g.k // g.groups
    for k in range(first, last):
        block, i = k // filters * -(-filters // MR) + k % filters // MR, k % filters % MR
        for r in range(g.r):
            for s in range(g.s):
                for c in range(channels):
                    tap, j = (r, s * channels + c) if joined else (r * g.s + s, c)
                    total = sums[0, block, tap, i, j]
                    for thread in range(1, sums.shape[0]):
                        total += sums[thread, block, tap, i, j]
                    dw[k, c, r, s] = total
