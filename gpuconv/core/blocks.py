"""Calls a block at a time, where converting whole arrays would take more memory than a call may.

Kernels take C-contiguous arrays, and 16-bit ones as float32. Small arrays are converted whole. Of large ones a block is
converted, computed and stored before the next: memory stays bounded, and a block is still in the cache when it is used.
Where a result has all axes of the split its bits are those of one call; where it is summed over some, the blocks' sums
are added in float64 in their order.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import arrays
from .device import Array, array_module
from .dtypes import FLOAT64, rounded, store

if TYPE_CHECKING:
    from .call import Call

LIMIT_BYTES = 1 << 25
"""Of converted arrays at a time, half of what a call may take beside its arrays."""
WEIGHT_BYTES = 16
"""For an element of weights: their gradients are summed in float64 beside a block's gradient."""
STREAM_BYTES = 1 << 22
"""The same for a pass over memory on the CPU: a block stays in the cache (Zen 5, 2026-11)."""

Axes = tuple[int | None, ...]


class Operand(NamedTuple):
    """An array that is read."""

    array: Array | None
    axes: Axes
    """For each axis of the split the array's axis; None where each block reads all of it."""


class Result(NamedTuple):
    """An array that is written."""

    shape: tuple[int, ...]
    axes: Axes
    """For each axis of the split the result's axis; None where it is summed over the blocks."""
    dtype: Any = None
    """Default: the caller's."""


def stream_bytes(call: "Call") -> int:
    """Size of the blocks of a pass over memory: on CUDA a launch costs more than a block in the cache gains."""
    most = LIMIT_BYTES // 4  # what a block itself converts or needs besides stays below the limit: it is not cut again
    return min(STREAM_BYTES, most) if call.kernels.name == "cpu" else most


def in_blocks(
    call: "Call",
    function: Callable[..., Any],
    sizes: Sequence[int],
    operands: Sequence[Operand],
    results: Sequence[Result],
    out: Array | None = None,
    *,
    limit: int = 0,
    in_place: bool = False,
    multiple: int = 1,
) -> list[Array]:
    """The results of a call whose parts along some axes do not depend on each other.

    Parameters
    ----------
    call : Call
        Made with `convert=False`; out was checked by it.
    function : function
        function(*blocks) of converted arrays is the block of the result, or a tuple of those.
    sizes : sequence of int
        Lengths of the axes of the split.
    operands : sequence of Operand
    results : sequence of Result
    out : array, optional
        Memory for the first result.
    limit : int
        Bytes of a block; by default `stream_bytes`.
    in_place : bool
        Whether out may be an operand itself: each element is read before it is written.
    multiple : int
        Blocks of the last axis begin at a multiple of this.

    Returns
    -------
    list of array
        In the order of `results`; those that are summed are float64, for the caller to scale and round.
    """
    direct = out is not None and not any(_in_the_way(a, out, in_place) for a, _ in operands if a is not None)
    made: list[Any] = [_memory(call, result) for result in results[direct:]]
    made = [out, *made] if direct else made
    whole = [None if a is None or _is_split(axes) else call.converted(a) for a, axes in operands]
    points = _points(call, sizes, operands, results, limit or stream_bytes(call), multiple)
    for index in slices(sizes, points, multiple):
        inputs = [
            call.converted(a[_at(a, axes, index)]) if a is not None and _is_split(axes) else kept
            for (a, axes), kept in zip(operands, whole, strict=True)
        ]
        found = function(*inputs)
        for part, result, memory in zip(found if isinstance(found, tuple) else (found,), results, made, strict=True):
            where = _at(memory, result.axes, index)
            if None in result.axes:
                memory[where] += part
            else:
                store(part, memory[where])
        del inputs, found, part  # their memory is the next block's
    if out is not None and not direct:
        out[...] = made[0]
        made[0] = out
    return made


def elementwise(call: "Call", function: Callable[..., Any], out: Array | None, *operands: Array | None) -> Array:
    """`in_blocks` for operands of the result's shape."""
    shape = call.like.shape
    call.check_out(shape, out)
    axes = tuple(range(len(shape)))
    read = [Operand(a, axes) for a in operands or call.arrays]
    (result,) = in_blocks(call, function, shape, read, [Result(shape, axes)], out, in_place=True)
    return result


