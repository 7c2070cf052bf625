"""The weight gradient: the correlation of the input with the output gradient, as inner products over positions.

For one tap t, dw[k, c, t] = sum over positions of dy[k, position] x[c, position + tap]. Along a row of outputs both
factors are contiguous where they lie (x in the planes of conv_planes.py), so the micro-kernel multiplies vectors of
positions: a tile of filters x (channel, tap) pairs holds one partial sum a lane, and nothing is transposed. dy is
copied with zeros where the planes' rows are longer than its own. Each thread sums into a buffer of its own; the buffers
are added in a fixed order, so the bits depend on nothing but the number of threads.
"""

import numpy as np
from numba import njit

from ...cpu.emitter import DOT_COLUMNS, DOT_ROWS, lanes
from ...cpu.microkernel import add_dots
from ...cpu.simd_rows import fill_row
from ...cpu.threads import on_threads, threads_for
from ...cpu.workspaces import zeros
from .direct import SERIAL
from .padded_planes import fill_planes, plan, planes_size, task_count, task_of, task_vectors

FILTERS = 2 * DOT_ROWS  # rows of dy that stay in the first-level cache while the planes pass (Zen 3, 2026-11)
STRIP_FILTERS = 64  # as many outputs a task as a forward pass with so many filters has
PAIRS = 1 << 12  # (channel, tap) pairs at once; the planes' size is the tighter bound


def correlate_with_gradient(g, taps, x, dy, dw):
    """dw[k, c, r, s] = sum_{n, p, q} dy[n, k, p, q] x[n, c, p st + r d - pad, ...]: equation (13).

    Parameters
    ----------
    g : ConvShape
    taps : tuple of (r, s, dh, dw)
        The forward pass's taps, in the order of dw.
    x : array (N, C, H, W)
    dy : array (N, K, P, Q)
    dw : array (K, C/groups, R, S)
    """
    if g.n == 0:
        dw[...] = 0
        return
    channels, filters = g.c // g.groups, g.k // g.groups
    stride, size = (g.stride_h, g.stride_w), (g.p, g.q)
    strips, reads = plan(x.shape, STRIP_FILTERS, taps, stride, g.groups, size, PAIRS, lanes(x.dtype))
    serial = g.flops < 2 * SERIAL
    threads = threads_for(task_count(strips), serial)
    columns = -(-strips.step * strips.taps // DOT_COLUMNS) * DOT_COLUMNS
    rows, steps = -(-filters // DOT_ROWS) * DOT_ROWS, -(-channels // strips.step)
    sums = np.zeros((threads, g.groups, steps, columns, rows), x.dtype)
    flat = dw.reshape(g.groups, filters, channels, strips.taps)
    _launch(strips, reads, x.reshape(-1), dy.reshape(-1), sums, flat, threads)


@njit(cache=True, nogil=True)
def _launch(g, reads, x, dy, sums, dw, threads):
    """Sum, then add."""
    summing, adding = (g, reads, x, dy, sums), (g, sums, dw)
    on_threads(_sum_tasks, summing, threads)
    on_threads(_add_sums, adding, threads)


@njit(cache=True, nogil=True)
def _sum_tasks(g, reads, x, dy, sums, thread, threads):
    """Equation (13) for one thread's tasks; sums (threads, groups, steps, channels of a step * taps, filters).

    FLOPs: 2 N K P Q (C/groups) R S. Bytes: x and dy once (dy again for each step of channels), dw once a thread.
    """
    _, groups, steps, columns, rows = sums.shape
    channels, filters = g.c // groups, dy.size // (g.n * g.p * g.q * groups)
    planes = zeros(planes_size(g), x)
    stride = g.vectors * g.lanes
    gradient, mine = zeros(FILTERS * stride, dy), sums[thread].reshape(-1)
    tasks, (_, offsets, starts) = task_count(g), reads
    for task in range(thread * tasks // threads, (thread + 1) * tasks // threads):
        n, images, group, p0, p1 = task_of(g, task)
        vectors, outputs = task_vectors(g, images, p1 - p0), g.p * g.q
        # Rows of dy that fill their vectors are read where they lie.
        whole = images == 1 and g.pitch == g.q and (p1 - p0) * g.q == vectors * g.lanes and filters % DOT_ROWS == 0
        rows_of_k, apart = (dy, outputs) if whole else (gradient, stride)
        for step in range(steps):
            c0, c1 = step * g.step, min((step + 1) * g.step, channels)
            fill_planes(g, x, n, images, group * channels + c0, group * channels + c1, p0, p1, planes)
            for k0 in range(0, filters, FILTERS):
                k1 = min(k0 + FILTERS, filters)
                first = (n * groups + group) * filters + k0
                if not whole:
                    for k in range(k1 - k0):
                        _fill_gradient(g, dy, first + k, groups * filters, images, p0, p1, gradient, k * stride)
                    gradient[(k1 - k0) * stride :] = 0
                start = first * outputs + p0 * g.q if whole else 0
                for pair in range(0, (c1 - c0) * g.taps, DOT_COLUMNS):
                    for k in range(k0, k1, DOT_ROWS):
                        place = ((group * steps + step) * columns + pair) * rows + k
                        add_dots(
                            rows_of_k, start + (k - k0) * apart, apart,
                            planes, 0, starts, offsets, pair, vectors, mine, place, rows, True,
                        )  # fmt: skip


@njit(cache=True, nogil=True)
def _fill_gradient(g, dy, first, filters, images, p0, p1, gradient, place):
    """gradient[place + m, p - p0, q] = dy[n + m, k, p, q], zero between the rows; first = n * filters + k."""
    for m in range(images):
        for p in range(p0, p1):
            row = m * g.run * g.lanes + (p - p0) * g.pitch
            length = g.pitch if p < p1 - 1 else (m + 1) * g.run * g.lanes - row
            fill_row(gradient, place + row, length, dy, ((first + m * filters) * g.p + p) * g.q, 0, g.q)


@njit(cache=True, nogil=True)
def _add_sums(g, sums, dw, thread, threads):
    """dw, of one thread's part of the filters: the threads' sums, in order; a few filters at a time: dw lies across."""
    groups, filters, channels, taps = dw.shape
    for block in range(thread, groups * ((filters + FILTERS - 1) // FILTERS), threads):
        group, k0 = block % groups, block // groups * FILTERS
        k1 = min(k0 + FILTERS, filters)
        for c in range(channels):
            for t in range(taps):
                source = sums[:, group, c // g.step, c % g.step * taps + t]
                for k in range(k0, k1):
                    total = source[0, k]
                    for part in range(1, sums.shape[0]):
                        total += source[part, k]
                    dw[group, k, c, t] = total
