"""Images for which Winograd's algorithm or the FFT loses the digits, computed directly.

Their transforms add up the inputs of a whole tile, or of an image, and what an output does not see cancels, to within
rounding errors of the largest input. So one pixel much brighter than the others costs its neighbors, or all pixels,
their digits, a finite sum of large numbers can overflow on the way, and NaN or infinity spread to outputs that do not
see them. An image is computed again by the direct algorithm where

- its brightest pixel is OUTLIER times the mean, both as root mean squares over channels, or not finite;
- one of its results, before the epilogue, is not finite.

Looking at the inputs costs a pass over them, at the results next to nothing: they are in the first-level cache. Which
images are computed again is a function of the values alone, so results are the same bits every time.
"""

import math

import numpy as np
from numba import njit

from ...cpu import simd
from ...cpu.parallel import share, streaming, workspace
from ...cpu.plan import Plan
from ...cpu.simd import lanes_of, maximum, reduce_max
from ..outliers import OUTLIER
from .correlation import CorrelationPlan

BLOCK_PIXELS = 1024
"""Summed over channels at once, in the first-level cache."""


class GuardedPlan(CorrelationPlan):
    """The plan of a forward pass or an input gradient: its kernel takes one more argument, which images to redo.

    kernel(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, redo, threads) sets redo[n] where a
    result of image n is not finite.

    Parameters
    ----------
    direct : function
        direct(images) is the plan of the direct algorithm for so many images.
    """

    __slots__ = ("direct",)

    def __init__(self, *arguments, direct, **options):
        super().__init__(*arguments, **options)
        self.direct = direct

    def launch(self, x, w, bias, activation, slope, pre_activation, y):
        """Run the kernel, then compute some images again."""
        redo = outliers(x)
        if not redo.all():
            super().launch(x, w, bias, activation, slope, pre_activation, y, redo)
        compute_again(redo, self.direct, x, w, bias, activation, slope, pre_activation, y)


def compute_again(redo, direct, x, w, bias, activation, slope, pre_activation, y):
    """Run the plan direct(images) for the images of which redo[n] is set."""
    for images in runs_of(redo):
        part = pre_activation[images] if pre_activation.size else pre_activation
        plan = direct(images.stop - images.start)
        plan.launch(x[images], w, bias, activation, slope, part, y[images])


class GuardedWgradPlan(Plan):
    """The plan of a weight gradient, computed again by another where it is not finite.

    Outliers are of no account: every tap of the gradient sees nearly every pixel.

    Parameters
    ----------
    direct : function
        direct() is the plan of the direct algorithm.
    """

    __slots__ = ("direct",)

    def __init__(self, *arguments, direct, **options):
        super().__init__(*arguments, **options)
        self.direct = direct

    def launch(self, x, dy, dw):
        """Run the kernel, and the other plan's if need be."""
        super().launch(x, dy, dw)
        if not is_finite(dw.reshape(-1), 0, dw.size):
            self.direct().launch(x, dy, dw)


def outliers(x, limit=OUTLIER**2):
    """For each image of x (N, C, H, W), whether its brightest pixel is an outlier or not finite.

    That is, whether its energy is more than `limit` times the mean one.
    """
    n, _, h, w = x.shape
    blocks = -(-h * w // BLOCK_PIXELS)
    brightest, total = np.empty((n, blocks), np.float64), np.empty((n, blocks), np.float64)
    _pixel_energies(n * blocks, x.size, x.reshape(n, -1, h * w), brightest, total)
    largest, mean = brightest.max(axis=1, initial=0), total.sum(axis=1) / (h * w)
    return ~((largest <= limit * mean) & (largest < math.inf))


def runs_of(redo):
    """Slices of consecutive images that are to be computed again."""
    edges = np.flatnonzero(np.diff(redo, prepend=False, append=False))
    return [slice(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]


@streaming
def _pixel_energies(x, brightest, total, thread, threads):
    """Largest and total energy, sum over c of x[n,c,i]^2, of the pixels of each block; NaN where one is NaN."""
    n, channels, pixels = x.shape
    blocks = brightest.shape[1]
    energies = workspace(BLOCK_PIXELS, x)
    first, last = share(n * blocks, thread, threads)
    for task in range(first, last):
        image, block = task // blocks, task % blocks
        start = block * BLOCK_PIXELS
        size = min(BLOCK_PIXELS, pixels - start)
        # energy of each pixel
        energies[:] = 0
        for c in range(channels):
            row = x[image, c, start : start + size]
            for i in range(size):
                energies[i] += row[i] * row[i]
        brightest[image, block], total[image, block] = _largest(energies), _sum(energies)


@njit(inline="always")
def _largest(energies):
    """The largest of whole vectors; where one is NaN not always NaN, but then their sum is."""
    lanes = lanes_of(energies)
    largest = simd.load(energies, 0)
    for i in range(lanes, energies.size, lanes):
        largest = maximum(simd.load(energies, i), largest)
    return reduce_max(largest)


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _sum(energies):
    """Their sum, in float64: of float32 numbers it does not overflow."""
    total = 0.0
    for i in range(energies.size):
        total += energies[i]
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def is_finite(values, first, count):
    """Whether some elements of a flat array are all finite."""
    total = values.dtype.type(0)
    for i in range(np.uint64(count)):
        total += values[np.uint64(first) + i] * values.dtype.type(0)
    return not math.isnan(total)
