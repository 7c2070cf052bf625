"""Offset tables of a convolution whose lanes are filters: the unrolled input's element (j, l) without unrolling it.

Output positions j = (n, p, q) and pairs l = (c, r, s) each have an entry in a table; element (j, l) is

    x[positions[j] + pairs[l]],

or the same of a copy of x that is padded with zeros where taps read outside x.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from ...cpu.microkernel import NARROW_ROWS
from ...cpu.parallel import share, workspace
from ...cpu.registers import MR
from ...cpu.simd_rows import fill_row, unzip_row
from .correlation import MIN_TASKS

TASK_POSITIONS = 392  # about: packing their weights takes a thirtieth of multiplying with them
SPARE_PAIRS = max(MR, NARROW_ROWS)
TABLE_LIMIT = 1 << 31  # elements that entries of 32 bits reach


class InputLayout(NamedTuple):
    """How positions and pairs lie in what is read, as integers for the kernels."""

    n: int
    """Shape of the input."""
    c: int
    h: int
    w: int
    p: int
    """Output rows and columns."""
    q: int
    taps: int
    top: int
    """Input row and column that the first tap of output (0, 0) reads."""
    left: int
    copied: int
    """Whether a copy is read: padded where taps reach outside, without what a strided 1x1 kernel skips."""
    skip_h: int
    """Rows and columns of the input from one of the copy to the next."""
    skip_w: int
    height: int
    """Rows and columns of a plane of what is read."""
    width: int
    images: int
    """Images of a task, which the table of positions covers."""
    rows: int
    """Output rows of a task."""


@lru_cache(maxsize=256)
def lay_out(correlation, blocks, *, serial):
    """Lay out the reading of a correlation's input.

    Parameters
    ----------
    correlation : Correlation
        Of one group, with its taps in the order of the weights.
    blocks : int
        Of filters; a task has one.
    serial : bool
        Whether one thread computes all tasks, so that a few will do.

    Returns
    -------
    layout : InputLayout
    positions : array (images * P * Q,)
        From the first image's first element.
    pairs : array (C * R * S + SPARE_PAIRS,)
        A last tile is read whole.
    """
    taps, (n, c, *_), (stride_h, stride_w) = correlation.taps, correlation.x_shape, correlation.stride
    p, q = correlation.lattice.p, correlation.lattice.q
    layout = copy_layout(correlation)
    (top, left), (height, width) = (layout.top, layout.left), (layout.height, layout.width)

    # images and rows of a task
    outputs = max(TASK_POSITIONS // 4, min(TASK_POSITIONS, n * p * q * blocks // (1 if serial else MIN_TASKS)))
    images = max(1, min(n, outputs // (p * q), TABLE_LIMIT // (c * height * width) - 1))
    rows = p if p * q <= outputs else -(-p // -(-p * q // outputs))

    # tables
    image, row, column = np.arange(images)[:, None, None], np.arange(p)[:, None], np.arange(q)
    positions = (image * c * height + row * stride_h // layout.skip_h) * width + column * stride_w // layout.skip_w
    pairs = np.arange(c)[:, None] * height * width + [(tap.dh - top) * width + tap.dw - left for tap in taps]
    corner = 0 if layout.copied else top * width + left
    return layout._replace(images=images, rows=rows), positions + corner, np.append(pairs, [0] * SPARE_PAIRS)


def copy_layout(correlation):
    """The InputLayout of what is read, x or a padded copy without what a strided 1x1 kernel skips; one image a task."""
    taps, (n, c, h, w), (stride_h, stride_w) = correlation.taps, correlation.x_shape, correlation.stride
    p, q = correlation.lattice.p, correlation.lattice.q
    skip_h, skip_w = correlation.stride if len(taps) == 1 else (1, 1)
    top, left = min(tap.dh for tap in taps), min(tap.dw for tap in taps)
    height = (p - 1) * stride_h // skip_h + max(tap.dh for tap in taps) - top + 1
    width = (q - 1) * stride_w // skip_w + max(tap.dw for tap in taps) - left + 1
    copied = top < 0 or left < 0 or top + height > h or left + width > w or skip_h > 1 or skip_w > 1
    if not copied:
        height, width = h, w
    return InputLayout(n, c, h, w, p, q, len(taps), top, left, copied, skip_h, skip_w, height, width, 1, p)


@njit(inline="always")
def copy_size(g):
    """Elements of the copy that `pad` fills; none if x needs no copy."""
    return g.n * g.c * g.height * g.width if g.copied else 0


@njit(cache=True, nogil=True)
def pad(g, x, copy, thread, threads):
    """copy[n, c, i, j] = x[n, c, i skip_h + top, j skip_w + left], zero outside x; one thread's planes."""
    # columns j0 to j1 are inside x
    j0 = min(max(0, (g.skip_w - 1 - g.left) // g.skip_w), g.width)
    j1 = min(max(j0, (g.w - g.left + g.skip_w - 1) // g.skip_w), g.width)
    first, last = share(g.n * g.c, thread, threads)
    odd = workspace(g.width, x)  # columns that a step of two leaves out
    for plane in range(first, last):
        for i in range(g.height):
            row, target = i * g.skip_h + g.top, (plane * g.height + i) * g.width
            end, source = j1 if 0 <= row < g.h else j0, (plane * g.h + row) * g.w + g.left
            # a copy, every second element, or every so many elements
            if g.skip_w == 1:
                fill_row(copy, target, g.width, x, source, j0, end)
            elif g.skip_w == 2 and j0 == 0 and end == g.width and source + 2 * end <= x.size:
                unzip_row(copy, target, odd, 0, x, source, end)
            else:
                for j in range(g.width):
                    copy[target + j] = x[source + j * g.skip_w] if j0 <= j < end else 0


@njit(inline="always")
def balanced_step(length, longest):
    """Length of equal steps through `length`, of `longest` at most; the last one may be shorter."""
    steps = (length + longest - 1) // longest
    return (length + steps - 1) // steps
