"""Maximum pooling on the CPU: a thread takes whole planes (n, c), so results do not depend on the number of threads.

The forward kernel works on a strip of rows in three passes: it copies input rows into scratch rows padded with minus
infinity; pools each scratch row along its columns, a vector of neighboring windows at a time; and takes the maximum of
the pooled rows that each row of windows covers. The taps of a row precede those of the next, so a maximum found in that
order is the first in row-major order, and a row that several rows of windows share is pooled once.

Bytes a call: x, y and the mask once; for the gradient dy, the mask and dx.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming, workspace
from ...cpu.simd import lanes_of, load, load_deinterleaved, load_strided, shift_in, splat, store, store_row, update_max
from ...cpu.simd_rows import PREFETCH_DISTANCE, copy_row, prefetch_row
from . import direct, pool2x2, small_plane_plans
from .max_grad import (
    gather_gradients,
    gather_is_profitable,
    has_many_windows,
    scatter_gradients,
    scatter_gradients_in_float64,
)
from .windows import axis_of, forward_strip, line_length, packed_axes, rounded_to_vectors, valid_taps, vector_count

POSITION_TYPES = {4: np.zeros(1, np.int32), 8: np.zeros(1, np.int64)}
"""By the bytes of a value: arrays of the integer type as wide as it, for vectors of both of one length."""


def max_pool(g, x, y, mask):
    """y = max over the window, mask = the winner's (t R + r) S + s: the first in this order, a NaN before others."""
    launch, arguments = _forward_plan(g)
    numbers = () if launch is direct.max_pool else (POSITION_TYPES[x.itemsize],)
    launch(*arguments, *numbers, x.reshape(-1), y.reshape(-1), mask.reshape(-1))


def max_pool_input_grad(g, dy, mask, dx):
    """dx[i] = sum of dy over the windows that position i won."""
    launch, arguments = _gradient_plan(g)
    launch(*arguments, dy.reshape(-1), mask.reshape(-1), dx.reshape(-1))


@lru_cache(maxsize=1024)
def _forward_plan(g):
    """(kernel, its arguments that follow from the shape) of a forward pass."""
    planes = g.n * g.c
    if (small := small_plane_plans.max_plan(g, False)) is not None:
        return small
    if pool2x2.supports(g):
        return pool2x2.max_pool, pool2x2.arguments(g)
    outputs = planes * g.d.windows * g.h.windows * g.w.windows
    kernel = _max_pool if direct.padding_is_narrow(g) else direct.max_pool
    return kernel, (planes, outputs * g.taps, planes, packed_axes(g))


@lru_cache(maxsize=1024)
def _gradient_plan(g):
    """(kernel, its arguments that follow from the shape) of an input gradient."""
    planes = g.n * g.c
    if (small := small_plane_plans.max_plan(g, True)) is not None:
        return small
    if pool2x2.supports(g):
        return pool2x2.max_pool_grad, pool2x2.arguments(g)
    inputs, outputs = g.d.size * g.h.size * g.w.size, g.d.windows * g.h.windows * g.w.windows
    work = planes * (inputs + 8 * outputs)
    if gather_is_profitable(g) and direct.padding_is_narrow(g):
        return gather_gradients, (planes * g.d.size, work, planes, packed_axes(g))
    scatter = scatter_gradients_in_float64 if has_many_windows(g) else scatter_gradients
    return scatter, (planes, work, planes, packed_axes(g))


