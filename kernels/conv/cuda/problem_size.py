"""Problem sizes: the forward pass is one problem, the input gradient one for each phase of the stride.

Both passes are correlations of images with taps on a lattice: the forward pass with the kernel's taps, the input
gradient with those of the rotated kernel that reach a phase. So the same kernels compute both.
"""

from functools import lru_cache
from typing import NamedTuple

from ..phases import dgrad_phases

FPROP, DGRAD, WGRAD = "fprop", "dgrad", "wgrad"


class ProblemSize(NamedTuple):
    """One launch's sum over taps and channels for each output pixel (CUTLASS: Conv2dProblemSize).

    y[n, g K + k, y_first + p y_stride_p + q y_stride_q] =
        sum_{r < R, s < S, c < C} w[g, tap, c, k] x[n, g C + c, h, w],
        h = p stride_h + h0 + r dilation_h, w = q stride_w + w0 + s dilation_w,
        tap = first_tap + r tap_stride_r + s tap_stride_s; x is 0 outside of its H x W.

    C and K are those of one group; P and Q count the rows and columns that the launch computes, y_plane the elements of
    y a channel, `taps` those of the whole kernel. Dilations are negative in the input gradient.
    """

    groups: int
    c: int
    h: int
    w: int
    k: int
    p: int
    q: int
    r: int
    s: int
    stride_h: int
    stride_w: int
    h0: int
    w0: int
    dilation_h: int
    dilation_w: int
    taps: int
    first_tap: int
    tap_stride_r: int
    tap_stride_s: int
    y_plane: int
    y_first: int
    y_stride_p: int
    y_stride_q: int


def problems_of(shape, operation):
    """The problems of a pass; the weight gradient reads x in the windows of the forward pass."""
    return dgrad_problems(shape)[0] if operation == DGRAD else (fprop_problem(shape),)


@lru_cache(maxsize=1024)
def fprop_problem(shape):
    """The forward pass as one problem."""
    return ProblemSize(
        groups=shape.groups, c=shape.c // shape.groups, h=shape.h, w=shape.w, k=shape.k // shape.groups,
        p=shape.p, q=shape.q, r=shape.r, s=shape.s, stride_h=shape.stride_h, stride_w=shape.stride_w,
        h0=-shape.pad_top, w0=-shape.pad_left, dilation_h=shape.dilation_h, dilation_w=shape.dilation_w,
        taps=shape.r * shape.s, first_tap=0, tap_stride_r=shape.s, tap_stride_s=1,
        y_plane=shape.p * shape.q, y_first=0, y_stride_p=shape.q, y_stride_q=1,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def dgrad_problems(shape):
    """(a problem for each phase of the stride that a tap reaches, whether these phases cover dx)."""
    phases, complete = dgrad_phases(shape)
    return tuple(_phase_problem(shape, rows, columns) for rows, columns in phases), complete


def _phase_problem(shape, rows, columns):
    """One phase of the input gradient: dy is the input, the taps lie at even distances, and so do the outputs."""
    return ProblemSize(
        groups=shape.groups, c=shape.k // shape.groups, h=shape.p, w=shape.q, k=shape.c // shape.groups,
        p=rows.count, q=columns.count, r=len(rows.taps), s=len(columns.taps), stride_h=1, stride_w=1,
        h0=rows.first_shift, w0=columns.first_shift, dilation_h=rows.shift_step,
        dilation_w=columns.shift_step, taps=shape.r * shape.s,
        first_tap=rows.first_tap * shape.s + columns.first_tap, tap_stride_r=rows.tap_step * shape.s,
        tap_stride_s=columns.tap_step, y_plane=shape.h * shape.w, y_first=rows.phase * shape.w + columns.phase,
        y_stride_p=shape.stride_h * shape.w, y_stride_q=shape.stride_w,
    )  # fmt: skip
