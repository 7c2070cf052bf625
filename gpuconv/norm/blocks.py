"""Normalization of arrays that are too large to be converted whole: a pass over blocks for the sums, another to write.

Elements that share a mean and a variance are a set, as in kernels/norm. A set that is larger than a block itself has
its blocks' moments merged in float64.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import blocks
from ..core.blocks import Axes, Operand, Result, in_blocks, rounded_sum, stream_bytes
from ..core.call import Call
from ..core.device import Array, array_module
from ..core.dtypes import FLOAT64


def moments(call: Call, x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and biased variance of each set, of the shape of x's axes (1,) or (0, 1); other axes are summed over."""
    merged = _are_cut(call, x, axes)

    def block(x: Array) -> tuple[Array, ...]:
        mean, var = (call.output(tuple(x.shape[axis] for axis in axes)) for _ in range(2))
        call.kernels.norm.moments(_sets(x, axes), mean, var)
        if not merged:
            return mean, var
        terms, mean, var = x.size // mean.size, mean.astype(FLOAT64), var.astype(FLOAT64)
        return terms * mean, terms * (var + mean * mean)

    total, squares = _reduced(call, block, [x], [], axes)
    if not merged:
        return total, squares
    terms = x.size // total.size
    mean = total / terms
    var = (squares / terms - mean * mean).clip(0)
    return mean.astype(call.compute_dtype), var.astype(call.compute_dtype)


