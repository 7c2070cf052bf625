"""Huber losses: quadratic near 0 and linear beyond, so that the gradient of outliers is bounded."""

from typing import Any

from ..core.device import Array
from ..core.options import number
from .regression import backward, forward


def huber_loss(input: Array, target: Array, *, delta: float = 1.0, reduction: str = "mean") -> Array:
    """d^2 / 2 where d = |input - target| < delta, delta (d - delta / 2) elsewhere.

    Parameters
    ----------
    input, target : array of one shape, float16, bfloat16, float32 or float64
    delta : float
        Positive.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    array
        Of no dimensions, or like input where reduction is "none".

    Raises
    ------
    ValueError
        If delta is not positive.

    Notes
    -----
    Huber, 1964. The mean of nothing is NaN. Deterministic: a fixed order of summation. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none", delta=2.0)
    array([0.125, 4.   ])
    """
    op = "huber_loss"
    return forward(op, "huber", input, target, reduction, _positive(op, "delta", delta))


def huber_loss_grad(
    input: Array,
    target: Array,
    *,
    dloss: Any = 1.0,
    delta: float = 1.0,
    reduction: str = "mean",
    out: Array | None = None,
) -> Array:
    """dloss / n times input - target, clamped to [-delta, delta].

    Parameters
    ----------
    input, target, delta, reduction
        As in the forward call.
    dloss : float or array
        Gradient of the loss; like input where reduction is "none".
    out : array like input, optional

    Returns
    -------
    array like input

    Raises
    ------
    ValueError
        If delta is not positive.

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.huber_loss_grad(np.array([0.5, 3.0]), np.zeros(2), delta=2.0)
    array([0.25, 1.  ])
    """
    op = "huber_loss_grad"
    return backward(op, "huber", input, target, reduction, dloss, out, _positive(op, "delta", delta))


def smooth_l1_loss(input: Array, target: Array, *, beta: float = 1.0, reduction: str = "mean") -> Array:
    """d^2 / (2 beta) where d = |input - target| < beta, d - beta / 2 elsewhere.

    Parameters
    ----------
    input, target : array of one shape, float16, bfloat16, float32 or float64
    beta : float
        At least 0; 0 is the absolute loss.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    array
        Of no dimensions, or like input where reduction is "none".

    Raises
    ------
    ValueError
        If beta is negative.

    Notes
    -----
    Girshick, 2015. The mean of nothing is NaN. Deterministic: a fixed order of summation. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    op = "smooth_l1_loss"
    beta = _non_negative(op, "beta", beta)
    return forward(op, "smooth_l1" if beta else "l1", input, target, reduction, beta)


def smooth_l1_loss_grad(
    input: Array,
    target: Array,
    *,
    dloss: Any = 1.0,
    beta: float = 1.0,
    reduction: str = "mean",
    out: Array | None = None,
) -> Array:
    """dloss / n times (input - target) / beta, clamped to [-1, 1].

    Parameters
    ----------
    input, target, beta, reduction
        As in the forward call.
    dloss : float or array
        Gradient of the loss; like input where reduction is "none".
    out : array like input, optional

    Returns
    -------
    array like input

    Raises
    ------
    ValueError
        If beta is negative.

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.smooth_l1_loss_grad(np.array([0.5, 3.0]), np.zeros(2))
    array([0.25, 0.5 ])
    """
    op = "smooth_l1_loss_grad"
    beta = _non_negative(op, "beta", beta)
    return backward(op, "smooth_l1" if beta else "l1", input, target, reduction, dloss, out, beta)


def _positive(op: str, name: str, value: float) -> float:
    result = number(op, name, value)
    if not result > 0:
        raise ValueError(f"{op}: {name} is {value}, expected {name} > 0")
    return result


def _non_negative(op: str, name: str, value: float) -> float:
    result = number(op, name, value)
    if not result >= 0:
        raise ValueError(f"{op}: {name} is {value}, expected {name} >= 0")
    return result
