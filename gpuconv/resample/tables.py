"""Tables that say, along one axis, what each position of a result is made of.

Padding, cropping, resizing: each is y[j] = sum_t weight[t] x[source[t]] over the taps t of position j, one axis after
the other. The gradient is the same with the transposed table.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.call import Call
from ..core.device import Array

AXES = 3
"""Axes that a kernel resamples at once."""


class Taps(NamedTuple):
    """One axis: position j of the result has the taps starts[j], ..., starts[j + 1] - 1."""

    starts: np.ndarray[Any, Any]
    sources: np.ndarray[Any, Any]
    weights: np.ndarray[Any, Any]
    length: int
    """Of the axis read."""
    run: tuple[int, int, int]
    """(first, last, shift): the longest stretch of positions j that are a copy of j - shift."""

    @property
    def size(self) -> int:
        """Of the axis written."""
        return len(self.starts) - 1


def taps(length: int, counts: Sequence[int] | Any, sources: Any, weights: Any = None) -> Taps:
    """A table from the number of taps of each position, and their sources and weights one after the other."""
    counts, sources = np.asarray(counts, np.int32), np.asarray(sources, np.int32)
    starts = np.concatenate([np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)])
    weights = np.ones(len(sources)) if weights is None else np.asarray(weights, np.float64)
    return Taps(starts, sources, weights, length, _longest_copy(counts, starts, sources, weights))


@functools.lru_cache(maxsize=64)
def identity(length: int) -> Taps:
    """Nothing happens along this axis."""
    return taps(length, np.ones(length), np.arange(length))


def transposed(table: Taps) -> Taps:
    """The table of the gradient: which positions of dy a position of dx collects, in their order."""
    positions = np.repeat(np.arange(table.size), np.diff(table.starts))
    order = np.argsort(table.sources, kind="stable")
    counts = np.bincount(table.sources, minlength=table.length)
    return taps(table.size, counts, positions[order], table.weights[order])


def resample(call: Call, x: Array, tables: Sequence[Taps], fill: float, out: Array | None) -> Array:
    """The last axes of x by their tables; what has no taps is filled.

    Three axes go at once, more in further passes.
    """
    tables = [identity(size) for size in x.shape[: x.ndim - len(tables)]] + list(tables)
    result = call.output(tuple(table.size for table in tables), out)
    if result.size == 0:
        return result
    passes = [axes for axes in _passes(x.ndim) if any(not _is_identity(tables[axis]) for axis in axes)]
    *others, last = passes or _passes(x.ndim)[:1]
    for axes in others:
        y = call.output(tuple(tables[i].size if i in axes else size for i, size in enumerate(x.shape)))
        _one_pass(call, x, tables, axes, fill, y)
        x = y
    _one_pass(call, x, tables, last, fill, result)
    return result


def _one_pass(call: Call, x: Array, tables: list[Taps], axes: range, fill: float, y: Array) -> None:
    """Resample a few axes next to each other; those behind them, as one, stay as they are."""
    outer, inner = math.prod(x.shape[: axes.start]), math.prod(x.shape[axes.stop :])
    behind = [identity(inner)] if axes.stop < x.ndim else []
    kept = [tables[axis] for axis in axes] + behind
    three = [identity(1)] * (AXES - len(kept)) + kept
    source = x.reshape(outer, *(table.length for table in three))
    target = y.reshape(outer, *(table.size for table in three))
    call.kernels.resample.resample(source, three, call.compute_dtype.type(fill), target)


def _passes(rank: int) -> list[range]:
    """The last three axes, then two at a time."""
    passes, stop = [range(max(rank - AXES, 0), rank)], rank - AXES
    while stop > 0:
        passes.append(range(max(stop - AXES + 1, 0), stop))
        stop -= AXES - 1
    return passes


def _is_identity(table: Taps) -> bool:
    return table.size == table.length and table.run == (0, table.size, 0)


def _longest_copy(counts: Any, starts: Any, sources: Any, weights: Any) -> tuple[int, int, int]:
    """The longest stretch of positions with one tap of weight 1 at a constant distance."""
    single = counts == 1
    shifts = np.full(len(counts), np.iinfo(np.int32).max, np.int64)
    at = starts[:-1][single]
    whole = weights[at] == 1
    positions = np.flatnonzero(single)
    shifts[positions[whole]] = (positions - sources[at])[whole]
    edges = np.flatnonzero(np.diff(shifts, prepend=np.nan, append=np.nan) != 0)
    stretches = [(a, b) for a, b in itertools.pairwise(edges) if shifts[a] != np.iinfo(np.int32).max]
    if not stretches:
        return 0, 0, 0
    first, last = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
    return int(first), int(last), int(shifts[first])