def in_parts(
    call: "Call",
    function: Callable[..., Array],
    cut: Sequence[int],
    operands: Sequence[Operand],
    result: Result,
    out: Array | None,
) -> Array:
    """The result of a call whose weights are cut along one axis; function(*parts) is in the caller's type.

    Parameters
    ----------
    call : Call
    function : function
    cut : sequence of two int
        Length of the axis, and elements of the weights for each of its positions.
    operands : sequence of Operand
    result : Result
    out : array, optional
    """
    count, each = cut
    direct = out is not None and not any(_in_the_way(a, out, False) for a, _ in operands if a is not None)
    made: Any = out if direct else _memory(call, result)
    step = _even(count, max(1, LIMIT_BYTES // WEIGHT_BYTES // each))
    for first in range(0, count, step):
        index = (slice(first, min(first + step, count)),)
        part = function(*(None if a is None else a[_at(a, axes, index)] for a, axes in operands))
        store(part, made[_at(made, result.axes, index)])
    if out is None or direct:
        return made  # type: ignore[no-any-return]
    out[...] = made
    return out


def are_cut(shape: Sequence[int], axis: int) -> bool:
    """Whether weights of a shape, converted, are too large beside a block of the other arrays, and can be cut."""
    return shape[axis] > 1 and WEIGHT_BYTES * math.prod(shape) > LIMIT_BYTES


def rounded_sum(call: "Call", total: Array, scale: float = 1.0, out: Array | None = None) -> Array:
    """A summed result in the caller's type, to `out` where that is given; the sum itself is scaled."""
    total *= scale
    result = rounded(array_module(call.like).asarray(total), call.dtype)
    if out is None:
        return result
    out[...] = result
    return out


def stretches(a: Array, count: int) -> Iterator[Array]:
    """Flat views of so many elements of a C-contiguous array, in order."""
    flat = a.reshape(-1)
    for first in range(0, flat.size, count):
        yield flat[first : first + count]


def slices(sizes: Sequence[int], points: int, multiple: int = 1) -> Iterator[tuple[slice, ...]]:
    """Cut the axes into boxes of at most so many points, in C order; each box is one stretch of a contiguous array.

    Boxes along an axis are of one size, as far as they can be: they take each other's memory. Those of the last axis
    begin at a multiple of some positions.
    """
    if not sizes:
        yield ()
        return
    inner = [math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
    axis = next((axis for axis, count in enumerate(inner) if count <= points), len(sizes) - 1)
    step = _even(sizes[axis], max(1, points // max(inner[axis], 1)), multiple if axis == len(sizes) - 1 else 1)
    for leading in np.ndindex(*sizes[:axis]):
        for first in range(0, sizes[axis], step):
            stretch = slice(first, min(first + step, sizes[axis]))
            yield *(slice(i, i + 1) for i in leading), stretch, *(slice(0, size) for size in sizes[axis + 1 :])


def _even(count: int, most: int, multiple: int = 1) -> int:
    """The length of parts of at most so many positions, a multiple: equal ones if twice as many are, else nearly so."""
    fewest = max(-(-count // most), 1)
    parts = next((n for n in range(fewest, 2 * fewest) if count % (n * multiple) == 0), fewest)
    return max(-(-count // parts // multiple) * multiple, 1)


def _points(
    call: "Call",
    sizes: Sequence[int],
    operands: Sequence[Operand],
    results: Sequence[Result],
    limit: int,
    multiple: int,
) -> int:
    """Points of a block, so that its converted arrays take at most `limit` bytes."""
    read = sum(a.size for a, axes in operands if a is not None and _is_split(axes))
    written = sum(math.prod(shape) for shape, axes, _ in results if None not in axes)
    points: int = limit * math.prod(sizes) // max(1, (read + written) * max(int(call.compute_dtype.itemsize), 4))
    return max(points // multiple, 1) * multiple


def _is_split(axes: Axes) -> bool:
    return any(axis is not None for axis in axes)


def _at(a: Array, axes: Axes, index: tuple[slice, ...]) -> tuple[slice, ...]:
    """The index of a block in an array."""
    found = [slice(None)] * a.ndim
    for axis, stretch in zip(axes, index, strict=True):
        if axis is not None:
            found[axis] = stretch
    return tuple(found)


def _memory(call: "Call", result: Result) -> Array:
    if None in result.axes:
        return array_module(call.like).zeros(result.shape, FLOAT64)  # type: ignore[no-any-return]
    return arrays.empty(result.shape, result.dtype or call.dtype, call.like)


def _in_the_way(a: Array, out: Array, in_place: bool) -> bool:
    """Whether a block of `out` may hold what a later block reads."""
    if not array_module(out).may_share_memory(out, a):
        return False
    return not (in_place and a.shape == out.shape and a.flags.c_contiguous and arrays.address(a) == arrays.address(out))
