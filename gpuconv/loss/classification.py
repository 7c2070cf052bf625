"""Losses of a choice among classes: cross-entropy of logits, negative log-likelihood of log-probabilities."""

import math
from typing import Any

from ..core.arrays import floating, labels, number, one_of, output, require_array, same_device, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.half import takes_half
from ..core.shapes import integer, split_axis
from .reduction import REDUCTIONS, loss_gradient, scale_of


@takes_half
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
    input : array (N, C) or (N, C, ...), float16, bfloat16, float32 or float64
        Logits, one row of classes for each sample (and position).
    target : integer array (N,) or (N, ...), or floating array like input
        Class indices, 0 <= target < C, or ignore_index; or the probabilities of the classes.
    weight : array (C,), optional
        One factor for each class.
    ignore_index : int
        Samples with this label count for nothing. Not with probabilities.
    reduction : {"mean", "sum", "none"}
        The mean is weighted: it divides by the sum of the weights of the labels; with probabilities by the samples.
    label_smoothing : float in [0, 1]

    Returns
    -------
    array
        Of no dimensions, or one loss for each sample (and position) where reduction is "none".

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of the right type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, a label is out of range, or an option has no such value.

    Notes
    -----
    L = -1/m sum y_i log(yhat_i). The row maximum is subtracted first. If every label is ignored the loss is 0
    (PyTorch's mean is NaN). Deterministic: a fixed order of summation.
    """
    op = "cross_entropy"
    x, weight, shape = _logits(op, input, weight, reduction)
    kernels, smoothing = kernels_for(x), _smoothing(op, label_smoothing, x)
    if _are_probabilities(target, input):
        chances = _probabilities(op, target, input, ignore_index)
        with on_device_of(x):
            losses = output(op, shape, x)
            kernels.loss.cross_entropy_of_probabilities(x, chances, weight, smoothing, losses)
            return _reduced(op, kernels, losses, None, reduction)
    target = _labels(op, target, input, ignore_index)
    with on_device_of(x):
        losses, weights = output(op, shape, x), output(op, shape, x)
        kernels.loss.cross_entropy(x, target, weight, _ignored(op, ignore_index), smoothing, losses, weights)
        return _reduced(op, kernels, losses, weights, reduction)


@takes_half
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
    """dloss * (softmax(input) - y): the gradient with respect to the logits.

    Parameters
    ----------
    input, target, weight, ignore_index, reduction, label_smoothing
        As in the forward call.
    dloss : float or array
        Gradient of the loss; one for each sample (and position) where reduction is "none".
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
    x, weight, shape = _logits(op, input, weight, reduction)
    kernels, smoothing, each = kernels_for(x).loss, _smoothing(op, label_smoothing, x), reduction == "none"
    probable = _are_probabilities(target, input)
    target = _probabilities(op, target, input, ignore_index) if probable else _labels(op, target, input, ignore_index)
    with on_device_of(x):
        dloss = loss_gradient(op, dloss, x, shape if each else ())
        dx = output(op, input.shape, x, out, inputs=() if weight is None else (weight,), coinciding=(x,))
        result = dx.reshape(x.shape)
        if probable:
            scale = scale_of(x, x.shape[0] * x.shape[2], reduction)
            kernels.cross_entropy_of_probabilities_grad(x, target, weight, smoothing, dloss, scale, result)
        else:
            mean = reduction == "mean"
            kernels.cross_entropy_grad(x, target, weight, _ignored(op, ignore_index), smoothing, dloss, mean, result)
    return dx


@takes_half
def nll_loss(
    input: Array,
    target: Array,
    *,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """-input[target], averaged: the negative log-likelihood.

    Parameters
    ----------
    input : array (N, C) or (N, C, ...), float16, bfloat16, float32 or float64
        Log-probabilities, one row of classes for each sample (and position), as log_softmax gives them.
    target : integer array (N,) or (N, ...)
        Class indices, 0 <= target < C, or ignore_index.
    weight : array (C,), optional
        One factor for each class.
    ignore_index : int
        Samples with this label count for nothing.
    reduction : {"mean", "sum", "none"}
        The mean is weighted: it divides by the sum of the weights of the labels.

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
    If every label is ignored the loss is 0 (PyTorch's mean is NaN). Deterministic: a fixed order of summation.
    """
    op = "nll_loss"
    x, weight, shape = _logits(op, input, weight, reduction)
    target, kernels = _labels(op, target, input, ignore_index), kernels_for(x)
    with on_device_of(x):
        losses, weights = output(op, shape, x), output(op, shape, x)
        kernels.loss.nll(x, target, weight, _ignored(op, ignore_index), losses, weights)
        return _reduced(op, kernels, losses, weights, reduction)


@takes_half
def nll_loss_grad(
    input: Array,
    target: Array,
    *,
    dloss: Any = 1.0,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    out: Array | None = None,
) -> Array:
    """-dloss weight[target] at the label, 0 elsewhere.

    Parameters
    ----------
    input, target, weight, ignore_index, reduction
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
    op = "nll_loss_grad"
    x, weight, shape = _logits(op, input, weight, reduction)
    target = _labels(op, target, input, ignore_index)
    with on_device_of(x):
        dloss = loss_gradient(op, dloss, x, shape if reduction == "none" else ())
        dx = output(op, input.shape, x, out, inputs=() if weight is None else (weight,), coinciding=(x,))
        mean, result = reduction == "mean", dx.reshape(x.shape)
        kernels_for(x).loss.nll_grad(target, weight, _ignored(op, ignore_index), dloss, mean, result)
    return dx


def _logits(op: str, x: Array, weight: Array | None, reduction: str) -> tuple[Array, Array | None, tuple[int, ...]]:
    """Input as (outer, classes, inner), class weights, and the shape of the losses."""
    one_of(op, "reduction", reduction, REDUCTIONS)
    x, weight = floating(op, ("weight",), input=x, weight=weight)
    if x.ndim < 2 or x.shape[1] == 0:
        raise ValueError(f"{op}: input has shape {x.shape}, expected (N, C) or (N, C, ...) with at least one class")
    if weight is not None:
        shaped(op, "weight", weight, (x.shape[1],), "one weight for each class")
    return x.reshape(split_axis(op, x.shape, 1)), weight, (x.shape[0], *x.shape[2:])


def _labels(op: str, target: Array, x: Array, ignore_index: int) -> Array:
    """Class indices as (outer, inner)."""
    require_array(op, "target", target)
    same_device(op, input=x, target=target)
    shaped(op, "target", target, (x.shape[0], *x.shape[2:]), "one label for each row of classes in input")
    target = labels(op, "target", target, x.shape[1], _ignored(op, ignore_index), x)
    return target.reshape(x.shape[0], math.prod(x.shape[2:]))


def _are_probabilities(target: Array, x: Array) -> bool:
    """Floating, with an axis of classes; without one they are labels of a wrong type."""
    return getattr(getattr(target, "dtype", None), "kind", "") == "f" and target.ndim == x.ndim


def _probabilities(op: str, target: Array, x: Array, ignore_index: int) -> Array:
    """Class probabilities as (outer, classes, inner)."""
    _, target = floating(op, input=x, target=target)
    shaped(op, "target", target, x.shape, "the shape of input, as target holds probabilities of the classes")
    if _ignored(op, ignore_index) >= 0:
        raise ValueError(f"{op}: ignore_index is {ignore_index}, expected none where target holds probabilities")
    return target.reshape(split_axis(op, x.shape, 1))


def _ignored(op: str, ignore_index: Any) -> int:
    return integer(op, "ignore_index", ignore_index, at_least=-(2**31))


def _smoothing(op: str, label_smoothing: float, x: Array) -> Any:
    value = number(op, "label_smoothing", label_smoothing)
    if not 0 <= value <= 1:
        raise ValueError(f"{op}: label_smoothing is {value}, expected 0 <= label_smoothing <= 1")
    return x.dtype.type(value)


def _reduced(op: str, kernels: Any, losses: Array, weights: Array | None, reduction: str) -> Array:
    """Each loss, their sum, or their sum over that of the weights (or over their number, where there are none)."""
    if reduction == "none":
        return losses
    loss = output(op, (1,), losses)
    if reduction == "mean" and weights is not None:
        kernels.loss.ratio_of_sums(losses, weights, loss)
    else:
        kernels.loss.sum_of(losses, scale_of(losses, losses.size, reduction), loss)
    return loss.reshape(())
