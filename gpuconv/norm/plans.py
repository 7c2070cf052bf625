"""Plans of normalizations: what a later call of plain arrays of the same shapes and options launches.

A call that finds no plan is checked and computed by the functions of batch.py and group.py; it then makes its plan.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import arrays
from ..core.call import Call
from ..core.device import Array
from ..core.plan import Plan

Gradients = tuple[Array, Array, Array]


def remember(call: Call, build: Callable[..., Plan], operands: dict[str, Any], options: tuple[Any, ...]) -> None:
    """Make the plan of a checked call, for `run_known`; operands as the kernels took them, the first is x or dy."""
    if call.kernels.name == "cpu" and call.dtype is call.compute_dtype and call.like.size:
        Call(call.op, tuple(operands)[1:], **operands).plan(build, *options)


def group_norm_plan(call: Call, groups: int, eps: float) -> Plan:
    """Of x, weight and bias: the statistics, then y."""
    norm, tiny, shape = call.kernels.norm, call.compute_dtype.type(eps), call.like.shape
    sets, rows = (1, shape[0] * groups, -1), _rows(shape)

    def launch(x: Array, weight: Array | None, bias: Array | None, y: Array) -> None:
        mean, var, inverse = _statistics((shape[0], groups), 3, x)
        x_sets = x.reshape(sets)
        norm.moments(x_sets, mean, var)
        norm.inverse_deviations(x_sets, mean, var, tiny, True, inverse)
        norm.normalize(x.reshape(rows), mean, inverse, weight, bias, y.reshape(rows))

    return Plan(shape, launch)


def group_norm_grad_plan(call: Call, groups: int, eps: float) -> Plan:
    """Of dy, x, mean, var and weight: dx, dweight and dbias."""
    norm, tiny, shape = call.kernels.norm, call.compute_dtype.type(eps), call.like.shape
    n, c = shape[:2]
    sets, planes, rows = (1, n * groups, -1), (1, n * c, -1), _rows(shape)
    terms = call.like.size // (n * groups)

    def launch(dy: Array, x: Array, mean: Array, var: Array, weight: Array | None, results: Gradients) -> None:
        dx, dweight, dbias = results
        (inverse,) = _statistics((n, groups), 1, x)
        norm.inverse_deviations(x.reshape(sets), mean, var, tiny, True, inverse)
        operands = dy.reshape(rows), x.reshape(rows), mean, inverse, weight
        if norm.sample_gradients(*operands, dx.reshape(rows), dweight, dbias):
            return
        sums, means = _statistics((n, c), 2, x), _statistics((n, groups), 2, x)
        norm.gradient_sums(dy.reshape(planes), x.reshape(planes), mean, inverse, *sums)
        norm.set_means(*sums, weight, terms, *means, dweight, dbias)
        norm.input_grad(*operands, *means, dx.reshape(rows))

    return Plan(shape, launch, further_shapes=((c,), (c,)))


def batch_norm_plan(call: Call, op: str, training: bool, momentum: float, eps: float) -> Plan:
    """Of x, the running statistics, weight and bias: in training the batch's statistics, then y."""
    norm, shape, dtype = call.kernels.norm, call.like.shape, call.compute_dtype
    rows, terms = _rows(shape), call.like.size // shape[1]
    tiny, rate, unbiased = dtype.type(eps), dtype.type(momentum), dtype.type(terms / max(terms - 1, 1))

    def launch(
        x: Array, running_mean: Array | None, running_var: Array | None, weight: Array | None, bias: Array | None,
        y: Array,
    ) -> None:  # fmt: skip
        x_rows, mean, var = x.reshape(rows), running_mean, running_var
        if training:
            mean, var = _statistics(shape[1:2], 2, x)
            norm.moments(x_rows, mean, var)
            if running_mean is not None:
                norm.move_running(mean, var, rate, unbiased, running_mean, running_var)
        (inverse,) = _statistics(shape[1:2], 1, x)
        norm.inverse_deviations(x_rows, mean, var, tiny, training, inverse)
        statistics: Any = mean
        norm.normalize(x_rows, statistics.reshape(1, -1), inverse.reshape(1, -1), weight, bias, y.reshape(rows))

    return Plan(shape, launch)


def batch_norm_grad_plan(call: Call, op: str, training: bool, eps: float) -> Plan:
    """Of dy, x, mean, var and weight: dx, dweight and dbias."""
    norm, shape, tiny = call.kernels.norm, call.like.shape, call.compute_dtype.type(eps)
    rows, c, terms = _rows(shape), shape[1], call.like.size // shape[1]

    def launch(dy: Array, x: Array, mean: Array, var: Array, weight: Array | None, results: Gradients) -> None:
        dx, dweight, dbias = results
        dy, x, dx = dy.reshape(rows), x.reshape(rows), dx.reshape(rows)
        (inverse,) = _statistics((1, c), 1, x)
        norm.inverse_deviations(x, mean, var, tiny, training, inverse)
        mean, sums, means = mean.reshape(1, c), _statistics((1, c), 2, x), _statistics((1, c), 2, x)
        norm.gradient_sums(dy, x, mean, inverse, *sums)
        norm.set_means(*sums, weight, terms, *means, dweight, dbias)
        if training:
            norm.input_grad(dy, x, mean, inverse, weight, *means, dx)
        else:
            norm.normalize(dy, np.zeros_like(mean), inverse, weight, None, dx)

    return Plan(shape, launch, further_shapes=((c,), (c,)))


def _rows(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape (N, C, positions)."""
    return shape[0], shape[1], math.prod(shape[2:])


def _statistics(shape: tuple[int, ...], count: int, like: Array) -> tuple[Array, ...]:
    """Memory for so many statistics of sets."""
    return tuple([arrays.empty(shape, like.dtype, like) for _ in range(count)])
