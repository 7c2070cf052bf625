"""Spectra of arrays, their products and what these are the spectra of: what kernels/conv/fft/passes.py is made of.

Transforms are CuPy's on the arrays' device and its current stream, and NumPy's where NumPy arrays stand for device
arrays; all else are kernels.
"""

import sys
from functools import lru_cache
from itertools import pairwise

import numpy as np

from ....core.scalar import IDENTITY
from ....cuda.launch import each, empty_like_on
from ..implicit_gemm import array_or_unused
from .kernels import conv2d_fft_gather, conv2d_fft_multiply, conv2d_fft_store


def transform(source, windows, planes, count):
    """Spectra (count, rows, columns // 2 + 1) of the frames of some planes of an array."""
    rows, columns = windows
    frames = empty_like_on(source, (count, rows.frame, columns.frame))
    each(conv2d_fft_gather, frames.size, source, frames, *rows, *columns, *planes)
    return _transformed("rfft2", frames, np.result_type(source.dtype, np.complex64))


def multiply(a, b, out, size, strides):
    """out (+)= the products of spectra (kernels.py); new ones where out is None."""
    groups, us, vs, terms = size
    adds = out is not None
    if not adds:
        out = empty_like_on(a, (groups * us * vs, *a.shape[1:]))
    spectrum, of_a, of_b, of_out = a[0].size, *strides
    threads = groups * -(-us // 2) * -(-vs // 2) * spectrum
    each(
        conv2d_fft_multiply, threads, *map(_pairs, (a, b, out)), threads, us, vs, terms, spectrum,
        *of_a, *of_b, *of_out, adds,
    )  # fmt: skip
    return out


def store(spectra, windows, planes, bias, activation, slope, pre_activation, y, flags):
    """Transform back, and store what is the result of each frame with the epilogue."""
    rows, columns = windows
    results = _transformed("irfft2", spectra, y.dtype, (rows.frame, columns.frame))
    spans = _most_elements(rows), _most_elements(columns)
    threads = len(results) * spans[0] * spans[1]
    fused = (activation, IDENTITY) if pre_activation is None else (IDENTITY, activation)
    each(
        conv2d_fft_store, threads, results, *array_or_unused(bias, y), fused[0], y.dtype.type(slope),
        array_or_unused(pre_activation, y)[0], fused[1], y, flags, threads, *spans, *rows, *columns, *planes,
    )  # fmt: skip


def _transformed(name, a, dtype, *shape):
    """A two-dimensional transform by the library of an array; NumPy before version 2.0 computes in float64."""
    library = sys.modules[type(a).__module__.partition(".")[0]]
    with np.errstate(all="ignore"):  # what is not finite is found in the results
        return getattr(library.fft, name)(a, *shape).astype(dtype, copy=False)


def _pairs(spectra):
    """Complex numbers as pairs of real ones."""
    return spectra.reshape(-1).view(spectra.real.dtype)


@lru_cache(maxsize=1024)
def _most_elements(axis):
    """Elements of an axis that one tile stores, at most: from its first position to the next one's, and at the ends."""
    bounds = [-((axis.first - tile * axis.tile) // axis.step) for tile in range(1, axis.tiles)]
    bounds = [0, *(min(max(bound, 0), axis.size) for bound in bounds), axis.size]
    return max(last - first for first, last in pairwise(bounds))
