"""The forward pass and the input gradient as correlations of stride 1 or more with a list of taps.

    y[n, k, row0 + p row_step, col0 + q col_step] = sum_{c, t} w[k, c, t] x[n, c, p st_h + dh_t, q st_w + dw_t],

zero outside x. The forward pass has the taps (r d - pad, s d - pad). The input gradient is one such correlation of dy
for each phase of the stride (phases.py), with the rotated taps that reach the phase, and stride 1.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...cpu.plan import Plan
from ..phases import dgrad_phases

SERIAL_PRODUCTS = 1 << 20
"""Multiplications: fewer take less than two threads gain (Zen 3, 2 cores, 2026-11)."""


MIN_TASKS = 8
"""Tasks of a problem that threads share, where the shape allows it: a few for each thread."""


class Lattice(NamedTuple):
    """Which elements of y (N, k, height, width) are written: row0 + p row_step, col0 + q col_step."""

    k: int
    height: int
    width: int
    p: int
    q: int
    row0: int = 0
    row_step: int = 1
    col0: int = 0
    col_step: int = 1


class Tap(NamedTuple):
    """Weight (r, s) of each filter, read `dh` rows and `dw` columns from where an output begins."""

    r: int
    s: int
    dh: int
    dw: int


class Correlation(NamedTuple):
    """One correlation of x (N, C, H, W)."""

    x_shape: tuple[int, int, int, int]
    taps: tuple[Tap, ...]
    field: tuple[int, int]
    """(R, S): taps that w has for each filter and channel."""
    stride: tuple[int, int]
    groups: int
    transposed: bool
    """Whether w lies as (C, K/groups, R, S), as the forward pass has it while this is its input gradient."""
    lattice: Lattice

    @property
    def products(self):
        """Multiplications."""
        channels = self.x_shape[1] // self.groups
        return self.x_shape[0] * self.lattice.k * self.lattice.p * self.lattice.q * channels * len(self.taps)


@lru_cache(maxsize=1024)
def fprop_correlation(shape):
    """The forward pass."""
    taps = tuple(
        Tap(r, s, r * shape.dilation_h - shape.pad_top, s * shape.dilation_w - shape.pad_left)
        for r in range(shape.r)
        for s in range(shape.s)
    )
    lattice, stride = Lattice(shape.k, shape.p, shape.q, shape.p, shape.q), (shape.stride_h, shape.stride_w)
    return Correlation(shape.x_shape, taps, (shape.r, shape.s), stride, shape.groups, False, lattice)


@lru_cache(maxsize=1024)
def dgrad_correlations(shape):
    """(the correlations of dy that the input gradient consists of, whether between them they write all of dx)."""
    phases, complete = dgrad_phases(shape)
    found = []
    for rows, columns in phases:
        taps = tuple(Tap(r, s, dh, dw) for r, dh in rows.taps for s, dw in columns.taps)
        steps = rows.phase, shape.stride_h, columns.phase, shape.stride_w
        lattice = Lattice(shape.c, shape.h, shape.w, rows.count, columns.count, *steps)
        found.append(Correlation(shape.y_shape, taps, (shape.r, shape.s), (1, 1), shape.groups, True, lattice))
    return tuple(found), complete


class CorrelationPlan(Plan):
    """The plan of a forward pass or an input gradient.

    Its kernel is called as kernel(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads)
    with x, w, pre_activation and y of four dimensions and computes f(x * w + bias), or (x * w) f'(pre_activation)
    unless that is empty.
    """

    __slots__ = ("no_bias", "no_pre_activation")

    def __init__(self, kernel, sizes, tables, dtype, filters, **options):
        super().__init__(kernel, sizes, tables, dtype, **options)
        self.no_bias, self.no_pre_activation = np.zeros(filters, dtype), np.empty((0, 0, 0, 0), dtype)
