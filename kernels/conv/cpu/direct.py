"""Direct convolution: the forward pass and, on rotated weights, the input gradient.

One kernel serves both. It correlates images with a list of taps,

    y[n, k, row0 + p * row_step, col0 + q * col_step] = sum_{c, t} w[k, c, t] x[n, c, p * st_h + dh_t, q * st_w + dw_t],

zero outside x. The forward pass has the taps (r d - pad, s d - pad). The input gradient is one such correlation of dy
for each phase of the stride, with the taps that reach the phase, and stride 1. The input lies in planes
(conv_planes.py); the micro-kernel multiplies panels of MR filters with vectors of outputs read there.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ...core.memory import new
from ...core.scalar import IDENTITY, activate, activate_grad
from ...cpu.emitter import MR, NV, lanes
from ...cpu.microkernel import multiply_tile
from ...cpu.simd_rows import copy_row
from ...cpu.threads import on_threads, threads_for
from ...cpu.workspaces import workspace, zeros
from .padded_planes import fill_planes, plan, planes_size, task_count, task_of, task_vectors

PANEL = 4096  # elements of a panel of filters, MR x channels x taps: half the first-level cache (Zen 3, 2026-11)
PANELS = 8  # panels of filters whose sums wait in the cache together, where all channels are summed at once
SERIAL = 1 << 20  # multiplications: fewer take less than two threads gain (Zen 3, 2 cores, 2026-11)


class Lattice(NamedTuple):
    """Which elements of y (N, k, height, width) a correlation writes: row0 + p row_step, col0 + q col_step."""

    k: int
    height: int
    width: int
    p: int
    q: int
    row0: int = 0
    row_step: int = 1
    col0: int = 0
    col_step: int = 1


def correlate(x, w, taps, stride, groups, transposed, lattice, bias, activation, slope, pre_activation, y):
    """Correlate x with the taps of w and store on a lattice of y.

    Parameters
    ----------
    x : array (N, C, H, W)
    w : array (K, C/groups, R, S), or with `transposed` (C, K/groups, R, S)
    taps : tuple of (r, s, dh, dw)
        Which weight, and where it reads.
    stride : (st_h, st_w)
    groups : int
    transposed : bool
        Whether w lies as the forward pass has it while this is its input gradient.
    lattice : Lattice
        Which elements of y are written.
    bias : array (K,)
    activation, slope
        Applied to the result; with pre_activation its derivative there is a factor.
    pre_activation : array like y, or (0, 0, 0, 0)
    y : array (N, K, YH, YW)
    """
    images, channels, filters = x.shape[0], x.shape[1] // groups, y.shape[1] // groups
    if images == 0 or lattice.p == 0 or lattice.q == 0:
        return
    g, reads = plan(x.shape, filters, taps, stride, groups, (lattice.p, lattice.q), PANEL // MR, lanes(x.dtype))
    panels = new((groups * -(-filters // MR), channels * g.taps, MR), x.dtype)
    serial = images * groups * filters * g.p * g.q * panels.shape[1] < SERIAL
    threads = threads_for(task_count(g), serial)
    before = pre_activation.reshape(-1)
    x, y = x.reshape(-1), y.reshape(-1)
    _launch(w, transposed, g, reads, lattice, x, panels, bias, activation, slope, before, y, threads)


@njit(cache=True, nogil=True)
def _launch(w, transposed, g, reads, lattice, x, panels, bias, activation, slope, pre_activation, y, threads):
    """Pack the filters, then correlate."""
    packing = (w, reads.taps, transposed, g.groups, panels)
    problem = (g, reads, lattice, x, panels, bias, activation, slope, pre_activation, y)
    on_threads(_pack, packing, threads)
    on_threads(_correlate, problem, threads)


@njit(cache=True, nogil=True)
def _pack(w, taps, transposed, groups, panels, thread, threads):
    """panels[block, c * T + t, i] = w of tap t, channel c and filter block * MR + i; zero past a group's last one."""
    count = taps.shape[0]
    filters = w.shape[1] if transposed else w.shape[0] // groups
    blocks, channels = panels.shape[0] // groups, panels.shape[1] // count
    for panel in range(thread * panels.shape[0] // threads, (thread + 1) * panels.shape[0] // threads):
        group, block = panel // blocks, panel % blocks
        for i in range(MR):
            k = block * MR + i
            for c in range(channels):
                for t in range(count):
                    value = panels.dtype.type(0)
                    if k < filters:
                        r, s = taps[t, 0], taps[t, 1]
                        value = w[group * channels + c, k, r, s] if transposed else w[group * filters + k, c, r, s]
                    panels[panel, c * count + t, i] = value


@njit(cache=True, nogil=True)
def _correlate(g, reads, lattice, x, panels, bias, activation, slope, pre_activation, y, thread, threads):
    """The equation at the head of this file, for one thread's tasks.

    FLOPs: 2 N K P Q (C/groups) T. Bytes: x, w and y once, x again for the rows that neighbouring strips share.
    """
    channels, filters = g.c // g.groups, lattice.k // g.groups
    blocks, tasks = panels.shape[0] // g.groups, task_count(g)
    stride = (g.vectors + NV - 1) // NV * NV * g.lanes
    together = max(1, blocks if g.step < channels else min(blocks, PANELS))
    planes = zeros(planes_size(g), x)
    sums = workspace(together * MR * stride, x)
    flat, (_, offsets, starts) = panels.reshape(-1), reads  # once: each taking counts a reference
    for task in range(thread * tasks // threads, (thread + 1) * tasks // threads):
        n, images, group, p0, p1 = task_of(g, task)
        vectors = task_vectors(g, images, p1 - p0)
        for block0 in range(0, blocks, together):
            block1 = min(block0 + together, blocks)
            for c0 in range(0, channels, g.step):
                c1 = min(c0 + g.step, channels)
                if block0 == 0:
                    fill_planes(g, x, n, images, group * channels + c0, group * channels + c1, p0, p1, planes)
                for tile in range((vectors + NV - 1) // NV):
                    for block in range(block0, block1):
                        panel = ((group * blocks + block) * channels + c0) * g.taps * MR
                        row = (block - block0) * MR * stride
                        multiply_tile(
                            flat, panel, planes, 0, starts, tile, offsets, (c1 - c0) * g.taps,
                            sums, row + tile * NV * g.lanes, stride, c0 > 0,
                        )  # fmt: skip
            k0 = block0 * MR
            store_planes(
                lattice, sums, 0, stride, min(block1 * MR, filters) - k0, g.run * g.lanes, images, g.pitch, n,
                group * filters + k0, p0, p1, bias, activation, slope, pre_activation, y,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def store_planes(
    lattice, sums, first, apart, filters, between, images, pitch, n, k, p0, p1, bias, activation, slope,
    pre_activation, y,
):  # fmt: skip
    """Rows p0 to p1 of some filters and images of y on the lattice: f(sum + bias), or sum * f'(pre_activation).

    The sums of row p of filter k + i and image n + m lie at first + i * apart + m * between + (p - p0) * pitch. All
    rows in one call, here and below: a call counts a reference to each array, which threads would fight over.
    """
    rows, down = p1 - p0, lattice.row_step * lattice.width
    corner = (lattice.row0 + p0 * lattice.row_step) * lattice.width + lattice.col0
    for i in range(filters):
        for m in range(images):
            source = first + i * apart + m * between
            place = ((n + m) * lattice.k + k + i) * lattice.height * lattice.width + corner
            if (activation != IDENTITY and not pre_activation.size) or bias[k + i] != 0:
                _finish(sums, source, (rows - 1) * pitch + lattice.q, bias[k + i], activation, slope)
            if pre_activation.size:
                _scale(lattice, sums, source, pitch, rows, pre_activation, place, activation, slope)
            if lattice.col_step != 1:
                _spread(lattice, sums, source, pitch, rows, y, place)
            elif pitch == lattice.width and lattice.row_step == 1:
                copy_row(y, place, sums, source, rows * pitch)
            else:
                for p in range(rows):
                    copy_row(y, place + p * down, sums, source + p * pitch, lattice.q)


@njit(cache=True, nogil=True)
def _finish(sums, first, count, bias, activation, slope):
    """sums = f(sums + bias), what lies between the rows included."""
    first = np.uint64(first)  # unsigned: no test for a negative index, which would keep the loops from vectors
    for j in range(np.uint64(count)):
        sums[first + j] = activate(sums[first + j] + bias, activation, slope)


@njit(cache=True, nogil=True)
def _scale(lattice, sums, first, pitch, rows, pre_activation, place, activation, slope):
    """sums = sums * f'(pre_activation), of some rows."""
    step = np.uint64(lattice.col_step)
    for p in range(rows):
        source, there = np.uint64(first + p * pitch), np.uint64(place + p * lattice.row_step * lattice.width)
        for j in range(np.uint64(lattice.q)):
            sums[source + j] = activate_grad(sums[source + j], pre_activation[there + j * step], activation, slope)


@njit(cache=True, nogil=True)
def _spread(lattice, sums, first, pitch, rows, y, place):
    """y[place + p * row_step * width + j * col_step] = sums[first + p * pitch + j], of some rows."""
    step = np.uint64(lattice.col_step)
    for p in range(rows):
        source, there = np.uint64(first + p * pitch), np.uint64(place + p * lattice.row_step * lattice.width)
        for j in range(np.uint64(lattice.q)):
            y[there + j * step] = sums[source + j]
