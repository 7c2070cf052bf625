"""Where a direct convolution reads: strips of the input as zero-padded planes, split by stride phase.

A task is a strip of output rows of one image and group; where a map is small, a task is several whole images. Its
input is copied once into planes,

    plane[m, c, u, v][i, j] = x[n + m, c, (p0 + i) st_h + top + u, j st_w + left + v], zero outside x,

so that for every tap (r, s) the outputs of a row read one contiguous run: no im2col, for any stride and dilation. The
outputs are cut into vectors, either along the rows laid end to end over the planes' width or row by row, whichever
needs fewer; a table says where the vectors start, another how far each tap lies from there.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

STRIP = 512  # outputs of a task, about: its planes and its results then share the second-level cache
PLANES = 1 << 16  # elements of a task's planes, about: half the second-level cache (Zen 3, 2026-11)
TASKS = 8  # at least so many where the shape allows it, a few for each thread


class Strips(NamedTuple):
    """How one correlation is cut into tasks, as integers for the kernels."""

    p: int
    """Output rows and columns."""
    q: int
    stride_h: int
    stride_w: int
    top: int
    """Input row and column that the first tap of output (0, 0) reads."""
    left: int
    phases_h: int
    phases_w: int
    groups: int
    taps: int
    images: int
    """Images of a task."""
    rows: int
    """Output rows of a task."""
    height: int
    """Rows and columns of a plane."""
    width: int
    step: int
    """Channels multiplied at once."""
    pitch: int
    """Distance of output rows in a task's results; a multiple of the vector's length, or the planes' width."""
    run: int
    """Vectors of one image in a task."""
    vectors: int
    """Vectors of a task."""
    lanes: int
    """Elements of a vector."""


class Reads(NamedTuple):
    """The tables of a correlation."""

    taps: np.ndarray
    """(T, 2): which weight (r, s) each tap is."""
    offsets: np.ndarray
    """(step * T,): how far each channel and tap lies from a vector's start."""
    starts: np.ndarray
    """(vectors + spare,): where each vector of the outputs starts."""


@lru_cache(maxsize=1024)
def plan(images, channels, outputs, taps, stride, groups, size, panel, lanes, outputs_of_task=STRIP):
    """Cut a correlation into tasks.

    Parameters
    ----------
    images, channels, outputs : int
        N, and C and K of one group.
    taps : tuple of (r, s, dh, dw)
        Which weight, and where it reads.
    stride, size : pairs
        (st_h, st_w), and (P, Q).
    groups : int
    panel : int
        (channel, tap) pairs that are multiplied at once, at most, if one channel's taps are fewer.
    lanes : int
        Elements of a vector.
    outputs_of_task : int
        About so many, fewer where K > 64.

    Returns
    -------
    Strips, Reads
    """
    (stride_h, stride_w), (p, q) = stride, size
    top, left = min(dh for _, _, dh, _ in taps), min(dw for *_, dw in taps)
    reach_h, reach_w = max(dh for _, _, dh, _ in taps) - top, max(dw for *_, dw in taps) - left
    phases_h, phases_w = min(stride_h, reach_h + 1), min(stride_w, reach_w + 1)
    width = q + reach_w // stride_w

    strip = outputs_of_task * 64 // max(outputs, 64)
    rows = max(1, min(p, strip // width))
    strips = max(-(-p // rows), min(p, -(-TASKS // (images * groups))))
    rows = -(-p // strips)
    together = 1 if rows < p else max(1, min(strip // (p * width), images * groups // TASKS))
    height = rows + reach_h // stride_h
    plane = phases_h * phases_w * height * width
    step = max(1, min(channels, panel // len(taps), PLANES // (together * plane)))

    by_row, flat = rows * -(-q // lanes), -(-((rows - 1) * width + q) // lanes)
    run, pitch = (by_row, by_row // rows * lanes) if by_row <= flat else (flat, width)
    each = by_row // rows if by_row <= flat else run
    strips = Strips(
        p, q, stride_h, stride_w, top, left, phases_h, phases_w, groups, len(taps),
        together, rows, height, width, step, pitch, run, together * run, lanes,
    )  # fmt: skip
    starts = [m * step * plane + v // each * width + v % each * lanes for m in range(together) for v in range(run)]
    offsets = [
        ((c * phases_h + (dh - top) % stride_h) * phases_w + (dw - left) % stride_w) * height * width
        + (dh - top) // stride_h * width
        + (dw - left) // stride_w
        for c in range(step)
        for _, _, dh, dw in taps
    ]
    spare = [0] * 8  # a last tile is read whole
    reads = Reads(np.array(taps)[:, :2].copy(), np.array(offsets + spare, np.int32), np.array(starts + spare, np.int32))
    return strips, reads


@njit(cache=True, nogil=True)
def planes_size(g):
    """Elements of a task's planes, with room for the last vector."""
    return g.images * g.step * g.phases_h * g.phases_w * g.height * g.width + 2 * g.lanes


@njit(cache=True, nogil=True)
def task_of(g, images, task):
    """(first image, images, group, first row, row after the last) of a task."""
    strips = (g.p + g.rows - 1) // g.rows
    n, group, p0 = task // (g.groups * strips) * g.images, task // strips % g.groups, task % strips * g.rows
    return n, min(g.images, images - n), group, p0, min(p0 + g.rows, g.p)


@njit(cache=True, nogil=True)
def task_count(g, images):
    """Tasks of so many images."""
    return (images + g.images - 1) // g.images * g.groups * ((g.p + g.rows - 1) // g.rows)


@njit(cache=True, nogil=True)
def task_vectors(g, images, rows):
    """Vectors of a task of so many images and rows."""
    return images * g.run if rows == g.rows else ((rows - 1) * g.pitch + g.q + g.lanes - 1) // g.lanes


@njit(cache=True, nogil=True)
def fill_planes(g, x, n, images, c0, c1, p0, p1, planes):
    """The equation at the head of this file, for channels c0 to c1 of some images."""
    size = g.phases_h * g.phases_w * g.height * g.width
    for m in range(images):
        for c in range(c0, c1):
            first = (m * g.step + c - c0) * size
            _fill_channel(g, x[n + m, c], p0, p1, planes[first : first + size])


@njit(cache=True, nogil=True)
def _fill_channel(g, image, p0, p1, planes):
    """The planes of one channel, row by row; slices let the compiler see that a run is contiguous."""
    height, width = image.shape
    for u in range(g.phases_h):
        for v in range(g.phases_w):
            left = g.left + v
            j0 = min(max(0, -(left // g.stride_w)), g.width)
            j1 = min(max(j0, -((left - width) // g.stride_w)), g.width)
            for i in range(g.height - g.rows + p1 - p0):
                row = (p0 + i) * g.stride_h + g.top + u
                place = ((u * g.phases_w + v) * g.height + i) * g.width
                target = planes[place : place + g.width]
                if row < 0 or row >= height or j0 == j1:
                    target[:] = 0
                    continue
                target[:j0] = 0
                inside, source = target[j0:j1], image[row, left + j0 * g.stride_w :]
                if g.stride_w == 1:
                    for j in range(inside.size):
                        inside[j] = source[j]
                else:
                    for j in range(inside.size):
                        inside[j] = source[j * g.stride_w]
                target[j1:] = 0
