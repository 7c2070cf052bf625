"""The passes by the FFT, for both targets: a correlation is a product of spectra, frequency by frequency.

    y = f(sum_c w[k,c] * x[n,c] + b):    Y[n,k] = sum_c conj(W[k,c]) X[n,c]
    dx = sum_k rot180(w[k,c]) * dy[n,k]:  DX[n,c] = sum_k conj(W'[k,c]) DY[n,k], W' of the rotated w
    dw = sum_n dy[n,k] * x[n,c]:          DW[k,c] = sum_n conj(DY[n,k]) X[n,c]

where * correlates and n counts the tiles of all images. Spectra are computed a block at a time (tiles.py), so memory
stays bounded; the order of every sum follows from the shape.

`target` is kernels.conv.cpu.fft or kernels.conv.cuda.fft, which gather and transform frames (`transform`), multiply
spectra (`multiply`), and transform back and store (`store`).
"""

from typing import NamedTuple

from ...core.scalar import IDENTITY
from .tiles import axes_of, layout


class Window(NamedTuple):
    """How one axis of an array lies in its frames: element e at position first + e step - t * (tile) of tile t's."""

    size: int
    """Elements of the array."""
    first: int
    step: int
    """Negative where the array is rotated."""
    tiles: int
    tile: int
    """Positions from tile to tile."""
    used: int
    """Positions of a frame that are read or written, from 0 on."""
    frame: int
    """Positions of a frame."""


class Planes(NamedTuple):
    """Which planes of an array (..., H, W) a block (u, v, z) of frames is, u counting the tiles of all images."""

    first: int
    """The first tile."""
    v: int
    z: int
    plane: int
    """Plane of an image at which v and z begin."""
    per_image: int
    v_step: int
    z_step: int
    """Planes from image to image, and from v to v and z to z."""


class Strides(NamedTuple):
    """Spectra from group to group, and from row to row and column to column of each group's matrix."""

    group: int
    row: int
    column: int


def correlate(target, shape, operation, x, w, bias, activation, slope, pre_activation, y, redo, workspace):
    """Forward pass, or with "dgrad" the input gradient, whose x and y are dy and dx.

    Parameters
    ----------
    bias, activation, slope, pre_activation
        As the target's `store` takes them.
    redo : array
        An element for each image, set where a result is not finite.
    workspace : int
        Bytes of spectra at a time, about.
    """
    f, axes = layout(shape, operation, x.dtype.itemsize, workspace), axes_of(shape, operation)
    c, k, backward = shape.c // shape.groups, shape.k // shape.groups, operation == "dgrad"
    terms, results = (k, c) if backward else (c, k)
    of_x, of_w, of_y = read_windows(axes, f), tap_windows(axes, f, tiled=False), written_windows(axes, f, tiled=True)

    def images(groups, tiles, channels):
        return target.transform(x, of_x, *image_planes(shape.groups, terms, groups, tiles, channels))

    def filters(groups, written, read):
        ks, cs = (read, written) if backward else (written, read)
        return target.transform(w, of_w, *weight_planes(k, c, groups, ks, cs))

    def store(groups, tiles, written, products):
        planes, _ = image_planes(shape.groups, results, groups, tiles, written)
        target.store(products, of_y, planes, bias, activation, slope, pre_activation, y, redo)

    def strides(groups, tiles, written, read):
        of_filters = Strides(written * read, 1, written) if backward else Strides(written * read, read, 1)
        return of_filters, Strides(read, groups * read, 1), Strides(written, groups * written, 1)

    size = shape.groups, shape.n * f.rows.tiles * f.columns.tiles, results, terms
    multiply_blocks(target, f.blocks, size, images, filters, strides, store)


