"""Where a convolution whose lanes are filters reads: an element of the unrolled input is x[place(j) + move(l)].

Positions j = (n, p, q) and pairs l = (c, r, s) each have an entry in a table; their sum says where the element lies in
x, or in a copy that is padded with zeros where taps read outside x. Nothing is unrolled.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from ...core.memory import new
from ...cpu.emitter import MR
from ...cpu.parallel import share
from ...cpu.simd_rows import fill_row, unzip_row
from ...cpu.workspaces import workspace

STRIP = 392  # positions of a task, about: packing their weights takes a thirtieth of multiplying with them
TASKS = 8  # at least so many where the shape allows it, a few for each thread


class Gather(NamedTuple):
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
    copied: bool
    """Whether a copy is read: padded where taps reach outside, without what a strided 1x1 kernel skips."""
    skip_h: int
    """Rows and columns of the input from one of the copy to the next."""
    skip_w: int
    height: int
    """Rows and columns of a plane of what is read."""
    width: int
    images: int
    """Images of a task, which the table of places covers."""
    rows: int
    """Output rows of a task."""


class Tables(NamedTuple):
    """Both addends of where an element lies."""

    places: np.ndarray
    """(images * P * Q,): of every position, from the first image's first element."""
    moves: np.ndarray
    """(C * R * S + MR,): of every pair; a last tile is read whole."""


@lru_cache(maxsize=256)
def gather(x_shape, size, taps, stride, blocks):
    """Lay out the reading of an input.

    Parameters
    ----------
    x_shape : (N, C, H, W)
    size : (P, Q)
    taps : tuple of (r, s, dh, dw)
        Where each reads, in the order of the weights.
    stride : (st_h, st_w)
    blocks : int
        Of filters, each of which makes tasks of its own.

    Returns
    -------
    Gather, Tables
    """
    (n, c, h, w), (p, q), (stride_h, stride_w) = x_shape, size, stride
    skip_h, skip_w = stride if len(taps) == 1 else (1, 1)
    top, left = min(dh for *_, dh, _ in taps), min(dw for *_, dw in taps)
    height = (p - 1) * stride_h // skip_h + max(dh for *_, dh, _ in taps) - top + 1
    width = (q - 1) * stride_w // skip_w + max(dw for *_, dw in taps) - left + 1
    copied = top < 0 or left < 0 or top + height > h or left + width > w or skip_h > 1 or skip_w > 1
    if not copied:
        height, width = h, w
    strip = max(STRIP // 4, min(STRIP, n * p * q * blocks // TASKS))
    images = max(1, min(n, strip // (p * q)))
    rows = p if p * q <= strip else -(-p // -(-p * q // strip))
    image, row, column = np.arange(images)[:, None, None], np.arange(p)[:, None], np.arange(q)
    places = (image * c * height + row * stride_h // skip_h) * width + column * stride_w // skip_w
    moves = np.arange(c)[:, None] * height * width + [(dh - top) * width + dw - left for *_, dh, dw in taps]
    corner = 0 if copied else top * width + left
    g = Gather(*x_shape, p, q, len(taps), top, left, copied, skip_h, skip_w, height, width, images, rows)
    places, moves = (places + corner).reshape(-1), np.append(moves, [0] * MR)
    return g, Tables(places.astype(np.int32), moves.astype(np.int32))


def room_for_copy(g, dtype):
    """Memory that `pad` fills; none if x is read where it lies."""
    return new((g.n * g.c * g.height * g.width if g.copied else 0,), dtype)


@njit(cache=True, nogil=True)
def pad(g, x, copy, thread, threads):
    """copy[n, c, i, j] = x[n, c, i skip_h + top, j skip_w + left], zero outside x; one thread's planes."""
    j0 = min(max(0, (g.skip_w - 1 - g.left) // g.skip_w), g.width)
    j1 = min(max(j0, (g.w - g.left + g.skip_w - 1) // g.skip_w), g.width)
    first, last = share(g.n * g.c, thread, threads)
    odd = workspace(g.width, x)  # columns that a step of two leaves out
    for plane in range(first, last):
        for i in range(g.height):
            row, place = i * g.skip_h + g.top, (plane * g.height + i) * g.width
            end, source = j1 if 0 <= row < g.h else j0, (plane * g.h + row) * g.w + g.left
            if g.skip_w == 1:
                fill_row(copy, place, g.width, x, source, j0, end)
            elif g.skip_w == 2 and j0 == 0 and end == g.width and source + 2 * end <= x.size:
                unzip_row(copy, place, odd, 0, x, source, end)
            else:
                for j in range(g.width):
                    copy[place + j] = x[source + j * g.skip_w] if j0 <= j < end else 0


@njit(inline="always")
def even_parts(length, longest):
    """Length of equal parts of `length`, of `longest` at most; the last one may be shorter."""
    parts = (length + longest - 1) // longest
    return (length + parts - 1) // parts
