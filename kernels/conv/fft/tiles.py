"""Frames that the FFT transforms: their lengths, and the tiles that large arrays are cut into (overlap-save).

Along each axis every pass is one correlation of stride 1,

    result[i] = sum_{t < taps} kernel[t] read[i - pad + t],    read = 0 outside of itself:

forward of x with w, the input gradient of dy with the rotated w, the weight gradient of x with dy. A stride or a
dilation spreads the elements of an array over its positions, with zeros between them. A frame of F positions wraps
around: what it computes is right where no tap wraps onto the array, so one frame needs little more than the array.
"""

from functools import lru_cache
from itertools import product
from math import inf, log2
from typing import NamedTuple

FACTORS = (2, 3, 5, 7)
"""Of the lengths of frames, for which every FFT library has butterflies."""

PRODUCT_FLOPS = 1.4
"""What a complex multiply-add costs, in FLOPs of a transform: it is vectorized, and they are not (Xeon with AVX-512,
one core, 2026-11)."""

LINE_FLOPS = 200
"""What transforming one more row or column costs, in FLOPs of a transform: looking up its plan, copying it."""


class AxisCorrelation(NamedTuple):
    """One axis of the correlation that a pass is; lengths in positions."""

    size: int
    """Of the array that is read."""
    taps: int
    """Of the kernel: the weights, or in the weight gradient dy."""
    windows: int
    """Of the result."""
    pad: int
    read_step: int
    tap_step: int
    """Negative where the kernel is rotated."""
    written_step: int
    """Positions from element to element of the three arrays."""


class AxisTiles(NamedTuple):
    """One axis of the frames: `tiles` of them, each `step` positions on."""

    frame: int
    """Positions F of a frame."""
    tiles: int
    step: int
    first: int
    """Position of the array that is read at which the first frame begins; negative in the padding."""
    results: int
    """Positions of a frame's result that are used, from 0 on."""
    taps: int
    """Positions of a kernel's frame that may be other than 0."""


def axes_of(shape, operation):
    """The rows' AxisCorrelation of a pass and the columns'."""
    rows = shape.h, shape.r, shape.p, shape.stride_h, shape.dilation_h, shape.pad_top
    columns = shape.w, shape.s, shape.q, shape.stride_w, shape.dilation_w, shape.pad_left
    return _axis(operation, *rows), _axis(operation, *columns)


def _axis(operation, size, taps, windows, stride, dilation, pad):
    reach, span = (taps - 1) * dilation + 1, (windows - 1) * stride + 1
    if operation == "fprop":
        return AxisCorrelation(size, reach, span, pad, 1, dilation, stride)
    if operation == "dgrad":
        return AxisCorrelation(span, reach, size, reach - 1 - pad, stride, -dilation, 1)
    return AxisCorrelation(size, span, reach, pad, 1, stride, dilation)


@lru_cache(maxsize=1 << 14)
def fast_length(length):
    """The smallest length from this one on that has no factors but FACTORS."""
    while True:
        rest = length
        for factor in FACTORS:
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


