"""Losses and their gradients, for NumPy and CuPy arrays.

A loss is an array of no dimensions on the input's device: nothing waits for the device until someone reads it.
"""

from typing import Any

import numpy as np

from .arguments import floating, labels, number, one_of, output, require_array, same_device, shaped
from .backend import Array, array_module, kernels_for, on_device_of
from .geometry import split_axis

REDUCTIONS = ("mean", "sum", "none")


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
    op = "mse_loss"
    x, target = _regression(op, input, target, reduction)
    kernels = kernels_for(x).losses
    with on_device_of(x):
        if reduction == "none":
            losses = output(op, x.shape, x)
            kernels.mse_loss_each(x, target, losses)
            return losses
        loss = output(op, (1,), x)
        kernels.mse_loss_sum(x, target, _mean_scale(x, reduction), loss)
    return loss.reshape(())


def mse_loss_grad(
    input: Array,
    target: Array,
    *,
    dloss: Any = 1.0,
    reduction: str = "mean",
    out: Array | None = None,
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
    op = "mse_loss_grad"
    x, target = _regression(op, input, target, reduction)
    with on_device_of(x):
        dloss = _loss_gradient(op, dloss, x, x.shape if reduction == "none" else ())
        dx = output(op, x.shape, x, out)
        kernels_for(x).losses.mse_loss_grad(x, target, dloss, _mean_scale(x, reduction), dx)
    return dx


def cross_entropy(
    input: Array,
    target: Array,
    *,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """-log softmax(input)[target], averaged: the loss for classification.

    Parameters
    ----------
    input : array (N, C) or (N, C, ...), float32 or float64
        Logits, one row of classes for each sample (and position).
    target : integer array (N,) or (N, ...)
        Class indices, 0 <= target < C, or ignore_index.
    weight : array (C,), optional
        One factor for each class.
    ignore_index : int
        Samples with this label count for nothing.
    reduction : {"mean", "sum", "none"}
        The mean is weighted: it divides by the sum of the weights of the targets.
    label_smoothing : float in [0, 1]

    Returns
    -------
    array
        Of no dimensions, or like target where reduction is "none".

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of the right type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, a label is out of range, or an option has no such value.

    Notes
    -----
    L = -1/m sum y_i log(yhat_i). The row maximum is subtracted first. If every target is ignored the loss is 0.
    Deterministic: a fixed order of summation.
    """
    op = "cross_entropy"
    x, target, weight = _classification(op, input, target, weight, ignore_index, reduction)
    smoothing = _smoothing(op, label_smoothing)
    kernels = kernels_for(x).losses
    with on_device_of(x):
        losses, weights = output(op, target.shape, x), output(op, target.shape, x)
        kernels.cross_entropy(x, target, weight, int(ignore_index), x.dtype.type(smoothing), losses, weights)
        if reduction == "none":
            return losses.reshape(_target_shape(input))
        loss = output(op, (1,), x)
        if reduction == "mean":
            kernels.ratio_of_sums(losses, weights, loss)
        else:
            kernels.sum_of(losses, loss)
    return loss.reshape(())


def cross_entropy_grad(
    input: Array,
    target: Array,
    *,
    dloss: Any = 1.0,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    out: Array | None = None,
) -> Array:
    """Dloss * (softmax(input) - y): the gradient with respect to the logits.

    Parameters
    ----------
    input, target, weight, ignore_index, reduction, label_smoothing
        As in the forward call.
    dloss : float or array
        Gradient of the loss; like target where reduction is "none".
    out : array like input, optional

    Returns
    -------
    array like input

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of the right type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, a label is out of range, or an option has no such value.

    Notes
    -----
    Deterministic.
    """
    op = "cross_entropy_grad"
    x, target, weight = _classification(op, input, target, weight, ignore_index, reduction)
    smoothing = x.dtype.type(_smoothing(op, label_smoothing))
    mean = reduction == "mean"
    with on_device_of(x):
        dloss = _loss_gradient(op, dloss, x, _target_shape(input) if reduction == "none" else ())
        dx = output(op, input.shape, x, out)
        kernels_for(x).losses.cross_entropy_grad(
            x, target, weight, int(ignore_index), smoothing, dloss, mean, dx.reshape(x.shape)
        )
    return dx


def _regression(op: str, x: Array, target: Array, reduction: str) -> tuple[Any, ...]:
    one_of(op, "reduction", reduction, REDUCTIONS)
    x, target = floating(op, input=x, target=target)
    shaped(op, "target", target, x.shape, "the shape of input")
    return x, target


def _classification(
    op: str, x: Array, target: Array, weight: Array | None, ignore_index: int, reduction: str
) -> tuple[Any, ...]:
    """Logits as (outer, classes, inner), labels as (outer, inner), class weights."""
    one_of(op, "reduction", reduction, REDUCTIONS)
    x, weight = floating(op, input=x, weight=weight)
    if x.ndim < 2 or x.shape[1] == 0:
        raise ValueError(f"{op}: input has shape {x.shape}, expected (N, C) or (N, C, ...) with at least one class")
    require_array(op, "target", target)
    same_device(op, input=x, target=target)
    shaped(op, "target", target, _target_shape(x), "one label for each row of classes in input")
    if weight is not None:
        shaped(op, "weight", weight, (x.shape[1],), "one weight for each class")
    target = labels(op, "target", target, x.shape[1], ignore_index, x)
    outer, classes, inner = split_axis(op, x.shape, 1)
    return x.reshape(outer, classes, inner), target.reshape(outer, inner), weight


def _target_shape(x: Array) -> tuple[int, ...]:
    return (x.shape[0], *x.shape[2:])


def _mean_scale(x: Array, reduction: str) -> Any:
    """The factor of each term; the mean of nothing is 0/0, as NumPy and PyTorch have it."""
    if reduction != "mean":
        return x.dtype.type(1)
    return x.dtype.type(1 / x.size if x.size else np.nan)


def _smoothing(op: str, label_smoothing: float) -> float:
    value = number(op, "label_smoothing", label_smoothing)
    if not 0 <= value <= 1:
        raise ValueError(f"{op}: label_smoothing is {value}, expected 0 <= label_smoothing <= 1")
    return value


def _loss_gradient(op: str, dloss: Any, like: Array, shape: tuple[int, ...]) -> Array:
    """Dloss as a flat array of the input's dtype on its device: one element, or one for each loss."""
    if isinstance(dloss, (int, float)):
        if shape:
            raise ValueError(
                f"{op}: dloss is the number {dloss}, expected an array of shape {shape} for reduction 'none'"
            )
        return array_module(like).full((1,), dloss, like.dtype)
    (dloss,) = floating(op, dloss=dloss)
    same_device(op, input=like, dloss=dloss)
    if dloss.dtype != like.dtype:
        raise TypeError(f"{op}: dloss has dtype {dloss.dtype}, expected {like.dtype} like input")
    shaped(op, "dloss", dloss, shape, "the shape of the loss")
    return dloss.reshape(-1)
