"""Padded planes and panels of channel pairs: channels 2c and 2c + 1 of a group are the halves of a 32-bit element.

So the tiling, the offset tables and the copies of padded_planes.py serve as they are. A group has a multiple of some
number of pairs, the last of them zeros.
"""

import numpy as np
from numba import njit

from ....cpu.parallel import share, workspace, zeros
from ....cpu.simd_rows import clear_row, copy_row, zip_rows
from ....cpu.transpose import transpose
from ..padded_planes import fill_channel, is_end_to_end

BLOCK_PAIRS, WIDE_PAIRS = 16, 8
"""Pairs of a step that are transposed together, at most; fewer than the second are copied one by one."""


@njit(cache=True, nogil=True)
def fill_pair_planes(g, channels, x, n, images, group, c0, c1, p0, p1, line, no_channel, planes):
    """padded_planes.fill_planes for pairs c0 to c1 of a group of so many channels; x is bfloat16, flat.

    `line` takes the pairs of the rows that a plane is filled from; `no_channel` are those rows of a missing channel.
    """
    size, halves = g.phases_h * g.phases_w * g.height * g.width, line.view(x.dtype)
    plane_halves, area = planes.view(x.dtype), g.h * g.w
    # rows of x that the task reads
    top, rows = p0 * g.stride_h + g.top, g.height - g.rows + p1 - p0
    first = max(0, min(g.h, top))
    last = max(first, min(g.h, (rows - 1) * g.stride_h + top + g.phases_h))
    # columns that lie inside x; those beside them are zeros from the start
    j0 = min(max(0, -g.left), g.width)
    j1 = min(max(j0, g.w - g.left), g.width)
    for m in range(images):
        for c in range(c0, c1):
            target, even = (m * g.step + c - c0) * size, 2 * c
            source = (((n + m) * g.groups + group) * channels + even) * area
            if even >= channels:
                clear_row(planes, target, size)
                continue
            odd, odd_source = (x, source + area) if even + 1 < channels else (no_channel, -first * g.w)
            if is_end_to_end(g, p1):
                start, count = first * g.w, (last - first) * g.w
                zip_rows(plane_halves, 2 * target, x, source + start, odd, odd_source + start, count)
            elif g.stride_h == 1 and g.stride_w == 1:
                # row by row, from x itself
                clear_row(planes, target, min(max(0, -top), rows) * g.width)
                for row in range(first, last):
                    to, start = 2 * (target + (row - top) * g.width + j0), row * g.w + g.left + j0
                    zip_rows(plane_halves, to, x, source + start, odd, odd_source + start, j1 - j0)
                below = min(max(last - top, 0), rows)
                clear_row(planes, target + below * g.width, (rows - below) * g.width)
            else:
                start, count = first * g.w, (last - first) * g.w
                zip_rows(halves, 0, x, source + start, odd, odd_source + start, count)
                fill_channel(g, line, -start, p0, p1, planes, target)


@njit(cache=True, nogil=True)
def pack_pair_panels(
    groups, channels, filters, taps, w, transposed, rows, pairs, steps, panels, thread, threads
):  # fmt: skip
    """panels[group, block, step, t, i, p] = w of channels 2c and 2c + 1, c = step * pairs + p; one thread's panels.

    Of filter block * rows + i and tap taps[t]. Zeros past a group's last filter and channel. w is bfloat16, flat;
    transposed as in panels.pack_panels.
    """
    blocks, field, length = (filters + rows - 1) // rows, w.size // (groups * filters * channels), 2 * pairs
    k_stride, c_stride = (field, filters * field) if transposed else (channels * field, field)
    size = steps * taps.size * rows * length
    halves, no_channel = panels.view(w.dtype), zeros(field, w)
    natural, turned = zeros(BLOCK_PAIRS * field, panels), workspace(BLOCK_PAIRS * field, panels)
    natural_halves = natural.view(w.dtype)
    first, last = share(groups * blocks, thread, threads)
    for panel in range(first, last):
        group, k0 = panel // blocks, panel % blocks * rows
        clear_row(halves, panel * size, size)
        for i in range(min(rows, filters - k0)):
            source = group * filters * channels * field + (k0 + i) * k_stride
            for step in range(steps):
                start, valid = source + step * length * c_stride, min(length, channels - step * length)
                target = panel * size + (step * taps.size * rows + i) * length
                if c_stride == 1:
                    copy_row(halves, target, w, start, valid)
                elif pairs < WIDE_PAIRS:
                    _copy_taps(w, start, c_stride, taps, valid, halves, target, rows * length)
                else:
                    # taps of two channels become pairs, then rows of pairs for each tap
                    for p in range(BLOCK_PAIRS):
                        c = 2 * p
                        low, at = (w, start + c * c_stride) if c < valid else (no_channel, 0)
                        high, beside = (w, start + (c + 1) * c_stride) if c + 1 < valid else (no_channel, 0)
                        zip_rows(natural_halves, c * field, low, at, high, beside, field)
                    transpose(natural, 0, field, BLOCK_PAIRS, field, turned, 0, BLOCK_PAIRS)
                    for t in range(taps.size):
                        row = (target + t * rows * length) // 2
                        copy_row(panels, row, turned, taps[t] * BLOCK_PAIRS, pairs)


@njit(cache=True, nogil=True)
def _copy_taps(w, start, stride, taps, count, target, first, tap_stride):
    """target[first + t * tap_stride + c] = w[start + c * stride + taps[t]] for c < count."""
    for t in range(taps.size):
        # unsigned: no test for a negative index
        to, source, step = np.uint64(first + t * tap_stride), np.uint64(start + taps[t]), np.uint64(stride)
        for c in range(np.uint64(count)):
            target[to + c] = w[source + c * step]