def wgrad(target, shape, x, dy, none, dw, redo, workspace):
    """Weight gradient; `none` stands for no bias and no pre-activation, redo has an element for each group."""
    f, axes = layout(shape, "wgrad", x.dtype.itemsize, workspace), axes_of(shape, "wgrad")
    c, k = shape.c // shape.groups, shape.k // shape.groups
    of_x, of_dy, of_dw = read_windows(axes, f), tap_windows(axes, f, tiled=True), written_windows(axes, f, tiled=False)

    def images(groups, channels, tiles):
        return target.transform(x, of_x, *image_planes(shape.groups, c, groups, tiles, channels))

    def gradients(groups, filters, tiles):
        return target.transform(dy, of_dy, *image_planes(shape.groups, k, groups, tiles, filters))

    def store(groups, channels, filters, products):
        planes, _ = weight_planes(k, c, groups, filters, channels)
        target.store(products, of_dw, planes, none, IDENTITY, 0.0, none, dw, redo)

    def strides(groups, channels, filters, tiles):
        of_sums = Strides(filters * channels, 1, channels)
        return Strides(filters, 1, groups * filters), Strides(channels, 1, groups * channels), of_sums

    size = shape.groups, c, k, shape.n * f.rows.tiles * f.columns.tiles
    multiply_blocks(target, f.blocks, size, images, gradients, strides, store)


def multiply_blocks(target, blocks, size, read, taps, strides, store):
    """out[u, v] = sum_l conj(a[v, l]) b[u, l] for each group and frequency, a block at a time.

    Parameters
    ----------
    size : (groups, u, v, l)
    read, taps : function
        read(groups, u, l) are spectra b of some groups, rows and columns, taps(groups, v, l) spectra a.
    strides : function
        strides(groups, u, v, l) are the Strides of a block of a, b and out.
    store : function
        store(groups, u, v, out) takes a block of the result.
    """
    read, taps = latest(read), latest(taps)
    for groups in parts(size[0], blocks.groups):
        for u in parts(size[1], blocks.u):
            for v in parts(size[2], blocks.v):
                out = None
                for terms in parts(size[3], blocks.terms):
                    block = len(groups), len(u), len(v), len(terms)
                    out = target.multiply(taps(groups, v, terms), read(groups, u, terms), out, block, strides(*block))
                store(groups, u, v, out)


def image_planes(all_groups, channels, groups, tiles, some):
    """(Planes, their number) of some channels of some groups in tiles of an array of images; frames[tile, group, c]."""
    first = groups.start * channels + some.start
    planes = Planes(tiles.start, len(groups), len(some), first, all_groups * channels, channels, 1)
    return planes, len(tiles) * len(groups) * len(some)


def weight_planes(k, c, groups, filters, channels):
    """(Planes, their number) of some filters and channels of some groups' weights; frames[group, filter, channel]."""
    first = filters.start * c + channels.start
    planes = Planes(groups.start, len(filters), len(channels), first, k * c, c, 1)
    return planes, len(groups) * len(filters) * len(channels)


def read_windows(axes, f):
    """Windows of the rows and the columns of the array that is read."""
    return tuple(
        Window(
            (axis.size - 1) // axis.read_step + 1, -tiles.first, axis.read_step, tiles.tiles, tiles.step,
            min(tiles.frame, max(1, axis.size - tiles.first)) if tiles.tiles == 1 else tiles.frame, tiles.frame,
        )
        for axis, tiles in zip(axes, (f.rows, f.columns), strict=True)
    )  # fmt: skip


def tap_windows(axes, f, *, tiled):
    """Windows of the kernel, cut into tiles or whole."""
    return tuple(
        Window(
            (axis.taps - 1) // abs(axis.tap_step) + 1, 0 if axis.tap_step > 0 else axis.taps - 1, axis.tap_step,
            tiles.tiles if tiled else 1, tiles.step if tiled else 0, tiles.taps, tiles.frame,
        )
        for axis, tiles in zip(axes, (f.rows, f.columns), strict=True)
    )  # fmt: skip


def written_windows(axes, f, *, tiled):
    """Windows of the result, cut into tiles or whole."""
    return tuple(
        Window(
            (axis.windows - 1) // axis.written_step + 1, -(tiles.first + axis.pad), axis.written_step,
            tiles.tiles if tiled else 1, tiles.step if tiled else 0, tiles.results, tiles.frame,
        )
        for axis, tiles in zip(axes, (f.rows, f.columns), strict=True)
    )  # fmt: skip


def parts(count, size):
    """Ranges of so many of `count`, the last one of what is left."""
    return [range(first, min(first + size, count)) for first in range(0, count, size)]


def latest(make):
    """Keep what a function made last: the memory of what it made before is free again."""
    kept = {}

    def get(*key):
        if key not in kept:
            kept.clear()
            kept[key] = make(*key)
        return kept[key]

    return get