def gradients(
    call: Call, dy: Array, x: Array, mean: Array, var: Array, weight: Array | None, eps: Any, axes: tuple[int, ...],
    through_statistics: bool, out: Array | None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """dx, dweight and dbias for statistics (M, G); sums are taken over sets of x's axes (1,) or (0, 1)."""
    (m, groups), c = mean.shape, x.shape[1]
    statistics = of_channels(x, mean, inverse_deviations(call, x, mean, var, eps, through_statistics))
    sums = _gradient_sums(call, dy, x, statistics, axes)
    weight = None if weight is None else call.converted(weight)
    means, (dweight, dbias) = ([call.output(shape) for _ in range(2)] for shape in ((m, groups), (c,)))
    call.kernels.norm.set_means(*sums, weight, x.size // (m * groups), *means, dweight, dbias)
    if through_statistics:
        dx = _input_grad(call, dy, x, (*statistics, *of_channels(x, *means)), weight, out)
    else:
        zeros = array_module(x).zeros_like(statistics[0])
        dx = normalize(call, dy, zeros, statistics[1], weight, None, out)
    return dx, call.finish(dweight), call.finish(dbias)


def fit_samples(call: Call, x: Array) -> bool:
    """Whether blocks may be whole samples."""
    return 0 < x.size // max(x.shape[0], 1) <= stream_bytes(call) // 16


def normalize_samples(call: Call, function: Callable[..., Array], groups: int, eps: float, out: Array | None) -> Array:
    """group_norm of the call's arrays, some samples at a time."""
    x, weight, bias, mean, var = call.arrays

    def block(x: Array, weight: Array | None, bias: Array | None, mean: Array | None, var: Array | None) -> Array:
        return function(x, groups, weight, bias, eps, mean=mean, var=var)

    read = [Operand(x, (0,)), *(Operand(a, (None,)) for a in (weight, bias))]
    read += [Operand(a, (0,)) for a in (mean, var)]
    return in_blocks(call, block, x.shape[:1], read, [Result(x.shape, (0,))], out, in_place=True)[0]


def gradients_of_samples(
    call: Call, function: Callable[..., Any], groups: int, eps: float, out: Array | None
) -> tuple[Array, Array, Array]:
    """group_norm_grad of the call's arrays, some samples at a time."""
    dy, x, mean, var, weight = call.arrays

    def block(dy: Array, x: Array, mean: Array, var: Array, weight: Array | None) -> tuple[Array, Array, Array]:
        return function(dy, x, groups, mean, var, weight, eps)  # type: ignore[no-any-return]

    read = [*(Operand(a, (0,)) for a in (dy, x, mean, var)), Operand(weight, (None,))]
    of_channels = Result(x.shape[1:2], (None,))
    results = [Result(x.shape, (0,)), of_channels, of_channels]
    dx, *sums = in_blocks(call, block, x.shape[:1], read, results, out, in_place=True)
    dweight, dbias = (rounded_sum(call, a) for a in sums)
    return dx, dweight, dbias


def inverse_deviations(call: Call, x: Array, mean: Array, var: Any, eps: Any, of_x: bool) -> Array:
    """1 / sqrt(var + eps) of statistics (M, G), from x where a variance has no number in its type."""
    kernel = call.kernels.norm.inverse_deviations
    smallest = math.sqrt(np.finfo(var.dtype).tiny)
    if call.kernels.name == "cpu" and bool(((var + eps > smallest) & (var < np.inf)).all()):
        inverse, unread = call.output(var.shape), call.output((1, var.size, 1))
        kernel(unread, mean, var, eps, of_x, inverse)
        return inverse
    (m, groups), (n, c) = var.shape, x.shape[:2]
    grouped = x.reshape(n, groups, c // groups, *x.shape[2:])

    def block(x: Array, mean: Array, var: Array) -> Array:
        inverse = call.output(var.shape)
        kernel(_sets(x, (0, 1) if m > 1 else (1,)), mean, var, eps, of_x, inverse)
        return inverse

    read = [Operand(grouped, (0, 1) if m > 1 else (None, 1)), *(Operand(a, (0, 1)) for a in (mean, var))]
    (found,) = in_blocks(call, block, var.shape, read, [Result(var.shape, (0, 1), call.compute_dtype)])
    return found


def of_channels(x: Array, *statistics: Array) -> list[Array]:
    """(M, C) from (M, G): each channel's value is its group's."""
    return [array_module(x).repeat(a, x.shape[1] // a.shape[1], axis=1) for a in statistics]


def _gradient_sums(call: Call, dy: Array, x: Array, statistics: list[Array], axes: tuple[int, ...]) -> list[Array]:
    """Sums of dy and of dy xhat (M, C) over sets of x's axes."""

    def block(dy: Array, x: Array, mean: Array, inverse: Array) -> tuple[Array, Array]:
        sums = tuple(call.output(mean.shape) for _ in range(2))
        call.kernels.norm.gradient_sums(_sets(dy, axes), _sets(x, axes), mean, inverse, *sums)
        return sums  # type: ignore[return-value]

    sets = [a[0] if axes == (1,) else a for a in statistics]
    found = _reduced(call, block, [dy, x], sets, axes)
    return [a.astype(call.compute_dtype).reshape(statistics[0].shape) for a in found]


def normalize(
    call: Call, x: Array, mean: Array, inverse: Array, weight: Array | None, bias: Array | None, out: Array | None
) -> Array:
    """y for mean and inverse deviation (M, C) of each channel, with M = N or 1."""

    def block(x: Array, mean: Array, inverse: Array, weight: Array | None, bias: Array | None) -> Array:
        y = call.output(x.shape)
        call.kernels.norm.normalize(_rows(x), mean, inverse, weight, bias, _rows(y))
        return y

    return _written(call, block, [x], [mean, inverse], [weight, bias], out)


def _input_grad(
    call: Call, dy: Array, x: Array, sets: tuple[Array, ...], weight: Array | None, out: Array | None
) -> Array:
    """dx for mean, inverse deviation, mean of dy and mean of dy xhat (M, C) of each channel, with M = N or 1."""

    def block(dy: Array, x: Array, mean: Array, inverse: Array, dy_mean: Array, dyx_mean: Array, weight: Any) -> Array:
        dx = call.output(x.shape)
        call.kernels.norm.input_grad(_rows(dy), _rows(x), mean, inverse, weight, dy_mean, dyx_mean, _rows(dx))
        return dx

    return _written(call, block, [dy, x], list(sets), [weight], out)


def _are_cut(call: Call, x: Array, axes: tuple[int, ...]) -> bool:
    """Whether a set is larger than a block. A set of a wide array in another order is copied whole all the same."""
    terms = x.size // math.prod(x.shape[axis] for axis in axes)
    return call.compute_dtype is not call.dtype and terms * call.compute_dtype.itemsize > blocks.LIMIT_BYTES // 2


def _reduced(
    call: Call, block: Callable[..., Any], arrays: list[Array], statistics: list[Array], axes: tuple[int, ...]
) -> list[Any]:
    """Two numbers for each set, direct or summed over the blocks in float64."""
    x = arrays[0]
    others = tuple(axis for axis in range(x.ndim) if axis not in axes) if _are_cut(call, x, axes) else ()
    order = axes + others
    kept: Axes = (*range(len(axes)), *(None for _ in others))
    read = [*(Operand(a, order) for a in arrays), *(Operand(a, kept) for a in statistics)]
    result = Result(tuple(x.shape[axis] for axis in axes), kept, call.compute_dtype)
    return in_blocks(
        call, block, [x.shape[axis] for axis in order], read, [result, result], limit=blocks.LIMIT_BYTES // 2
    )


def _written(
    call: Call,
    block: Callable[..., Any],
    arrays: list[Array],
    sets: list[Array],
    channels: list[Any],
    out: Array | None,
) -> Array:
    shape = arrays[0].shape
    axes, rest = tuple(range(len(shape))), (None,) * (len(shape) - 2)
    read = [Operand(a, axes) for a in arrays]
    read += [Operand(a, (0 if a.shape[0] > 1 else None, 1, *rest)) for a in sets]
    read += [Operand(a, (None, 0, *rest)) for a in channels]
    (result,) = in_blocks(call, block, shape, read, [Result(shape, axes)], out, in_place=True)
    return result


def _sets(x: Array, axes: tuple[int, ...]) -> Array:
    """x as (A, sets, L), the layout of the kernels' reductions."""
    if axes == (1,):
        return _rows(x)
    sets = x.shape[0] * x.shape[1]
    return x.reshape(1, sets, x.size // sets)  # type: ignore[no-any-return]


def _rows(x: Array) -> Array:
    """x as (N, C, positions)."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))  # type: ignore[no-any-return]
