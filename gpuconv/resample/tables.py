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

from ..core import arrays
from ..core.blocks import Operand, Result, in_blocks
from ..core.call import Call
from ..core.device import Array
from ..core.plan import Plan

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


class Resampling:
    """The launcher of a plan: resamples the last axes of x by their tables; outputs without terms are `fill`.

    Three axes are resampled in one pass, more in further passes.
    """

    def __init__(self, call: Call, tables: Sequence[Table], fill: float) -> None:
        rank = call.like.ndim
        self.tables = [identity(size) for size in call.like.shape[: rank - len(tables)]] + list(tables)
        self.shape = tuple(table.size for table in self.tables)
        self.fill = call.compute_dtype.type(fill)
        passes = [axes for axes in _passes(rank) if any(not _is_identity(self.tables[axis]) for axis in axes)]
        self.passes = passes or _passes(rank)[:1]
        self.kernel = call.kernels.resample.resample

    def __call__(self, x: Array, y: Array) -> None:
        """Compute y."""
        if y.size == 0:
            return
        for axes in self.passes[:-1]:
            shape = tuple(self.tables[i].size if i in axes else size for i, size in enumerate(x.shape))
            result = arrays.empty(shape, y.dtype, x)
            self._one_pass(x, axes, result)
            x = result
        self._one_pass(x, self.passes[-1], y)

    def _one_pass(self, x: Array, axes: range, y: Array) -> None:
        """Resample up to three adjacent axes; the axes after them are merged and copied."""
        outer, inner = math.prod(x.shape[: axes.start]), math.prod(x.shape[axes.stop :])
        trailing = [identity(inner)] if axes.stop < x.ndim else []
        active = self.tables[axes.start : axes.stop] + trailing
        self.kernel(x, outer, (identity(1),) * (AXES - len(active)) + tuple(active), self.fill, y)


def plan_of(call: Call, tables: Sequence[Table], fill: float = 0.0) -> Plan:
    """The plan of a resampling of the call's array."""
    launch = Resampling(call, tables, fill)
    return Plan(launch.shape, launch)


def in_blocks_of_copied_axes(call: Call, plan: Plan, out: Array | None, *options: Any) -> Array:
    """A resampling some blocks at a time, along the axes that are copied."""
    tables, fill = plan.launch.tables, plan.launch.fill
    axes = tuple(axis for axis, table in enumerate(tables) if _is_identity(table))
    sizes = [tables[axis].size for axis in axes]

    def block(x: Array) -> Array:
        sub_tables = [
            identity(size) if axis in axes else table
            for axis, (size, table) in enumerate(zip(x.shape, tables, strict=True))
        ]
        launch = Resampling(call, sub_tables, fill)
        result = call.output(launch.shape)
        launch(x, result)
        return result

    (result,) = in_blocks(call, block, sizes, [Operand(call.like, axes)], [Result(plan.result_shape, axes)], out)
    return result


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
