"""Launchers on the CPU: resampling (padding, cropping, resizing) along up to three axes.

Bytes a call: x once for each term along the outer axes, y once. Small planes and rows are gathered in registers
(gathers.py); rows whose sums have sources far apart go side by side as lanes of vectors (lanes.py), long rows that are
mostly copied a row at a time (rows.py).
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...cpu.lane_gather import gather_steps
from ...cpu.registers import lanes as lanes_of
from . import gathers, lanes, rows

FEW_TERMS = 64
"""Of an element, added in the arrays' type; more, as in the gradient of a map of one pixel, are added in float64."""
MIN_PLANES = 8
"""Planes that are taken as lanes: fewer leave more than half of a vector empty."""
MAX_PLANE = 1024
"""Elements of a plane, before and after, up to which whole planes are lanes."""
MIN_COPIED = 32
"""Columns of a row from which it is copied rather than taken as a lane (Granite Rapids, 2026-11)."""
MAX_GATHERED, MAX_SUMMED = 8192, 1024
"""Elements of a plane, before and after, up to which whole planes are gathered; if outputs are sums."""
MAX_GATHERED_ROW = 1024
"""Columns of a row of the result that is gathered."""
MAX_GROUP = 16
"""Planes of a group, whose elements are a vector or more."""
MAX_STEPS = 16
"""Of a vector of outputs; with more of them lanes are quicker."""
MAX_COLUMNS = 8192
"""Of a row, up to which rows are lanes: they fill a vector's number of rows of working memory."""


def resample(x, outer, tables, fill, y):
    """y[o, p, q, j] = sum over the terms of p, q and j of weights times x; fill where an axis has no terms.

    x as (outer, I0, I1, I2), y as (outer, O0, O1, O2), a tuple of three resampling tables.
    """
    launch, tasks, x_shape, y_shape, arrays = _plan(outer, tables, x.dtype)
    launch(tasks, 2 * max(x.size, y.size), x.reshape(x_shape), *arrays, fill, y.reshape(y_shape))


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
    """(kernel, tasks, shapes of x and y, arrays that follow from the tables)."""
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
    shapes = (planes, *(axis.length for axis in axes)), (planes, *(axis.size for axis in axes))
    launch, tasks, arrays = _kernel(planes, axes, dtype)
    return launch, planes * tasks, *shapes, arrays


def _kernel(planes, axes, dtype):
    """(kernel, tasks of a plane, arrays)."""
    arrays = [a for axis in axes for a in axis[:3]]
    most, columns = [int(np.diff(axis.starts).max(initial=0)) for axis in axes], axes[2]
    tasks, copied = axes[0].size * axes[1].size, columns.run[1] - columns.run[0]
    if max(most[0] * most[1], most[2]) > FEW_TERMS:
        return rows.resample_many, tasks, arrays
    sizes = math.prod(axis.length for axis in axes), tasks * columns.size
    if 0 < min(sizes) and max(sizes) <= MAX_GATHERED and (found := _gathers_of_planes(planes, axes, dtype)):
        return found
    if columns.size <= MAX_GATHERED_ROW and (steps := _steps(columns, 1, dtype)) is not None:
        if steps[4].size == 0 and all(_has_copies(axis) for axis in axes[:2]):
            return gathers.copy_rows, tasks, [*arrays[:2], *arrays[3:5], *steps[:4]]
        return gathers.sum_rows, tasks, [*arrays[:6], *_with_weights(steps), _repeats(axes[1])]
    if copied >= max(MIN_COPIED, columns.size // 2):
        return rows.resample, tasks, [*arrays, columns.run]
    if planes >= MIN_PLANES and max(sizes) <= MAX_PLANE and math.prod(most) <= FEW_TERMS:
        return lanes.resample_planes, 1, _joined(axes)[:3]
    if copied == columns.size or max(columns.size, columns.length) > MAX_COLUMNS:
        return rows.resample, tasks, [*arrays, columns.run]
    return lanes.resample_rows, tasks, [*arrays, _repeats(axes[1])]


def _gathers_of_planes(planes, axes, dtype):
    """(kernel, tasks of a plane, arrays) of gathers of whole planes, or None."""
    size, result_size = math.prod(axis.length for axis in axes), math.prod(axis.size for axis in axes)
    width, row_count, columns = lanes_of(dtype), axes[0].size * axes[1].size, axes[2]
    between = row_count * columns.length
    groups = [group for group in range(1, MAX_GROUP + 1) if group * min(size, between, result_size) >= width]
    if not groups:
        return None
    group = min(groups, key=lambda group: (-(-group * result_size // width) / group, group))
    if all(map(_has_copies, axes)):
        steps = _steps(_joined(axes), group, dtype)
        return steps and (gathers.copy_planes, 1, [planes, group, *steps[:4]])
    if max(size, result_size) > MAX_SUMMED:
        return None
    outer = _steps(_joined((*axes[:2], _copied(columns.length, dtype))), group, dtype)
    inner = _steps(_joined((_copied(row_count, dtype), _copied(1, dtype), columns)), group, dtype)
    if outer is None or inner is None:
        return None
    weighted = [_with_weights(steps) for steps in (outer, inner)]
    return gathers.sum_planes, 1, [planes, group, group * between, *weighted[0], *weighted[1]]


def _has_copies(axis):
    """Whether each output is a copy of an input, or has none."""
    return bool(np.diff(axis.starts).max(initial=0) <= 1 and (axis.weights == 1).all())


def _copied(length, dtype):
    """The table of an axis that is copied."""
    positions = np.arange(length)
    return _Axis(np.arange(length + 1), positions, np.ones(length, dtype), length, length, (0, length, 0))


def _steps(axis, group, dtype):
    """Gathers of so many planes or rows with a table, and weights, none where outputs are copies; None if too many."""
    counts, width, planes = np.diff(axis.starts), lanes_of(dtype), np.arange(group)[:, None]
    are_copies = _has_copies(axis)
    if group * min(axis.length, axis.size) < width or (counts.min() == 0 and not are_copies):
        return None
    starts = np.append((axis.starts[:-1] + planes * axis.starts[-1]).reshape(-1), group * axis.starts[-1])
    steps = gather_steps(starts, (axis.sources + planes * axis.length).reshape(-1), group * axis.length, dtype)
    if len(steps.bases) > MAX_STEPS * len(steps.targets):
        return None
    weights = np.empty(0, dtype)
    if not are_copies:
        weights = np.where(steps.terms < 0, 0, np.tile(axis.weights, group)[steps.terms])
    return *steps[:4], weights.astype(dtype).reshape(-1)


def _with_weights(steps):
    """Steps with weights, where outputs are copies too."""
    return *steps[:4], steps[4] if steps[4].size else (steps[3] >= 0).astype(steps[4].dtype)


def _joined(axes):
    """The table of the three axes as one, in the order of their terms."""
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
    starts, sizes = np.concatenate([[0], np.cumsum(number)]), [math.prod(axis[i] for axis in axes) for i in (3, 4)]
    return _Axis(starts, np.concatenate(sources), np.concatenate(weights), *sizes, (0, 0, 0))


def _repeats(axis):
    """Whether each output has the terms of the one before it."""
    terms = [slice(first, last) for first, last in zip(axis.starts[:-1], axis.starts[1:], strict=True)]
    pairs = [(axis.sources[t].tolist(), axis.weights[t].tolist()) for t in terms]
    return np.array([i > 0 and pairs[i] == pairs[i - 1] for i in range(len(pairs))], np.bool_)
