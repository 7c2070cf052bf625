"""Losses of pairs of numbers: quadratic, absolute, and those that are one near 0 and the other far from it."""

from typing import Any

from ..arguments import floating, number, one_of, output, shaped
from ..backend import Array, kernels_for, on_device_of
from .reduction import REDUCTIONS, loss_gradient, scale_of


def mse_loss(input: Array, target: Array, *, reduction: str = "mean") -> Array:
    """The quadratic loss, 1/n sum (input_i - target_i)^2.

    Parameters
    ----------
    input, target : array of one shape, float32 or float64
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    array
        Of no dimensions, or like input where reduction is "none".

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, or the reduction has no such name.

    Notes
    -----
    The loss for regression. The mean of nothing is NaN, as in PyTorch. Deterministic: a fixed order of summation.
    """
    return _forward("mse_loss", "mse", input, target, reduction)


def mse_loss_grad(
    input: Array, target: Array, *, dloss: Any = 1.0, reduction: str = "mean", out: Array | None = None
) -> Array:
    """Dloss * 2/n (input - target).

    Parameters
    ----------
    input, target, reduction
        As in the forward call.
    dloss : float or array
        Gradient of the loss; like input where reduction is "none".
    out : array like input, optional

    Returns
    -------
    array like input

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, or the reduction has no such name.

    Notes
    -----
    Deterministic.
    """
    return _backward("mse_loss_grad", "mse", input, target, reduction, dloss, out)


def l1_loss(input: Array, target: Array, *, reduction: str = "mean") -> Array:
    """The absolute loss, 1/n sum |input_i - target_i|.

    Parameters
    ----------
    input, target : array of one shape, float32 or float64
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    array
        Of no dimensions, or like input where reduction is "none".

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, or the reduction has no such name.

    Notes
    -----
    The mean of nothing is NaN, as in PyTorch. Deterministic: a fixed order of summation.
    """
    return _forward("l1_loss", "l1", input, target, reduction)


def l1_loss_grad(
    input: Array, target: Array, *, dloss: Any = 1.0, reduction: str = "mean", out: Array | None = None
) -> Array:
    """Dloss / n times the sign of input - target.

    Parameters
    ----------
    input, target, reduction
        As in the forward call.
    dloss : float or array
        Gradient of the loss; like input where reduction is "none".
    out : array like input, optional

    Returns
    -------
    array like input
        0 where input and target are equal or one is NaN, as in PyTorch.

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, or the reduction has no such name.

    Notes
    -----
    Deterministic.
    """
    return _backward("l1_loss_grad", "l1", input, target, reduction, dloss, out)


def huber_loss(input: Array, target: Array, *, delta: float = 1.0, reduction: str = "mean") -> Array:
    """Quadratic where d = |input - target| < delta, d^2 / 2; linear from there on, delta (d - delta / 2).

    Parameters
    ----------
    input, target : array of one shape, float32 or float64
    delta : float
        Positive.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    array
        Of no dimensions, or like input where reduction is "none".

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, delta is not positive, or the reduction has no such name.

    Notes
    -----
    Huber, 1964. The mean of nothing is NaN. Deterministic: a fixed order of summation.
    """
    op = "huber_loss"
    return _forward(op, "huber", input, target, reduction, _positive(op, "delta", delta))


def huber_loss_grad(
    input: Array,
    target: Array,
    *,
    dloss: Any = 1.0,
    delta: float = 1.0,
    reduction: str = "mean",
    out: Array | None = None,
) -> Array:
    """Dloss / n times input - target, held between -delta and delta.

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
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, delta is not positive, or the reduction has no such name.

    Notes
    -----
    Deterministic.
    """
    op = "huber_loss_grad"
    return _backward(op, "huber", input, target, reduction, dloss, out, _positive(op, "delta", delta))


def smooth_l1_loss(input: Array, target: Array, *, beta: float = 1.0, reduction: str = "mean") -> Array:
    """Quadratic where d = |input - target| < beta, d^2 / (2 beta); linear from there on, d - beta / 2.

    Parameters
    ----------
    input, target : array of one shape, float32 or float64
    beta : float
        At least 0; 0 is the absolute loss.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    array
        Of no dimensions, or like input where reduction is "none".

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, beta is negative, or the reduction has no such name.

    Notes
    -----
    Girshick, 2015. The mean of nothing is NaN. Deterministic: a fixed order of summation.
    """
    op = "smooth_l1_loss"
    beta = _natural(op, "beta", beta)
    return _forward(op, "smooth_l1" if beta else "l1", input, target, reduction, beta)


def smooth_l1_loss_grad(
    input: Array,
    target: Array,
    *,
    dloss: Any = 1.0,
    beta: float = 1.0,
    reduction: str = "mean",
    out: Array | None = None,
) -> Array:
    """Dloss / n times (input - target) / beta, held between -1 and 1.

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
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, beta is negative, or the reduction has no such name.

    Notes
    -----
    Deterministic.
    """
    op = "smooth_l1_loss_grad"
    beta = _natural(op, "beta", beta)
    return _backward(op, "smooth_l1" if beta else "l1", input, target, reduction, dloss, out, beta)


def _forward(op: str, kernel: str, x: Array, target: Array, reduction: str, parameter: float = 0.0) -> Array:
    x, target = _pair(op, x, target, reduction)
    kernels, parameter = kernels_for(x).losses, x.dtype.type(parameter)
    with on_device_of(x):
        if reduction == "none":
            losses = output(op, x.shape, x)
            kernels.pairwise_each(kernel, x, target, parameter, losses)
            return losses
        loss = output(op, (1,), x)
        kernels.pairwise_sum(kernel, x, target, parameter, scale_of(x, x.size, reduction), loss)
    return loss.reshape(())


def _backward(
    op: str,
    kernel: str,
    x: Array,
    target: Array,
    reduction: str,
    dloss: Any,
    out: Array | None,
    parameter: float = 0.0,
) -> Array:
    x, target = _pair(op, x, target, reduction)
    with on_device_of(x):
        dloss = loss_gradient(op, dloss, x, x.shape if reduction == "none" else ())
        dx = output(op, x.shape, x, out, coinciding=(x, target))
        scale = scale_of(x, x.size, reduction)
        kernels_for(x).losses.pairwise_grad(kernel, x, target, x.dtype.type(parameter), dloss, scale, dx)
    return dx


def _pair(op: str, x: Array, target: Array, reduction: str) -> tuple[Any, ...]:
    one_of(op, "reduction", reduction, REDUCTIONS)
    x, target = floating(op, input=x, target=target)
    shaped(op, "target", target, x.shape, "the shape of input")
    return x, target


def _positive(op: str, name: str, value: float) -> float:
    result = number(op, name, value)
    if not result > 0:
        raise ValueError(f"{op}: {name} is {value}, expected {name} > 0")
    return result


def _natural(op: str, name: str, value: float) -> float:
    result = number(op, name, value)
    if not result >= 0:
        raise ValueError(f"{op}: {name} is {value}, expected {name} >= 0")
    return result