@lru_cache(maxsize=1024)
def tilings(axis, *, of_taps):
    """The AxisTiles to choose from: one frame, then shorter and shorter ones.

    Parameters
    ----------
    axis : AxisCorrelation
    of_taps : bool
        Whether a tile is some taps of the kernel, whose results are added; else some results.
    """
    # results outside [first, last] see nothing but padding
    first = max(-axis.pad, 1 - axis.taps)
    last = max(first, min(axis.windows - 1 - axis.pad, axis.size - 1))
    count = last - first + 1
    wrapped = max(axis.size - first, last + axis.taps)
    frame = fast_length(max(axis.taps, min(wrapped, count + axis.taps - 1)))
    found = [AxisTiles(frame, 1, axis.taps if of_taps else count, first, count, axis.taps)]
    long, short = (axis.taps, count) if of_taps else (count, axis.taps)
    tiles = 2
    while tiles <= long:
        frame = fast_length(-(-long // tiles) + short - 1)
        step = min(long, frame - short + 1)
        if frame < found[-1].frame:
            sizes = (count, step) if of_taps else (step, axis.taps)
            found.append(AxisTiles(frame, -(-long // step), step, first, *sizes))
        tiles += 1 + tiles // 4
    return tuple(found)


class Blocks(NamedTuple):
    """How much of a pass is computed at a time: spectra of so many groups, and in a group of rows, columns and terms.

    The products are, for each group and frequency, a matrix (u, v) of sums over l.
    """

    groups: int
    u: int
    v: int
    terms: int


def blocks_of(groups, u, v, terms, spectra):
    """Blocks of about so many spectra.

    A spectrum (u, l) is computed again for each block of v unless all terms are one block, a spectrum (v, l) for each
    block of u unless v and the terms are one.
    """
    spectra = max(3, spectra)
    quarter = max(1, spectra // 4)
    part = terms if terms <= quarter else max(1, quarter // min(v, max(1, int(quarter**0.5))))
    of_v = min(v, max(1, quarter // part))
    of_u = min(u, max(1, (spectra - part * of_v) // (part + of_v)))
    if (of_u, of_v, part) != (u, v, terms):
        return Blocks(1, of_u, of_v, part)
    return Blocks(min(groups, max(1, spectra // (u * v + u * terms + v * terms))), u, v, terms)


class Layout(NamedTuple):
    """Frames, blocks and what they cost, in FLOPs of a transform."""

    rows: AxisTiles
    columns: AxisTiles
    blocks: Blocks
    spectra: int
    """Transforms, those that are computed for several blocks counted as often."""
    flops: float
    products: float
    """Complex multiply-adds."""

    @property
    def cost(self):
        """In FLOPs of a transform."""
        return self.flops + PRODUCT_FLOPS * self.products


@lru_cache(maxsize=1024)
def layout(shape, operation, itemsize, workspace):
    """The cheapest Layout of a pass within so many bytes of spectra, or if none fits the one of the shortest frames."""
    of_taps = operation == "wgrad"
    by_axis = [tilings(axis, of_taps=of_taps) for axis in axes_of(shape, operation)]
    found = [_layout(shape, operation, *pair, itemsize, workspace) for pair in product(*by_axis)]
    return min(found, key=lambda one: (one.cost if fits(one, itemsize, workspace) else inf, spectrum_size(one)))


def fits(one, itemsize, workspace):
    """Whether three spectra, the fewest of a block, take no more than so many bytes."""
    return 3 * spectrum_size(one) * 2 * itemsize <= workspace


def spectrum_size(one):
    """Complex numbers of a frame's spectrum."""
    return one.rows.frame * (one.columns.frame // 2 + 1)


def _layout(shape, operation, rows, columns, itemsize, workspace):
    groups, c, k = shape.groups, shape.c // shape.groups, shape.k // shape.groups
    tiles, size = shape.n * rows.tiles * columns.tiles, rows.frame * (columns.frame // 2 + 1)
    if operation == "wgrad":
        u, v, terms = c, k, tiles
    else:
        u, v, terms = tiles, *((k, c) if operation == "fprop" else (c, k))
    blocks = blocks_of(groups, u, v, terms, workspace // (2 * itemsize * size))
    # spectra that are computed, some of them for several blocks
    every = blocks.terms == terms
    read = groups * u * terms * (1 if every else -(-v // blocks.v))
    taps = groups * v * terms * (1 if every and blocks.v == v else -(-u // blocks.u))
    flops = (
        read * _transform_flops(rows, columns, rows.frame)
        + taps * _transform_flops(rows, columns, rows.taps)
        + groups * u * v * _transform_flops(rows, columns, rows.results)
    )
    return Layout(rows, columns, blocks, read + taps + groups * u * v, flops, groups * u * v * terms * size)


def _transform_flops(rows, columns, used):
    """FLOPs of a frame's transform, of which so many rows are used: the rows are real."""
    across = columns.frame // 2 + 1
    along_rows = used * (2.5 * columns.frame * log2(columns.frame) + LINE_FLOPS)
    return along_rows + across * (5 * rows.frame * log2(rows.frame) + LINE_FLOPS)
