"""Spectra of arrays, their products and what these are the spectra of: what kernels/conv/fft/passes.py is made of."""

import numpy as np

from ....core import memory
from . import frames, products, transforms

FRAME_BYTES = 4 << 20
"""Of frames that are transformed together, of one at least: with their spectra they stay in the caches."""


def transform(source, windows, planes, count):
    """Spectra (count, rows, columns // 2 + 1) of the frames of some planes of an array."""
    rows, columns = windows
    spectra = memory.new((count, rows.frame, columns.frame // 2 + 1), np.result_type(source, np.complex64))
    for first, last in _bounds(count, rows.used * columns.frame * source.itemsize):
        a = memory.new((last - first, rows.used, columns.frame), source.dtype)
        frames.gather(a.size, a.size, source.reshape(-1), rows, columns, planes, first, a.reshape(-1))
        transforms.forward(a, rows.frame, spectra[first:last])
    return spectra


def multiply(a, b, out, size, strides):
    """out (+)= the products of spectra (products.py); new ones where out is None."""
    groups, us, vs, _ = size
    adds = out is not None
    if not adds:
        out = memory.new((groups * us * vs, *a.shape[1:]), a.dtype)
    spectrum, real = a[0].size, a.real.dtype
    work = groups * us * vs * size[-1] * spectrum
    flat = [array.reshape(-1).view(real) for array in (a, b, out)]
    products.multiply(groups * spectrum, work, *flat, adds, spectrum, size, *strides)
    return out


def store(spectra, windows, planes, bias, activation, slope, pre_activation, y, redo):
    """Transform back, and store what is the result of each frame with the epilogue."""
    rows, columns = windows
    slope = y.dtype.type(slope)
    pre_activation, flat = pre_activation.reshape(-1), y.reshape(-1)
    for first, last in _bounds(len(spectra), rows.used * columns.frame * y.itemsize):
        a = memory.new((last - first, rows.used, columns.frame), y.dtype)
        transforms.backward(spectra[first:last], a)
        frames.store(
            len(a) * rows.size, a.size, a.reshape(-1), rows, columns, planes, first, bias, activation, slope,
            pre_activation, flat, redo,
        )  # fmt: skip


def _bounds(count, size):
    """(first, last) of the frames that are transformed together, of so many bytes each."""
    each = max(1, FRAME_BYTES // size)
    return [(first, min(first + each, count)) for first in range(0, count, each)]
