"""Losses of pairs of numbers, the quadratic and the absolute one, and what all losses of pairs do."""

from typing import Any

from ..core.arrays import floating, one_of, output, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.half import takes_half
from .reduction import REDUCTIONS, loss_gradient, scale_of


@takes_half
def mse_loss(input: Array, target: Array, *, reduction: str = "mean") -> Array:
    """The quadratic loss, 1/n sum (input_i - target_i)^2.

    Parameters
    ----------
    input, target : array of one shape, float16, bfloat16, float32 or float64
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
    return forward("mse_loss", "mse", input, target, reduction)


@takes_half
def mse_loss_grad(
    input: Array, target: Array, *, dloss: Any = 1.0, reduction: str = "mean", out: Array | None = None
) -> Array:
    """dloss * 2/n (input - target).

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
    return backward("mse_loss_grad", "mse", input, target, reduction, dloss, out)


@takes_half
def l1_loss(input: Array, target: Array, *, reduction: str = "mean") -> Array:
    """The absolute loss, 1/n sum |input_i - target_i|.

    Parameters
    ----------
    input, target : array of one shape, float16, bfloat16, float32 or float64
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
    return forward("l1_loss", "l1", input, target, reduction)


@takes_half
def l1_loss_grad(
    input: Array, target: Array, *, dloss: Any = 1.0, reduction: str = "mean", out: Array | None = None
) -> Array:
    """dloss / n times the sign of input - target.

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
    return backward("l1_loss_grad", "l1", input, target, reduction, dloss, out)


def forward(op: str, kernel: str, x: Array, target: Array, reduction: str, parameter: float = 0.0) -> Array:
    """The loss of a kernel's name, reduced."""
    x, target = _pair(op, x, target, reduction)
    kernels, parameter = kernels_for(x).loss, x.dtype.type(parameter)
    with on_device_of(x):
        if reduction == "none":
            losses = output(op, x.shape, x)
            kernels.pairwise_each(kernel, x, target, parameter, losses)
            return losses
        loss = output(op, (1,), x)
        kernels.pairwise_sum(kernel, x, target, parameter, scale_of(x, x.size, reduction), loss)
    return loss.reshape(())


def backward(
    op: str,
    kernel: str,
    x: Array,
    target: Array,
    reduction: str,
    dloss: Any,
    out: Array | None,
    parameter: float = 0.0,
) -> Array:
    """Its gradient."""
    x, target = _pair(op, x, target, reduction)
    with on_device_of(x):
        dloss = loss_gradient(op, dloss, x, x.shape if reduction == "none" else ())
        dx = output(op, x.shape, x, out, coinciding=(x, target))
        scale = scale_of(x, x.size, reduction)
        kernels_for(x).loss.pairwise_grad(kernel, x, target, x.dtype.type(parameter), dloss, scale, dx)
    return dx


def _pair(op: str, x: Array, target: Array, reduction: str) -> tuple[Any, ...]:
    one_of(op, "reduction", reduction, REDUCTIONS)
    x, target = floating(op, input=x, target=target)
    shaped(op, "target", target, x.shape, "the shape of input")
    return x, target