@streaming
def _max_pool(planes, axes, position_like, x, y, mask, thread, threads):
    """x (planes, D, H, W), y and mask (planes, Z, P, Q), flat; position_like as POSITION_TYPES."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    taps_d, taps_h, taps_w = valid_taps(depth), valid_taps(height), valid_taps(width)
    rows, lines = forward_strip(height, width)
    line, pitch = line_length(width, x), rounded_to_vectors(x, width.windows)
    # scratch: padded input rows, and each row's best value and tap for every window
    padded, leftmost = workspace(lines * line, x), np.zeros(pitch, position_like.dtype)
    best, winner = workspace(depth.taps * lines * pitch, x), workspace(depth.taps * lines * pitch, position_like)
    padded[:] = -np.inf
    for q in range(width.windows):
        leftmost[q] = taps_w[q, 0]
    first, last = share(planes, thread, threads)
    end = last * depth.windows * height.windows * width.windows
    for plane in range(first, last):
        for z in range(depth.windows):
            t0, t1 = taps_d[z, 0], taps_d[z, 1]
            out = (plane * depth.windows + z) * height.windows
            for p0 in range(0, height.windows, rows):
                p1, top = min(p0 + rows, height.windows), p0 * height.stride - height.pad_before
                h0, h1 = max(top, 0), min(top + lines, height.size)
                # pass 1 and 2: copy input rows into the padding, pool each along its columns
                for t in range(t0, t1):
                    d = plane * depth.size + z * depth.stride - depth.pad_before + t * depth.dilation
                    for h in range(h0, h1):
                        offset = (h - h0) * line + width.pad_before
                        row = (d * height.size + h) * width.size
                        copy_row(padded, offset, x, row, width.size)
                        prefetch_row(x, row + PREFETCH_DISTANCE, width.size)
                    offset = (t * lines + h0 - top) * pitch
                    _best_of_columns(width, h1 - h0, padded, line, leftmost, best, winner, offset)
                # pass 3: join the rows under each row of windows
                _best_of_lines(height, width, lines, taps_h, t0, t1, p0, p1, best, winner, y, mask, out, end)
            _name_first_tap_of_empty_windows(taps_w, height.windows, mask, out)


@njit(cache=True, nogil=True)
def _best_of_columns(width, rows, padded, line, leftmost, best, winner, offset):
    """best[offset + q], winner[offset + q] = largest tap of window q along a line, and its number; for `rows` lines."""
    if width.dilation == 1 and width.stride == 2 and width.taps == 3:  # as constants for the compiler
        _best_in_vectors(2, 3, 1, rows, padded, line, leftmost, best, winner, offset)
    elif width.dilation == 1 and width.stride == 1 and width.taps == 3:
        _best_in_vectors(1, 3, 1, rows, padded, line, leftmost, best, winner, offset)
    else:
        _best_in_vectors(
            width.stride, width.taps, width.dilation, rows, padded, line, leftmost, best, winner, offset
        )  # fmt: skip


@njit(inline="always")
def _best_in_vectors(stride, taps, dilation, rows, padded, line, leftmost, best, winner, offset):
    """_best_of_columns, a vector of windows at a time; where all is minus infinity the leftmost valid tap wins."""
    for i in range(rows):
        for part in range(vector_count(padded, leftmost.size)):
            q = part * lanes_of(padded)
            at, position = i * line + q * stride, load(leftmost, q)
            if stride == 2 and dilation == 1 and taps == 3:
                even, odd = load_deinterleaved(padded, at)
                value, position = update_max(even, position, odd, splat(winner, 1))
                third = shift_in(even, padded, at + 2 * lanes_of(padded))
                value, position = update_max(value, position, third, splat(winner, 2))
            else:
                value = load_strided(padded, at, stride)
                for s in range(1, taps):
                    other = load_strided(padded, at + s * dilation, stride)
                    value, position = update_max(value, position, other, splat(winner, s))
            store(best, offset + i * leftmost.size + q, value)
            store(winner, offset + i * leftmost.size + q, position)


@njit(cache=True, nogil=True)
def _best_of_lines(height, width, lines, taps_h, t0, t1, p0, p1, best, winner, y, mask, out, end):
    """y[p, q], mask[p, q] = the largest value in the lines that row p of windows reads, and its tap."""
    pitch, windows = rounded_to_vectors(best, width.windows), width.windows
    for p in range(p0, p1):
        r0, r1 = taps_h[p, 0], taps_h[p, 1]
        row = (out + p) * width.windows
        offset = (t0 * lines + (p - p0) * height.stride + r0 * height.dilation) * pitch
        block = offset, lines * pitch, height.dilation * pitch
        numbers = (t0 * height.taps + r0) * width.taps, height.taps * width.taps, width.taps
        if t0 == t1 or r0 == r1:
            y[row : row + width.windows] = -np.inf
            mask[row : row + width.windows] = 0
        elif t1 - t0 == 1 and r1 - r0 == 3:
            _join(block, numbers, 1, 3, best, winner, row, windows, y, mask, end)
        else:
            _join(block, numbers, t1 - t0, r1 - r0, best, winner, row, windows, y, mask, end)


@njit(inline="always")
def _join(block, numbers, depths, rows, best, winner, row, windows, y, mask, end):
    """Maximum over depths x rows lines for one row of windows, a vector of windows at a time."""
    offset, volume, step = block
    number, layer, taps = numbers
    for part in range(vector_count(best, windows)):
        start = part * lanes_of(best)
        q = max(0, min(start, windows - lanes_of(best)))
        value, position = load(best, offset + q), load(winner, offset + q) + splat(winner, number)
        for t in range(depths):
            for r in range(0 if t else 1, rows):
                line = offset + t * volume + r * step + q
                other = load(winner, line) + splat(winner, number + t * layer + r * taps)
                value, position = update_max(value, position, load(best, line), other)
        store_row(y, row + q, value, windows, end)
        store_row(mask, row + q, position, windows, end)


@njit(cache=True, nogil=True)
def _name_first_tap_of_empty_windows(taps_w, rows, mask, out):
    """mask = 0 for windows without a valid tap, which wide dilations can have."""
    for q in range(taps_w.shape[0]):
        if taps_w[q, 0] == taps_w[q, 1]:
            for row in range(out, out + rows):
                mask[row * taps_w.shape[0] + q] = 0
