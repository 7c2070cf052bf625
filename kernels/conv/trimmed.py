"""Taps that meet padding alone, dropped before any target computes them.

With a dilation or a padding as large as the image most taps of a kernel read nothing but zeros: of 3x3 taps at dilation
and padding 64 on a 6x6 image only the middle one reads the image. A pass then computes the smallest rectangle of taps
that holds all the others, so that neither time nor memory grows with dilation, and a large kernel on a small map costs
what it reads. The weights of the rectangle are copied; the gradient of the others is zero.

Both targets share this file: `target` is kernels.conv.cpu or kernels.conv.cuda, whose `frames` copy the weights.
"""

from functools import lru_cache
from typing import NamedTuple

from .automatic import AUTOMATIC
from .frames import empty_like_on

FEW_TAPS = 4
"""Times as many taps as are computed, from which on the others are dropped even where they cost no products."""


class AxisTaps(NamedTuple):
    """The taps of one axis that are computed, and the axis as they see it."""

    first: int
    count: int
    stride: int
    pad_before: int
    """Negative where the first tap of the first window lies inside the image."""
    pad_after: int
    dilation: int


class Trimmed(NamedTuple):
    """A convolution with the taps alone that read the image."""

    shape: NamedTuple
    """Conv shape."""
    rows: AxisTaps
    columns: AxisTaps


@lru_cache(maxsize=4096)
def trim(shape):
    """The `Trimmed` of a conv shape; None where every tap reads the image somewhere."""
    rows = axis_taps(shape.h, shape.p, shape.r, shape.stride_h, shape.pad_top, shape.pad_bottom, shape.dilation_h)
    columns = axis_taps(shape.w, shape.q, shape.s, shape.stride_w, shape.pad_left, shape.pad_right, shape.dilation_w)
    if (rows.count, columns.count) == (shape.r, shape.s):
        return None
    trimmed = shape._replace(
        r=rows.count, s=columns.count, stride_h=rows.stride, stride_w=columns.stride,
        pad_top=rows.pad_before, pad_bottom=rows.pad_after, pad_left=columns.pad_before, pad_right=columns.pad_after,
        dilation_h=rows.dilation, dilation_w=columns.dilation,
    )  # fmt: skip
    return Trimmed(trimmed, rows, columns)


def axis_taps(size, windows, taps, stride, pad_before, pad_after, dilation):
    """The taps between the first and the last that read the image: tap t of window i reads i stride + t dilation - pad.

    Where none does, one stays, that reads just before the image.
    """
    reach = (windows - 1) * stride
    # taps whose reads, from t dilation - pad to reach further on, overlap the image at all
    first, last = max(0, -(-(pad_before - reach) // dilation)), min(taps - 1, (pad_before + size - 1) // dilation)
    while first <= last and not _reads(first, size, reach, stride, pad_before, dilation):
        first += 1
    while first < last and not _reads(last, size, reach, stride, pad_before, dilation):
        last -= 1
    if (first, last) == (0, taps - 1):
        return AxisTaps(0, taps, stride, pad_before, pad_after, dilation)
    count = max(1, last + 1 - first)
    pad = pad_before - first * dilation if first <= last else reach + 1
    stride, dilation = stride if windows > 1 else 1, dilation if count > 1 else 1
    return AxisTaps(min(first, taps - 1), count, stride, pad, reach + (count - 1) * dilation + 1 - size - pad, dilation)


def _reads(tap, size, reach, stride, pad_before, dilation):
    """Whether a tap reads the image in any window: larger strides step over small images."""
    start = tap * dilation - pad_before
    return (start if start >= 0 else start % stride) < size and start + reach >= 0


def fprop(target, shape, x, w, b, activation, slope, y, algorithm):
    """y = f(x * w + b)."""
    if trimmed := _trimmed(target, shape, "fprop", x, algorithm):
        shape, w = trimmed.shape, _cut(target, w, trimmed.rows, trimmed.columns)
    target.fprop(shape, x, w, b, activation, slope, y, algorithm=algorithm)


def dgrad(target, shape, dy, w, pre_activation, activation, slope, dx, algorithm):
    """dx = (dy * rot180(w)) f'(pre_activation): equation (20)."""
    if trimmed := _trimmed(target, shape, "dgrad", dy, algorithm):
        shape, w = trimmed.shape, _cut(target, w, trimmed.rows, trimmed.columns)
    target.dgrad(shape, dy, w, pre_activation, activation, slope, dx, algorithm=algorithm)


def wgrad(target, shape, x, dy, dw, algorithm):
    """dw = the correlation of x and dy, equation (13); zero for taps that are not computed."""
    trimmed = _trimmed(target, shape, "wgrad", x, algorithm)
    if trimmed is None:
        target.wgrad(shape, x, dy, dw, algorithm=algorithm)
        return
    computed = empty_like_on(dw, trimmed.shape.w_shape)
    target.wgrad(trimmed.shape, x, dy, computed, algorithm=algorithm)
    _paste(target, computed, trimmed.rows, trimmed.columns, dw)


def _trimmed(target, shape, operation, like, algorithm):
    """What `trim` returns; None where the algorithm that was asked for needs all taps, or skips most by itself."""
    trimmed = trim(shape)
    if trimmed and trimmed.shape.r * trimmed.shape.s * FEW_TAPS >= shape.r * shape.s:
        if target.skips_padding(shape, operation, like.dtype, algorithm):
            return None
    if (
        trimmed
        and algorithm not in AUTOMATIC
        and target.unsupported(algorithm, trimmed.shape, operation, like.dtype, like=like)
    ):
        return None
    return trimmed


def _cut(target, w, rows, columns):
    """The weights (K, C / groups, rows, columns) of the taps that are computed."""
    part = empty_like_on(w, (*w.shape[:2], rows.count, columns.count))
    target.frames.cut(_bits(w), rows.first, columns.first, _bits(part))
    return part


def _paste(target, computed, rows, columns, dw):
    """dw = the gradient of the taps that were computed, 0 elsewhere."""
    target.frames.paste(_bits(computed), rows.first, columns.first, _bits(dw))


def _bits(a):
    """16-bit floats as integers: they are moved, and not every target has their arithmetic."""
    return a.view("u2") if a.dtype.itemsize == 2 else a
