"""Poolings in any number of dimensions, from their definitions: every window is a list of positions."""

import itertools
import math

import numpy as np


def _along(size, kernel, stride, pad_before, pad_after, dilation, ceil_mode):
    """For each window along an axis, the padded positions of its taps."""
    span = size + pad_before + pad_after - dilation * (kernel - 1) - 1
    count = (math.ceil if ceil_mode else math.floor)(span / stride) + 1
    if ceil_mode and (count - 1) * stride >= size + pad_before:
        count -= 1
    return [[i * stride - pad_before + tap * dilation for tap in range(kernel)] for i in range(count)]


def _shared_out(size, count):
    """For each adaptive window along an axis, its positions."""
    return [list(range(math.floor(i * size / count), math.ceil((i + 1) * size / count))) for i in range(count)]


def _windows(extents, kernel, stride, padding, dilation, ceil_mode):
    axes = zip(extents, kernel, stride, padding, dilation, strict=True)
    return [_along(size, k, st, *sides, d, ceil_mode) for size, k, st, sides, d in axes]


def _each(axes):
    """(window, its taps) for every window; a tap is a position along each axis, in row-major order."""
    for window in itertools.product(*(range(len(axis)) for axis in axes)):
        yield window, list(itertools.product(*(axis[i] for axis, i in zip(axes, window, strict=True))))


def _inside(position, extents):
    return all(0 <= i < size for i, size in zip(position, extents, strict=True))


def _maxima(x, axes):
    """(y, number of the winning tap, its flat position): a NaN wins at once, a tie goes to the first."""
    n, c, *extents = x.shape
    shape = n, c, *map(len, axes)
    y, mask, indices = np.full(shape, -np.inf), np.zeros(shape, int), np.zeros(shape, int)
    for window, taps in _each(axes):
        for i, j in itertools.product(range(n), range(c)):
            found = False
            for number, tap in enumerate(taps):
                place = (i, j, *window)
                if not _inside(tap, extents) or np.isnan(y[place]):
                    continue
                value = float(x[(i, j, *tap)])
                if not found or value > y[place] or np.isnan(value):
                    y[place], mask[place], indices[place] = value, number, np.ravel_multi_index(tap, extents)
                found = True
    return y, mask, indices


def max_pool_nd(x, kernel, stride, padding, dilation, ceil_mode):
    """(y, mask, PyTorch's indices)."""
    return _maxima(x, _windows(x.shape[2:], kernel, stride, padding, dilation, ceil_mode))


def adaptive_max_pool_nd(x, size):
    """(y, indices)."""
    y, _, indices = _maxima(x, [_shared_out(*pair) for pair in zip(x.shape[2:], size, strict=True)])
    return y, indices


def scatter_nd(dy, indices, x_shape):
    """dx: each element's gradient, added at its index."""
    dx = np.zeros((*x_shape[:2], math.prod(x_shape[2:])))
    for place in np.ndindex(dy.shape):
        dx[(*place[:2], indices[place])] += float(dy[place])
    return dx.reshape(x_shape)


def max_unpool_nd(x, indices, extents):
    """Each element put where its index says, one after the other."""
    y = np.zeros((*x.shape[:2], math.prod(extents)))
    for place in np.ndindex(x.shape):
        y[(*place[:2], indices[place])] = x[place]
    return y.reshape(*x.shape[:2], *extents)


def _divisors(extents, axes, padding, count_include_pad, divisor_override):
    """(window, taps inside, divisor) by PyTorch's rule: padding counts if asked for, what lies past it never."""
    for window, taps in _each(axes):
        inside = [tap for tap in taps if _inside(tap, extents)]
        if count_include_pad:
            beyond = [size + pad_after for size, (_, pad_after) in zip(extents, padding, strict=True)]
            divisor = sum(all(i < end for i, end in zip(tap, beyond, strict=True)) for tap in taps)
        else:
            divisor = len(inside)
        if inside:
            yield window, inside, divisor_override or divisor


def avg_pool_nd(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override=None, dilation=None):
    axes = _windows(x.shape[2:], kernel, stride, padding, dilation or (1,) * len(kernel), ceil_mode)
    y = np.zeros((*x.shape[:2], *map(len, axes)))
    for window, inside, divisor in _divisors(x.shape[2:], axes, padding, count_include_pad, divisor_override):
        y[(..., *window)] = sum(x.astype(np.float64)[(..., *tap)] for tap in inside) / divisor
    return y


def avg_pool_nd_input_grad(
    dy, x_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override=None, dilation=None
):
    """Each output spreads its gradient evenly."""
    axes = _windows(x_shape[2:], kernel, stride, padding, dilation or (1,) * len(kernel), ceil_mode)
    dx = np.zeros(x_shape)
    for window, inside, divisor in _divisors(x_shape[2:], axes, padding, count_include_pad, divisor_override):
        for tap in inside:
            dx[(..., *tap)] += dy.astype(np.float64)[(..., *window)] / divisor
    return dx


def adaptive_avg_pool_nd(x, size):
    axes = [_shared_out(*pair) for pair in zip(x.shape[2:], size, strict=True)]
    y = np.zeros((*x.shape[:2], *size))
    for window, taps in _each(axes):
        y[(..., *window)] = sum(x.astype(np.float64)[(..., *tap)] for tap in taps) / len(taps)
    return y


def adaptive_avg_pool_nd_input_grad(dy, x_shape):
    """Each output spreads its gradient evenly."""
    dx = np.zeros(x_shape)
    for window, taps in _each([_shared_out(*pair) for pair in zip(x_shape[2:], dy.shape[2:], strict=True)]):
        for tap in taps:
            dx[(..., *tap)] += dy.astype(np.float64)[(..., *window)] / len(taps)
    return dx
