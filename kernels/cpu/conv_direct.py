"""Direct convolution: the forward pass and, on rotated weights, the input gradient.

One kernel serves both. It correlates images with a list of taps,

    y[n, k, row0 + p * row_step, col0 + q * col_step] = sum_{c, t} w[k, c, t] x[n, c, p * st_h + dh_t, q * st_w + dw_t],

zero outside x. The forward pass has the taps (r d - pad, s d - pad). The input gradient is one such correlation of dy
for each phase of the stride, with the taps that reach the phase, and stride 1.

A task is a strip of output rows of one image and group. The strip's input is copied once into zero-padded planes, split
by stride phase, so that for every tap the outputs of the strip, rows laid end to end, read one contiguous run: no
im2col. The micro-kernel then multiplies panels of MR filters with runs of NR outputs.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import get_num_threads, njit, prange

from ..scalar import activate, activate_grad
from .microkernel import MR, VERSION, multiply_tile, tile_columns

PANEL = 4096  # elements of a panel of filters, MR x channels x taps: half the first-level cache (Zen 3, 2026-11)
SERIAL = 1 << 20  # multiplications: fewer take less than two threads gain (Zen 3, 2 cores, 2026-11)
STRIP = 512  # outputs of a strip, at most: its planes and its results then share the second-level cache


class Plan(NamedTuple):
    """How one correlation is cut into tasks, and where its taps read: all a thread needs beside the arrays."""

    p: int
    q: int
    row0: int
    row_step: int
    col0: int
    col_step: int
    stride_h: int
    stride_w: int
    groups: int
    taps: int
    top: int
    left: int
    phases_h: int
    phases_w: int
    rows: int
    """Output rows of a strip."""
    height: int
    """Rows of a plane: of one channel and stride phase of a strip's input."""
    width: int
    step: int
    """Channels multiplied at once."""
    run: int
    """Outputs of a strip, rows laid end to end over the planes' width, in whole tiles."""
    columns: int
    """Outputs of a tile, NR."""


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
    lattice : (P, Q, row0, row_step, col0, col_step)
        Which elements of y are written.
    bias : array (K,)
    activation, slope
        Applied to the result; with pre_activation its derivative there is a factor.
    pre_activation : array like y, or (0, 0, 0, 0)
    y : array (N, K, YH, YW)
    """
    images, channels, filters = x.shape[0], x.shape[1] // groups, y.shape[1] // groups
    if images == 0 or lattice[0] == 0 or lattice[1] == 0:
        return
    plan, indices, offsets = _plan(images, channels, filters, taps, stride, groups, lattice, tile_columns(x.dtype))
    panels = np.empty((groups * -(-filters // MR), channels * plan.taps, MR), x.dtype)
    launch = _launch_serial if images * filters * plan.p * plan.q * groups * panels.shape[1] < SERIAL else _launch
    launch(plan, offsets, indices, transposed, x, w, panels, bias, activation, slope, pre_activation, y)


@lru_cache(maxsize=1024)
def _plan(images, channels, filters, taps, stride, groups, lattice, columns):
    """(Plan, the taps' (r, s) as an array, where each (channel, tap) reads its run in the planes)."""
    p, q = lattice[:2]
    top, left = min(dh for _, _, dh, _ in taps), min(dw for *_, dw in taps)
    reach_h, reach_w = max(dh for _, _, dh, _ in taps) - top, max(dw for *_, dw in taps) - left
    phases_h, phases_w = min(stride[0], reach_h + 1), min(stride[1], reach_w + 1)
    width = q + reach_w // stride[1]
    rows = max(1, min(p, STRIP * 64 // max(filters, 64) // width))
    strips = max(-(-p // rows), min(p, -(-8 // (images * groups))))  # a few tasks for each thread, if only by rows
    rows = -(-p // strips)
    height = rows + reach_h // stride[0]
    step = min(channels, max(1, PANEL // (MR * len(taps))))
    run = -(-((rows - 1) * width + q) // columns) * columns
    offsets = [
        ((c * phases_h + (dh - top) % stride[0]) * phases_w + (dw - left) % stride[1]) * height * width
        + (dh - top) // stride[0] * width
        + (dw - left) // stride[1]
        for c in range(step)
        for _, _, dh, dw in taps
    ]
    plan = Plan(
        *lattice, *stride, groups, len(taps), top, left, phases_h, phases_w, rows, height, width, step, run, columns
    )
    return plan, np.array(taps, np.int64)[:, :2].copy(), np.array(offsets, np.int32)


def _launch(plan, offsets, indices, transposed, x, w, panels, bias, activation, slope, pre_activation, y):
    """Pack the filters, then let each thread take a run of the tasks."""
    _pack_parallel(w, indices, transposed, plan.groups, y.shape[1] // plan.groups, panels)
    threads = min(x.shape[0] * plan.groups * -(-plan.p // plan.rows), get_num_threads())
    _correlate_parallel(plan, offsets, x, panels, bias, activation, slope, pre_activation, y, threads)


def _launch_serial(plan, offsets, indices, transposed, x, w, panels, bias, activation, slope, pre_activation, y):
    """The same without a parallel region, which would cost more than the work."""
    _pack(w, indices, transposed, plan.groups, y.shape[1] // plan.groups, panels, 0, panels.shape[0])
    _correlate(plan, offsets, x, panels, bias, activation, slope, pre_activation, y, 0, 1, VERSION)


@njit(cache=True, parallel=True, nogil=True)
def _pack_parallel(w, indices, transposed, groups, filters, panels):
    for panel in prange(panels.shape[0]):
        _pack(w, indices, transposed, groups, filters, panels, np.int64(panel), np.int64(panel) + 1)


@njit(cache=True, nogil=True)
def _pack(w, indices, transposed, groups, filters, panels, first, last):
    """panels[block, c * T + t, i] = w of tap t, channel c and filter block * MR + i; zero past a group's last one."""
    taps = indices.shape[0]
    blocks, channels = panels.shape[0] // groups, panels.shape[1] // taps
    for panel in range(first, last):
        group, block = panel // blocks, panel % blocks
        for i in range(MR):
            k = block * MR + i
            for c in range(channels):
                for t in range(taps):
                    value = panels.dtype.type(0)
                    if k < filters:
                        r, s = indices[t, 0], indices[t, 1]
                        value = w[group * channels + c, k, r, s] if transposed else w[group * filters + k, c, r, s]
                    panels[panel, c * taps + t, i] = value


@njit(cache=True, parallel=True, nogil=True)
def _correlate_parallel(plan, offsets, x, panels, bias, activation, slope, pre_activation, y, threads):
    for thread in prange(threads):
        _correlate(
            plan, offsets, x, panels, bias, activation, slope, pre_activation, y, np.int64(thread), threads, VERSION
        )


@njit(cache=True, nogil=True)
def _correlate(plan, offsets, x, panels, bias, activation, slope, pre_activation, y, thread, threads, version):
    """The equation at the head of this file, for one thread's tasks (image, group, strip of rows).

    FLOPs: 2 N K P Q (C/groups) T. Bytes: x, w and y once, x again for the rows that neighbouring strips share.
    """
    channels, filters = x.shape[1] // plan.groups, y.shape[1] // plan.groups
    strips = (plan.p + plan.rows - 1) // plan.rows
    tasks = x.shape[0] * plan.groups * strips
    phases = plan.phases_h * plan.phases_w
    blocks, run = panels.shape[0] // plan.groups, plan.run
    planes = np.zeros(plan.step * phases * plan.height * plan.width + plan.columns, x.dtype)
    sums = np.empty(blocks * MR * run, x.dtype)
    flat = panels.reshape(-1)
    for task in range(thread * tasks // threads, (thread + 1) * tasks // threads):
        n, group, p0 = task // (plan.groups * strips), task // strips % plan.groups, task % strips * plan.rows
        p1 = min(p0 + plan.rows, plan.p)
        for c0 in range(0, channels, plan.step):
            c1 = min(c0 + plan.step, channels)
            for c in range(c0, c1):
                _split_phases(plan, x, n, group * channels + c, p0, p1, planes, (c - c0) * phases)
            for block in range(blocks):
                panel = ((group * blocks + block) * channels + c0) * plan.taps * MR
                for j in range(0, (p1 - p0 - 1) * plan.width + plan.q, plan.columns):
                    multiply_tile(
                        flat, panel, planes, j, offsets, (c1 - c0) * plan.taps, sums, block * MR * run + j, run, c0 > 0
                    )
        for k in range(filters):
            for p in range(p0, p1):
                first = k * run + (p - p0) * plan.width
                _store_row(plan, sums, first, n, group * filters + k, p, bias, activation, slope, pre_activation, y)


@njit(cache=True, nogil=True)
def _split_phases(plan, x, n, c, p0, p1, planes, first):
    """plane[u, v][i, j] = x[n, c, (p0 + i) st_h + top + u, j st_w + left + v], zero outside x."""
    height, width = x.shape[2], x.shape[3]
    for u in range(plan.phases_h):
        for v in range(plan.phases_w):
            start = (first + u * plan.phases_w + v) * plan.height * plan.width
            left = plan.left + v
            j0 = min(max(0, -(left // plan.stride_w)), plan.width)
            j1 = min(max(j0, -((left - width) // plan.stride_w)), plan.width)
            for i in range(plan.height - plan.rows + p1 - p0):
                row, place = (p0 + i) * plan.stride_h + plan.top + u, start + i * plan.width
                inside = 0 <= row < height
                for j in range(j0 if inside else plan.width):
                    planes[place + j] = 0
                if inside:
                    if plan.stride_w == 1:
                        for j in range(j0, j1):
                            planes[place + j] = x[n, c, row, left + j]
                    else:
                        for j in range(j0, j1):
                            planes[place + j] = x[n, c, row, left + j * plan.stride_w]
                    for j in range(j1, plan.width):
                        planes[place + j] = 0


@njit(cache=True, nogil=True)
def _store_row(plan, sums, first, n, k, p, bias, activation, slope, pre_activation, y):
    """One row of y on the lattice: f(sum + bias), or sum * f'(pre_activation)."""
    row = plan.row0 + p * plan.row_step
    if pre_activation.size:
        for q in range(plan.q):
            column = plan.col0 + q * plan.col_step
            y[n, k, row, column] = activate_grad(sums[first + q], pre_activation[n, k, row, column], activation, slope)
    elif plan.col_step != 1 or activation:
        for q in range(plan.q):
            y[n, k, row, plan.col0 + q * plan.col_step] = activate(sums[first + q] + bias[k], activation, slope)
    else:
        for q in range(plan.q):
            y[n, k, row, plan.col0 + q] = sums[first + q] + bias[k]
