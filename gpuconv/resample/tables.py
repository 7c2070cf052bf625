"""Resampling tables: the sparse matrix of a padding, cropping or resizing along one axis, in CSR form.

Every such operation is y[j] = sum_t weights[t] x[sources[t]] over the terms t of output j, separably along each axis.
The gradient is the same operation with the transposed tables.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.blocks import Operand, Result, in_blocks
from ..core.call import Call
from ..core.device import Array

AXES = 3
"""Axes that a kernel resamples in one pass."""


@dataclass(frozen=True, eq=False)
class Table:
    """Resampling table of one axis: output j has the terms starts[j], ..., starts[j + 1] - 1."""

    starts: np.ndarray[Any, Any]
    sources: np.ndarray[Any, Any]
    weights: np.ndarray[Any, Any]
    length: int
    """Length of the input axis."""
    run: tuple[int, int, int]
    """(first, last, shift): the longest run first <= j < last of outputs that are copies of input j - shift."""

    @property
    def size(self) -> int:
        """Length of the output axis."""
        return len(self.starts) - 1


def make_table(length: int, counts: Sequence[int] | Any, sources: Any, weights: Any = None) -> Table:
    """Table from the number of terms of each output, and the sources and weights of all terms in order."""
    counts, sources = np.asarray(counts, np.int32), np.asarray(sources, np.int32)
    starts = np.concatenate([np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32)])
    weights = np.ones(len(sources)) if weights is None else np.asarray(weights, np.float64)
    return Table(starts, sources, weights, length, _longest_copy(counts, starts, sources, weights))


@functools.lru_cache(maxsize=64)
def identity(length: int) -> Table:
    """Table that copies an axis."""
    return make_table(length, np.ones(length), np.arange(length))


@functools.lru_cache(maxsize=1024)
def transpose(table: Table) -> Table:
    """Transposed table, for the gradient: the terms of each input, in ascending order of outputs."""
    positions = np.repeat(np.arange(table.size), np.diff(table.starts))
    order = np.argsort(table.sources, kind="stable")
    counts = np.bincount(table.sources, minlength=table.length)
    return make_table(table.size, counts, positions[order], table.weights[order])


def resample(call: Call, tables: Sequence[Table], fill: float, out: Array | None) -> Array:
    """Resample the last axes of the call's array by their tables; outputs without terms are `fill`.

    Three axes are resampled in one pass, more in further passes.
    """
    x = call.like
    tables = [identity(size) for size in x.shape[: x.ndim - len(tables)]] + list(tables)
    shape = tuple(table.size for table in tables)
    if call.needs_blocks(shape):
        return _in_blocks(call, tables, fill, out)
    call.convert()
    (x,) = call.arrays
    result = call.output(shape, out)
    if result.size:
        _fill(call, x, tables, fill, result)
    return call.finish(result)


def _fill(call: Call, x: Array, tables: list[Table], fill: float, result: Array) -> None:
    passes = [axes for axes in _passes(x.ndim) if any(not _is_identity(tables[axis]) for axis in axes)]
    *others, last = passes or _passes(x.ndim)[:1]
    for axes in others:
        y = call.output(tuple(tables[i].size if i in axes else size for i, size in enumerate(x.shape)))
        _one_pass(call, x, tables, axes, fill, y)
        x = y
    _one_pass(call, x, tables, last, fill, result)


def _in_blocks(call: Call, tables: list[Table], fill: float, out: Array | None) -> Array:
    """Along the axes that are copied."""
    axes = tuple(axis for axis, table in enumerate(tables) if _is_identity(table))
    sizes, shape = [tables[axis].size for axis in axes], tuple(table.size for table in tables)

    def block(x: Array) -> Array:
        narrow = [
            identity(size) if axis in axes else table
            for axis, (size, table) in enumerate(zip(x.shape, tables, strict=True))
        ]
        result = call.output(tuple(table.size for table in narrow))
        _fill(call, x, narrow, fill, result)
        return result

    call.check_out(shape, out)
    (result,) = in_blocks(call, block, sizes, [Operand(call.like, axes)], [Result(shape, axes)], out)
    return result


def _one_pass(call: Call, x: Array, tables: list[Table], axes: range, fill: float, y: Array) -> None:
    """Resample up to three adjacent axes; the axes after them are merged and copied."""
    outer, inner = math.prod(x.shape[: axes.start]), math.prod(x.shape[axes.stop :])
    trailing = [identity(inner)] if axes.stop < x.ndim else []
    active = [tables[axis] for axis in axes] + trailing
    three = [identity(1)] * (AXES - len(active)) + active
    source = x.reshape(outer, *(table.length for table in three))
    target = y.reshape(outer, *(table.size for table in three))
    call.kernels.resample.resample(source, three, call.compute_dtype.type(fill), target)


def _passes(rank: int) -> list[range]:
    """Ranges of axes: the last three, then two per pass."""
    passes, stop = [range(max(rank - AXES, 0), rank)], rank - AXES
    while stop > 0:
        passes.append(range(max(stop - AXES + 1, 0), stop))
        stop -= AXES - 1
    return passes


def _is_identity(table: Table) -> bool:
    return table.size == table.length and table.run == (0, table.size, 0)


def _longest_copy(counts: Any, starts: Any, sources: Any, weights: Any) -> tuple[int, int, int]:
    """The longest run of outputs with a single term of weight 1 at a constant shift."""
    single = counts == 1
    shifts = np.full(len(counts), np.iinfo(np.int32).max, np.int64)
    terms = starts[:-1][single]
    unit = weights[terms] == 1
    positions = np.flatnonzero(single)
    shifts[positions[unit]] = (positions - sources[terms])[unit]
    edges = np.flatnonzero(np.diff(shifts, prepend=np.nan, append=np.nan) != 0)
    runs = [(a, b) for a, b in itertools.pairwise(edges) if shifts[a] != np.iinfo(np.int32).max]
    if not runs:
        return 0, 0, 0
    first, last = max(runs, key=lambda run: run[1] - run[0])
    return int(first), int(last), int(shifts[first])
