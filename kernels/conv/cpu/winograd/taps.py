"""Which taps Winograd's algorithm correlates: those of the kernel, or of its phases at a stride of two.

With a stride of two the taps r = 2 r' + u of each parity u read every other row of x, so the forward pass is a sum of
correlations of stride 1, one for each phase of x, and a phase is as good as a channel. Likewise the input gradient has
a result for each phase of dx, as good as a filter, from the same dy. Short phases are filled up with zeros.

With a dilation of d the outputs of every d-th row and column read inputs that are as far apart: they are a convolution
without dilation of one of d x d images, which tiles.py counts as images of their own.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...phases import taps_of_phase

PHASE_TAPS = (3, 5)
"""Taps of a phase along an axis for which transforms exist."""


class PhaseCorrelation(NamedTuple):
    """Which correlation with stride 1 a pass is, over phases of what is read and of what is written."""

    taps: int
    """Along an axis."""
    reads: int
    """Step of the rows and columns of what is read: it has reads x reads phases."""
    writes: int
    """The same of the result."""
    top: int
    """Row and column of a read phase 0 that output (0, 0) reads first, in what is read."""
    left: int
    groups: int = 1
    dilation_h: int = 1
    dilation_w: int = 1


def supports(shape):
    """Whether a convolution's taps are square and few enough, of stride 1, or of stride 2 without dilation.

    And odd: of an even number the phases of dx reach one row of dy more than they have taps.
    """
    square = shape.r == shape.s and shape.stride_h == shape.stride_w <= 2
    dense = shape.stride_h == 1 or shape.dilation_h == shape.dilation_w == 1
    return square and dense and shape.r % 2 == 1 and taps_of(shape) in PHASE_TAPS


def taps_of(shape):
    """Taps of a phase."""
    return -(-shape.r // shape.stride_h)


@lru_cache(maxsize=1024)
def fprop_taps(shape):
    """(PhaseCorrelation, table) of the forward pass: table[phase, t] is the tap that a phase has as its t-th, or -1."""
    step, taps = shape.stride_h, taps_of(shape)
    axis = [[step * t + u if step * t + u < shape.r else -1 for t in range(taps)] for u in range(step)]
    first = -shape.pad_top, -shape.pad_left
    return PhaseCorrelation(taps, step, 1, *first, *_apart(shape)), _square(axis, axis, shape.s)


@lru_cache(maxsize=1024)
def dgrad_taps(shape):
    """(PhaseCorrelation, table) of the input gradient, with the rotated taps of each phase of dx.

    Tap r brings dy's row (i + pad - r) / stride to row i of dx, if that divides.
    """
    step = shape.stride_h
    top, rows = _dgrad_axis(step, shape.r, shape.dilation_h, shape.pad_top)
    left, columns = _dgrad_axis(step, shape.s, shape.dilation_w, shape.pad_left)
    return PhaseCorrelation(taps_of(shape), 1, step, top, left, *_apart(shape)), _square(rows, columns, shape.s)


def _apart(shape):
    """What divides a convolution into several without dilation: groups, and the steps of a dilation."""
    return shape.groups, shape.dilation_h, shape.dilation_w


def _dgrad_axis(step, taps, dilation, pad):
    """(row of dy that row 0 of dx reads first, the rotated taps of each phase of dx), along an axis."""
    if step == 1:
        return pad - (taps - 1) * dilation, [list(range(taps))[::-1]]
    first = -((taps - 1 - pad) // step)
    return first, [_taps_from(first, dict(taps_of_phase(u, taps, step, 1, pad)), -(-taps // step)) for u in range(step)]


def _taps_from(first, shifts, taps):
    """The tap at each of `taps` shifts from the first on, -1 where no tap is shifted so; `shifts` is {tap: shift}."""
    tap_of = {shift: tap for tap, shift in shifts.items()}
    return [tap_of.get(first + t, -1) for t in range(taps)]


def _square(rows, columns, width):
    """Both axes' tables as one: (phases, taps * taps), of flat taps."""
    pairs = [[(r, s) for r in row for s in column] for row in rows for column in columns]
    return np.array([[r * width + s if r >= 0 and s >= 0 else -1 for r, s in phase] for phase in pairs], np.int32)
