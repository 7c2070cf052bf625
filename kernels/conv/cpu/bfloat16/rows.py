"""Rows of taps as channels: what fills the reduction of a tile where channels are few, as in first layers.

The weights (K, C, R, S) are those of K filters of C R channels and 1 x S taps. Channel c R + r of that convolution has
rows p st_h + r d_h - pad of channel c, which the planes are filled from; nothing is copied to memory.
"""

from typing import NamedTuple

from numba import njit

from ....cpu.simd_rows import clear_row, copy_row, zip_rows
from ..correlation import Correlation, Lattice, Tap, fprop_correlation
from ..padded_planes import fill_channel


class TapRows(NamedTuple):
    """How rows of taps lie in x, as integers for the kernels."""

    taps: int
    """R, or 0 where channels are x's own."""
    stride: int
    dilation: int
    pad: int
    height: int
    """Rows of x."""


OWN_CHANNELS = TapRows(0, 0, 0, 0, 0)


def correlation_of(shape, steps):
    """(Correlation, TapRows) of a forward pass: with rows of taps as channels where that halves the steps at least.

    steps(channels, taps) is how many steps of a tile so many channels of a group and taps take.
    """
    channels = shape.c // shape.groups
    if 2 * steps(channels * shape.r, shape.s) > steps(channels, shape.r * shape.s):
        return fprop_correlation(shape), OWN_CHANNELS
    taps = tuple(Tap(0, s, 0, s * shape.dilation_w - shape.pad_left) for s in range(shape.s))
    x_shape, lattice = (
        (shape.n, shape.c * shape.r, shape.p, shape.w),
        Lattice(shape.k, shape.p, shape.q, shape.p, shape.q),
    )
    correlation = Correlation(x_shape, taps, (1, shape.s), (1, shape.stride_w), shape.groups, False, lattice)
    return correlation, TapRows(shape.r, shape.stride_h, shape.dilation_h, shape.pad_top, shape.h)


@njit(inline="always")
def _row(rows, g, channel, p):
    """Where row p of a channel, numbered over all images, begins in x; negative where it lies outside."""
    row = p * rows.stride + channel % rows.taps * rows.dilation - rows.pad
    return (channel // rows.taps * rows.height + row) * g.w if 0 <= row < rows.height else -1


@njit(cache=True, nogil=True)
def fill_row_pairs(g, rows, channels, x, n, images, group, c0, c1, p0, p1, line, zeros, planes):
    """planes.fill_pair_planes where rows of taps are channels; `channels` counts these, of a group."""
    size, halves = g.phases_h * g.phases_w * g.height * g.width, line.view(x.dtype)
    plane_halves = planes.view(x.dtype)
    j0 = min(max(0, -g.left), g.width)
    j1 = min(max(j0, g.w - g.left), g.width)
    for m in range(images):
        for c in range(c0, c1):
            target, even = (m * g.step + c - c0) * size, 2 * c
            if even >= channels:
                clear_row(planes, target, size)
                continue
            first = ((n + m) * g.groups + group) * channels + even
            for p in range(p0, p1):
                source = _row(rows, g, first, p)
                odd_source = _row(rows, g, first + 1, p) if even + 1 < channels else -1
                low, high = x if source >= 0 else zeros, x if odd_source >= 0 else zeros
                source, odd_source = max(source, 0), max(odd_source, 0)
                if g.stride_w == 1:
                    to, j = 2 * (target + (p - p0) * g.width + j0), g.left + j0
                    zip_rows(plane_halves, to, low, source + j, high, odd_source + j, j1 - j0)
                else:
                    zip_rows(halves, 2 * (p - p0) * g.w, low, source, high, odd_source, g.w)
            if g.stride_w != 1:
                fill_channel(g, line, -p0 * g.w, p0, p1, planes, target)


@njit(cache=True, nogil=True)
def fill_row_planes(g, rows, x, n, images, c0, c1, p0, p1, line, planes):
    """padded_planes.fill_planes where rows of taps are channels; c0 and c1 count these."""
    size = g.phases_h * g.phases_w * g.height * g.width
    for m in range(images):
        for c in range(c0, c1):
            for p in range(p0, p1):
                source = _row(rows, g, (n + m) * g.c + c, p)
                if source >= 0:
                    copy_row(line, (p - p0) * g.w, x, source, g.w)
                else:
                    clear_row(line, (p - p0) * g.w, g.w)
            fill_channel(g, line, -p0 * g.w, p0, p1, planes, (m * g.step + c - c0) * size)
