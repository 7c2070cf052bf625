"""Padding and resizing, position by position; gradients are scattered by the same rule."""

import math

import numpy as np


def _padded_source(position, size, pad_before, pad_after, mode):
    """Where a position comes from, None where from nowhere."""
    if mode == "constant":
        return position if 0 <= position < size else None
    if mode == "replicate":
        return min(max(position, 0), size - 1)
    if mode == "reflect":
        while not 0 <= position < size:
            position = -position if position < 0 else 2 * (size - 1) - position
        return position
    first, last = max(-pad_before, 0), size + min(pad_after, 0)
    while position < first:
        position += last - first
    while position >= last:
        position -= last - first
    return position


def _pad_moves(shape, padding, mode):
    """(index of the result, index of the input or None) for each element of the result."""
    pairs = [(0, 0)] * len(shape)
    for i in range(len(padding) // 2):
        pairs[-1 - i] = padding[2 * i : 2 * i + 2]
    padded = tuple(size + pad_before + pad_after for size, (pad_before, pad_after) in zip(shape, pairs, strict=True))
    for index in np.ndindex(padded):
        sources = [
            _padded_source(i - pad_before, size, pad_before, pad_after, mode)
            for i, size, (pad_before, pad_after) in zip(index, shape, pairs, strict=True)
        ]
        yield index, None if None in sources else tuple(sources)


def pad(x, padding, mode, value=0.0):
    """Each element from its source, or the value."""
    moves = list(_pad_moves(x.shape, padding, mode))
    y = np.full(tuple(np.max([index for index, _ in moves], axis=0) + 1), float(value))
    for index, source in moves:
        if source is not None:
            y[index] = x[source]
    return y


def pad_input_grad(dy, shape, padding, mode):
    """Each element's gradient to its source."""
    dx = np.zeros(shape)
    for index, source in _pad_moves(shape, padding, mode):
        if source is not None:
            dx[source] += dy[index]
    return dx


def _resized_terms(position, length, size, scale, mode, aligned, axes):
    """[(source, weight)] of a position, after the documentation of torch.nn.Upsample."""
    if mode == "nearest":
        if axes == 2 and size in (length, 2 * length):
            return [(position * length // size, 1.0)]
        step = np.float32(length) / np.float32(size) if scale is None else np.float32(1 / scale)
        return [(min(math.floor(np.float32(position) * step), length - 1), 1.0)]
    if size == length:
        place = float(position)
    elif aligned:
        place = position * (length - 1) / (size - 1) if size > 1 else 0.0
    else:
        place = max((position + 0.5) * (length / size if scale is None else 1 / scale) - 0.5, 0.0)
    left = min(math.floor(place), length - 1)
    share = min(place - left, 1.0)
    return [(left, 1 - share), (min(left + 1, length - 1), share)]


def _resize_moves(shape, sizes, scales, mode, aligned):
    """(index of the result, index of the input, weight) of each product that is summed."""
    for index in np.ndindex(*shape[:2], *sizes):
        products = [((), 1.0)]
        for position, *axis in zip(index[2:], shape[2:], sizes, scales, strict=True):
            found = _resized_terms(position, *axis, mode, aligned, len(sizes))
            products = [((*source, s), weight * w) for source, weight in products for s, w in found]
        for source, weight in products:
            yield index, (*index[:2], *source), weight


def upsample(x, sizes, scales, mode, aligned):
    """Each element as the sum of its products; scales hold None where sizes alone count."""
    y = np.zeros((*x.shape[:2], *sizes))
    for index, source, weight in _resize_moves(x.shape, sizes, scales, mode, aligned):
        y[index] += weight * x[source]
    return y


def upsample_input_grad(dy, shape, scales, mode, aligned):
    """Each product's share of the gradient to its source."""
    dx = np.zeros(shape)
    for index, source, weight in _resize_moves(shape, dy.shape[2:], scales, mode, aligned):
        dx[source] += weight * dy[index]
    return dx
