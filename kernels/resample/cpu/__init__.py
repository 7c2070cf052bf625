"""Launchers on the CPU: resampling (padding, cropping, resizing) along up to three axes.

Bytes a call: x once for each term along the outer axes, y once. Small planes and resized rows go side by side as lanes
of vectors (lanes.py), rows that are mostly copied a row at a time (rows.py).
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from . import lanes, rows

FEW_TERMS = 64
"""Of an element, added in the arrays' type; more, as in the gradient of a map of one pixel, are added in float64."""
MIN_PLANES = 8
"""Planes that are taken as lanes: fewer leave more than half of a vector empty."""
MAX_PLANE = 1024
"""Elements of a plane, before and after, up to which whole planes are lanes."""
MIN_COPIED = 32
"""Columns of a row from which it is copied rather than taken as a lane (Granite Rapids, 2026-11)."""
MAX_COLUMNS = 8192
"""Of a row, up to which rows are lanes: they fill a vector's number of rows of working memory."""


def resample(x, tables, fill, y):
    """y[o, p, q, j] = sum over the terms of p, q and j of weights times x; fill where an axis has no terms.

    x (outer, I0, I1, I2), y (outer, O0, O1, O2), three resampling tables.
    """
    launch, planes, tasks, arrays, x_shape, y_shape = _plan(x.shape[0], tuple(tables), x.dtype)
    x, y = x.reshape(planes, *x_shape), y.reshape(planes, *y_shape)
    launch(planes * tasks, 2 * max(x.size, y.size), x, *arrays, fill, y)


class _Axis(NamedTuple):
    """A resampling table: output j has the terms starts[j] <= t < starts[j + 1]."""

    starts: np.ndarray
    sources: np.ndarray
    weights: np.ndarray
    length: int
    size: int
    run: tuple


@lru_cache(maxsize=1024)
def _plan(outer, tables, dtype):
    """(kernel, planes, tasks of a plane, arrays that follow from the tables, shapes of a plane before and after)."""
    axes = [
        _Axis(t.starts.astype(np.intp), t.sources.astype(np.intp), t.weights.astype(dtype), t.length, t.size, t.run)
        for t in tables
    ]
    # axes that are copied whole before the first other one: more planes
    planes, one = outer, np.ones(1, dtype)
    for i in range(2):
        if axes[i].run != (0, axes[i].length, 0) or axes[i].size != axes[i].length:
            break
        planes *= axes[i].size
        axes[i] = _Axis(np.arange(2), np.zeros(1, np.intp), one, 1, 1, (0, 1, 0))
    shapes = tuple(axis.length for axis in axes), tuple(axis.size for axis in axes)
    launch, tasks, arrays = _kernel(planes, axes)
    return launch, planes, tasks, arrays, *shapes


def _kernel(planes, axes):
    """(kernel, tasks of a plane, arrays)."""
    arrays = [a for axis in axes for a in axis[:3]]
    terms, columns = math.prod(np.diff(axis.starts).max(initial=0) for axis in axes), axes[2]
    tasks, copied = axes[0].size * axes[1].size, columns.run[1] - columns.run[0]
    if terms > FEW_TERMS:
        return rows.resample_many, tasks, arrays
    if copied >= max(MIN_COPIED, columns.size // 2):
        return rows.resample, tasks, [*arrays, columns.run]
    plane_size = max(math.prod(axis.length for axis in axes), tasks * columns.size)
    if planes >= MIN_PLANES and plane_size <= MAX_PLANE:
        return lanes.resample_planes, 1, _joined(axes)
    if copied == columns.size or max(columns.size, columns.length) > MAX_COLUMNS:
        return rows.resample, tasks, [*arrays, columns.run]
    return lanes.resample_rows, tasks, [*arrays, _repeats(axes[1])]


def _joined(axes):
    """Starts, sources and weights of the three axes as one, in the order of their terms."""
    number = np.einsum("i,j,k->ijk", *(np.diff(axis.starts) for axis in axes)).reshape(-1)
    sources, weights = [], []
    for outputs in np.ndindex(*(axis.size for axis in axes)):
        position, factor = np.zeros(1, np.intp), np.ones(1, axes[0].weights.dtype)
        for axis, j in zip(axes, outputs, strict=True):
            terms = slice(axis.starts[j], axis.starts[j + 1])
            position = (position[:, None] * axis.length + axis.sources[terms]).reshape(-1)
            factor = (factor[:, None] * axis.weights[terms]).reshape(-1)
        sources.append(position)
        weights.append(factor)
    starts = np.concatenate([[0], np.cumsum(number)])
    return starts, np.concatenate(sources), np.concatenate(weights)


def _repeats(axis):
    """Whether each output has the terms of the one before it."""
    terms = [slice(first, last) for first, last in zip(axis.starts[:-1], axis.starts[1:], strict=True)]
    pairs = [(axis.sources[t].tolist(), axis.weights[t].tolist()) for t in terms]
    return np.array([i > 0 and pairs[i] == pairs[i - 1] for i in range(len(pairs))], np.bool_)
