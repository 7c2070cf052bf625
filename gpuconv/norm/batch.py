"""Batch normalization, for NumPy and CuPy arrays."""

import math
from typing import Any

from ..core.arrays import shaped, updated
from ..core.call import Call
from ..core.device import Array
from ..core.dtypes import is_half
from ..core.options import finite, flag
from ..core.plan import run_known
from . import blocks
from .plans import batch_norm_plan, remember

LAYOUTS = {
    "batch_norm1d": ((2, 3), "(N, C) or (N, C, L)"),
    "batch_norm2d": ((4,), "(N, C, H, W)"),
    "batch_norm3d": ((5,), "(N, C, D, H, W)"),
}


def batch_norm1d(
    x: Array, running_mean: Array | None = None, running_var: Array | None = None,
    weight: Array | None = None, bias: Array | None = None, training: bool = False, momentum: float = 0.1,
    eps: float = 1e-5, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """Batch normalization of x (N, C) or (N, C, L); everything else as for `batch_norm2d`.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [3.0, 0.0]])
    >>> gpuconv.batch_norm1d(x, training=True, eps=0.0625)[:, 0].round(4)
    array([-0.9701,  0.9701])
    """
    affine = {"weight": weight, "bias": bias}
    return _batch_norm("batch_norm1d", x, running_mean, running_var, affine, training, momentum, eps, out)


def batch_norm2d(
    x: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    out: Array | None = None,
) -> Array:
    """weight (x - mean) / sqrt(variance + eps) + bias, for each channel (Ioffe and Szegedy, 2015).

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    running_mean, running_var : array (C,), optional
        Statistics to normalize with, unless training. In training x is normalized with the batch statistics, and the
        running ones are updated: running = (1 - momentum) running + momentum statistic, the variance unbiased.
    weight, bias : array (C,), optional
        Default: 1 and 0.
    training : bool
    momentum : float
    eps : float
        Added to the variance, which is the biased one.
    out : array like x, optional
        Memory for the result; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If there is nothing to normalize with, in training only one value for each channel, or running statistics that
        cannot be written to.

    Notes
    -----
    An empty x moves nothing. The sums are taken in a fixed order: deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> x = np.arange(4.0).reshape(1, 1, 2, 2)
    >>> gpuconv.batch_norm2d(x, training=True).round(4)
    array([[[[-1.3416, -0.4472],
             [ 0.4472,  1.3416]]]])
    """
    affine = {"weight": weight, "bias": bias}
    return _batch_norm("batch_norm2d", x, running_mean, running_var, affine, training, momentum, eps, out)


def batch_norm3d(
    x: Array, running_mean: Array | None = None, running_var: Array | None = None,
    weight: Array | None = None, bias: Array | None = None, training: bool = False, momentum: float = 0.1,
    eps: float = 1e-5, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """Batch normalization of x (N, C, D, H, W); everything else as for `batch_norm2d`.

    Examples
    --------
    >>> x, mean, var = np.full((1, 1, 1, 2, 2), 5.0), np.array([1.0]), np.array([4.0])
    >>> gpuconv.batch_norm3d(x, mean, var, eps=1e-9).round(4)
    array([[[[[2., 2.],
              [2., 2.]]]]])
    """
    affine = {"weight": weight, "bias": bias}
    return _batch_norm("batch_norm3d", x, running_mean, running_var, affine, training, momentum, eps, out)


def batch_norm_statistics(
    x: Array, running_mean: Array | None = None, running_var: Array | None = None, *, momentum: float = 0.1
) -> tuple[Array, Array]:
    """Mean and biased variance of each channel, in one pass over x.

    Parameters
    ----------
    x : array (N, C, ...), float16, bfloat16, float32 or float64
    running_mean, running_var : array (C,), optional
        Updated with the batch statistics, as by `batch_norm2d` in training.
    momentum : float

    Returns
    -------
    mean, var : array (C,)
        0 where x is empty.

    Raises
    ------
    ValueError
        If each channel has only one value, or the running statistics cannot be written to.

    Notes
    -----
    What a training pass keeps for the gradient: `batch_norm2d(x, mean, var)` normalizes with them, and
    `batch_norm2d_grad(dy, x, mean, var, training=True)` wants them. Variances are sums of squared differences from a
    mean, merged: a large mean costs no digits. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> mean, var = gpuconv.batch_norm_statistics(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> mean, var
    (array([2., 5.]), array([1., 0.]))
    """
    op = "batch_norm_statistics"
    updated(op, running_mean=running_mean, running_var=running_var)
    running: dict[str, Any] = {"running_mean": running_mean, "running_var": running_var}
    call = Call(op, tuple(running), float32=tuple(running), convert=False, x=x, **running)
    if x.ndim < 2:
        raise ValueError(f"{op}: x has shape {x.shape}, expected at least two dimensions (N, C, ...)")
    momentum = call.compute_dtype.type(finite(op, "momentum", momentum))
    require_channels(op, x, **running)
    if x.size // max(x.shape[1], 1) == 1:
        raise ValueError(f"{op}: x has shape {x.shape}, one value for each channel, expected more in training")
    with call.device:
        kept = call.keeps(x)
        if kept or not call.needs_blocks():
            call.convert(kept)
            x = call.arrays[0]
        return _statistics(call, x, running_mean, running_var, momentum)


def _statistics(
    call: Call, x: Array, running_mean: Array | None, running_var: Array | None, momentum: Any
) -> tuple[Array, Array]:
    """Mean and variance of each channel, 0 for an empty x; updates the running statistics."""
    terms, kernels = x.size // max(x.shape[1], 1), call.kernels.norm
    if not (call.takes(x) or call.keeps(x)):
        mean, var = blocks.moments(call, x, (1,))
    else:
        mean, var = (call.output(x.shape[1:2]) for _ in range(2))
        if terms == 0:
            mean[...] = var[...] = 0
            return mean, var
        kernels.moments(rows_of(x), mean, var)
    if running_mean is not None:
        unbiased = call.compute_dtype.type(terms / (terms - 1))
        kernels.move_running(mean, var, momentum, unbiased, running_mean, running_var)
    return mean, var


def _batch_norm(
    op: str,
    x: Array,
    running_mean: Array | None,
    running_var: Array | None,
    affine: dict[str, Any],
    training: bool,
    momentum: float,
    eps: float,
    out: Array | None,
) -> Array:
    running: dict[str, Any] = {"running_mean": running_mean, "running_var": running_var}
    if flag(op, "training", training):
        updated(op, **running)
    operands, options = {"x": x, **running, **affine}, (op, training, momentum, eps)
    if out is None and (known := run_known(batch_norm_plan, tuple(operands.values()), options)) is not None:
        return known
    # checks
    call = Call(op, (*running, *affine), float32=tuple(running), convert=False, x=x, **running, **affine)
    x, mean, var, weight, bias = call.arrays
    require_layout(op, "x", x)
    require_channels(op, x, running_mean=mean, running_var=var, weight=weight, bias=bias)
    tiny = call.compute_dtype.type(finite(op, "eps", eps, at_least=0))
    if training and x.size == x.shape[1]:
        raise ValueError(f"{op}: x has shape {x.shape}, one value for each channel, expected more in training")
    if not training and (mean is None or var is None):
        raise ValueError(f"{op}: running_mean and running_var are None, expected arrays unless training=True")
    momentum = call.compute_dtype.type(finite(op, "momentum", momentum))
    # statistics, then y
    with call.device:
        kept = call.keeps(x)
        if not kept and call.needs_blocks(x.shape):
            call.check_out(x.shape, out)
            if training:
                mean, var = _statistics(call, x, mean, var, momentum)
            sets = mean.reshape(1, -1), var.reshape(1, -1)
            inverse = blocks.inverse_deviations(call, x, *sets, tiny, training)
            return blocks.normalize(call, x, sets[0], inverse, weight, bias, out)
        call.convert(kept)
        x, mean, var, weight, bias = call.arrays
        y = call.output(x.shape, out, coinciding=(x,), dtype=call.dtype if kept else None)
        if training:  # after all checks, since the running statistics change
            mean, var = _statistics(call, x, mean, var, momentum)
        if x.size:
            inverse = inverse_deviations(call, rows_of(x), mean, var, tiny, training)
            statistics = mean.reshape(1, -1), inverse.reshape(1, -1)
            call.kernels.norm.normalize(rows_of(x), *statistics, weight, bias, rows_of(y))
    remember(call, batch_norm_plan, dict(zip(operands, call.arrays, strict=True)), options)
    return call.finish(y)


def inverse_deviations(call: Call, x: Array, mean: Array, var: Array, eps: Any, of_x: bool) -> Array:
    """1 / sqrt(var + eps) of each set x[:, b, :], from x itself where the variance has no number in its type.

    A variance of x that has underflowed is mended too, if the statistics are those of x.
    """
    inverse = call.output(mean.shape)
    call.kernels.norm.inverse_deviations(x, mean, var, eps, of_x, inverse)
    return inverse


def rows_of(x: Array) -> Array:
    """x as (N, C, positions), the layout of the kernels, which take the bits of bfloat16."""
    rows: Any = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    return rows.view("u2") if is_half(x.dtype) else rows  # type: ignore[no-any-return]


def require_layout(op: str, name: str, x: Any) -> None:
    """Check the number of dimensions of an array."""
    ranks, layout = LAYOUTS[op.removesuffix("_grad")]
    if x.ndim not in ranks:
        raise ValueError(f"{op}: {name} has shape {x.shape}, expected {layout}")


def require_channels(op: str, x: Array, **arrays: Array | None) -> None:
    """Check that arrays have one element for each channel of x."""
    for name, a in arrays.items():
        if a is not None:
            shaped(op, name, a, x.shape[1:2], f"x has {x.shape[1]} channels")
