"""Losses of a choice among classes: cross-entropy of logits, negative log-likelihood of log-probabilities."""

import math
from typing import Any

from ..core.arrays import shaped
from ..core.call import Call
from ..core.device import Array
from ..core.options import number, one_of
from ..core.shapes import integer
from .labels import checked_labels, refuse_labels
from .reduction import REDUCTIONS, loss_gradient, reduced, scale_of


def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
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
    ValueError
        If a label is out of range.

    Notes
    -----
    L = -1/m sum y_i log(yhat_i). The row maximum is subtracted first. If every label is ignored the loss is 0
    (PyTorch's mean is NaN). Deterministic: a fixed order of summation. Errors: docs/errors.md.

    Examples
    --------
    >>> scores, labels = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), np.array([0, 2])
    >>> round(float(gpuconv.cross_entropy(scores, labels)), 4)
    0.6691
    """
    call = _call("cross_entropy", input, weight, reduction)
    x, weight = _logits(call)
    ignored, smoothing = _ignored(call, ignore_index), _smoothing(call, label_smoothing)
    shape = _loss_shape(call)
    if _are_probabilities(target, input):
        probabilities = _probabilities(call, target, ignored)
        with call.device:
            losses = call.output(shape)
            call.kernels.loss.cross_entropy_of_probabilities(x, probabilities, weight, smoothing, losses)
            return reduced(call, losses, shape, reduction)
    target = checked_labels(call, target, ignored)
    arguments = x, target, weight, ignored, smoothing
    with call.device:
        return _of_labels(call, arguments, "cross_entropy", shape, reduction)


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
    ValueError
        If a label is out of range.

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.cross_entropy_grad(np.zeros((1, 4)), np.array([1]))
    array([[ 0.25, -0.75,  0.25,  0.25]])
    """
    call = _call("cross_entropy_grad", input, weight, reduction)
    x, weight = _logits(call)
    ignored, smoothing = _ignored(call, ignore_index), _smoothing(call, label_smoothing)
    probable = _are_probabilities(target, input)
    target = _probabilities(call, target, ignored) if probable else checked_labels(call, target, ignored)
    with call.device:
        dloss = loss_gradient(call, dloss, _loss_shape(call) if reduction == "none" else ())
        dx = call.output(call.like.shape, out, coinciding=call.arrays[:1])
        result = dx.reshape(x.shape)
        if probable:
            scale = scale_of(call, x.shape[0] * x.shape[2], reduction)
            call.kernels.loss.cross_entropy_of_probabilities_grad(x, target, weight, smoothing, dloss, scale, result)
        else:
            mean = reduction == "mean"
            options = weight, ignored, smoothing, dloss, mean
            if not call.kernels.loss.cross_entropy_grad(x, target, *options, result):
                refuse_labels(call, target, ignored)
    return call.finish(dx)


def nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
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
    ValueError
        If a label is out of range.

    Notes
    -----
    If every label is ignored the loss is 0 (PyTorch's mean is NaN). Deterministic: a fixed order of summation.
    Errors: docs/errors.md.

    Examples
    --------
    >>> float(gpuconv.nll_loss(np.array([[-1.0, -2.0], [-3.0, -0.5]]), np.array([0, 1])))
    0.75
    """
    call = _call("nll_loss", input, weight, reduction)
    x, weight = _logits(call)
    ignored, shape = _ignored(call, ignore_index), _loss_shape(call)
    arguments = x, checked_labels(call, target, ignored), weight, ignored
    with call.device:
        return _of_labels(call, arguments, "nll", shape, reduction)


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
    ValueError
        If a label is out of range.

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.nll_loss_grad(np.array([[-1.0, -2.0], [-3.0, -0.5]]), np.array([0, 1]))
    array([[-0.5,  0. ],
           [ 0. , -0.5]])
    """
    call = _call("nll_loss_grad", input, weight, reduction)
    x, weight = _logits(call)
    ignored = _ignored(call, ignore_index)
    target = checked_labels(call, target, ignored)
    with call.device:
        dloss = loss_gradient(call, dloss, _loss_shape(call) if reduction == "none" else ())
        dx = call.output(call.like.shape, out, coinciding=call.arrays[:1])
        mean, result = reduction == "mean", dx.reshape(x.shape)
        if not call.kernels.loss.nll_grad(target, weight, ignored, dloss, mean, result):
            refuse_labels(call, target, ignored)
    return call.finish(dx)


def _call(op: str, x: Array, weight: Array | None, reduction: str) -> Call:
    one_of(op, "reduction", reduction, REDUCTIONS)
    call = Call(op, ("weight",), input=x, weight=weight)
    shape = call.like.shape
    if len(shape) < 2 or shape[1] == 0:
        raise ValueError(f"{op}: input has shape {shape}, expected (N, C) or (N, C, ...) with at least one class")
    call.require_shape("weight", weight, shape[1:2], "one weight for each class")
    return call


def _logits(call: Call) -> tuple[Array, Array | None]:
    """Input as (outer, classes, inner), and the class weights."""
    x, weight = call.arrays
    n, classes, *positions = x.shape
    return x.reshape(n, classes, math.prod(positions)), weight


def _loss_shape(call: Call) -> tuple[int, ...]:
    """The shape of the losses: one for each sample and position."""
    n, _, *positions = call.like.shape
    return n, *positions


def _are_probabilities(target: Array, x: Array) -> bool:
    """Floating, with an axis of classes; without one they are labels of a wrong type."""
    dtype = getattr(target, "dtype", None)
    return dtype is not None and (dtype.kind == "f" or dtype.name == "bfloat16") and target.ndim == x.ndim


def _probabilities(call: Call, target: Array, ignored: int) -> Array:
    """Class probabilities as (outer, classes, inner)."""
    shape = call.like.shape
    target = call.floating("target", target)
    shaped(call.op, "target", target, shape, "the shape of input, as target holds probabilities of the classes")
    if ignored >= 0:
        raise ValueError(f"{call.op}: ignore_index is {ignored}, expected none where target holds probabilities")
    return target.reshape(shape[0], shape[1], math.prod(shape[2:]))


def _ignored(call: Call, ignore_index: Any) -> int:
    return integer(call.op, "ignore_index", ignore_index, at_least=-(2**31))


def _smoothing(call: Call, label_smoothing: float) -> Any:
    value = number(call.op, "label_smoothing", label_smoothing)
    if not 0 <= value <= 1:
        raise ValueError(f"{call.op}: label_smoothing is {value}, expected 0 <= label_smoothing <= 1")
    return call.compute_dtype.type(value)


def _of_labels(call: Call, arguments: tuple[Any, ...], kernel: str, shape: tuple[int, ...], reduction: str) -> Array:
    """Each loss, their sum, or their sum over that of the labels' weights, by the kernels of a name."""
    launchers, (_, target, _, ignored, *_) = call.kernels.loss, arguments
    if reduction == "none":
        losses = call.output(shape)
        known = getattr(launchers, kernel)(*arguments, losses, call.output(shape))
    else:
        losses = call.output((1,))
        known = getattr(launchers, f"{kernel}_total")(*arguments, reduction == "mean", losses)
    if not known:
        refuse_labels(call, target, ignored)
    return call.finish(losses if reduction == "none" else losses.reshape(()))
