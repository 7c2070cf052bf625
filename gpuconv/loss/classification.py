"""Classification losses: cross-entropy of logits, negative log-likelihood of log-probabilities."""

import math
from typing import Any

from ..core.arrays import shaped
from ..core.blocks import Operand, Result, in_blocks, rounded_sum
from ..core.call import Call
from ..core.device import Array
from .labels import checked_ignore_index, checked_smoothing, label_loss, label_loss_grad, require_logits
from .one_sample import grad_of_one, is_one_sample, loss_of_one
from .reduction import block_gradient, loss_gradient, reduced, scale_of


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
    input : array (C,), (N, C) or (N, C, ...), float16, bfloat16, float32 or float64
        Logits, one row of classes for each sample (and position).
    target : integer array (), (N,) or (N, ...), or floating array like input
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
    op = "cross_entropy"
    if is_one_sample(input, target, probabilities=True):
        one: dict[str, Any] = {"weight": weight, "ignore_index": ignore_index, "label_smoothing": label_smoothing}
        return loss_of_one(cross_entropy, input, target, {**one, "reduction": reduction})
    if not _are_probabilities(target, input):
        return label_loss(op, op, input, target, weight, reduction, ignore_index, label_smoothing)
    call, view, smoothing = _of_probabilities(op, input, weight, reduction, ignore_index, label_smoothing)
    _require_probabilities(call, target)
    with call.device:
        if call.needs_blocks(also=(target,), temporary=view[0] * view[2]):
            return _loss_in_blocks(call, target, reduction, label_smoothing)
        call.convert()
        (x, weight), probabilities = call.arrays, call.converted(target).reshape(view)
        losses = call.output((x.shape[0], *x.shape[2:]))
        kernel = call.kernels.loss.cross_entropy_of_probabilities
        kernel(x.reshape(view), probabilities, weight, smoothing, losses)
        return reduced(call, losses, losses.shape, reduction)


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
    op = "cross_entropy_grad"
    if is_one_sample(input, target, probabilities=True):
        one: dict[str, Any] = {"weight": weight, "ignore_index": ignore_index, "label_smoothing": label_smoothing}
        return grad_of_one(cross_entropy_grad, input, target, dloss, out, {**one, "reduction": reduction})
    if not _are_probabilities(target, input):
        options = reduction, ignore_index, label_smoothing
        return label_loss_grad(op, "cross_entropy", input, target, weight, dloss, out, *options)
    call, view, smoothing = _of_probabilities(op, input, weight, reduction, ignore_index, label_smoothing)
    _require_probabilities(call, target)
    with call.device:
        if call.needs_blocks(input.shape, also=(target, dloss)):
            return _grad_in_blocks(call, target, reduction, label_smoothing, dloss, out)
        call.convert()
        (x, weight), probabilities = call.arrays, call.converted(target).reshape(view)
        dloss = loss_gradient(call, dloss, (x.shape[0], *x.shape[2:]) if reduction == "none" else ())
        dx = call.output(x.shape, out, coinciding=(x,))
        scale, kernel = (
            scale_of(call, view[0] * view[2], reduction),
            call.kernels.loss.cross_entropy_of_probabilities_grad,
        )
        kernel(x.reshape(view), probabilities, weight, smoothing, dloss, scale, dx.reshape(view))
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
    input : array (C,), (N, C) or (N, C, ...), float16, bfloat16, float32 or float64
        Log-probabilities, one row of classes for each sample (and position), as log_softmax gives them.
    target : integer array (), (N,) or (N, ...)
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
    if is_one_sample(input, target):
        one: dict[str, Any] = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
        return loss_of_one(nll_loss, input, target, one)
    return label_loss("nll_loss", "nll", input, target, weight, reduction, ignore_index)


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
    if is_one_sample(input, target):
        one: dict[str, Any] = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
        return grad_of_one(nll_loss_grad, input, target, dloss, out, one)
    return label_loss_grad("nll_loss_grad", "nll", input, target, weight, dloss, out, reduction, ignore_index)


def _are_probabilities(target: Array, x: Array) -> bool:
    """Whether targets are class probabilities: floating and with an axis of classes (else labels of a wrong dtype)."""
    dtype = getattr(target, "dtype", None)
    if dtype is None or dtype.kind in "iu":  # labels; the name of a dtype takes NumPy microseconds
        return False
    return (dtype.kind == "f" or dtype.name == "bfloat16") and target.ndim == getattr(x, "ndim", None)


def _of_probabilities(
    op: str, x: Array, weight: Array | None, reduction: str, ignore_index: int, label_smoothing: float
) -> tuple[Call, tuple[int, int, int], Any]:
    """Call, shape (outer, classes, inner) of its input, and label smoothing."""
    call = Call(op, ("weight",), convert=False, input=x, weight=weight)
    view, ignored = require_logits(call, reduction), checked_ignore_index(call, ignore_index)
    if ignored >= 0:
        raise ValueError(f"{op}: ignore_index is {ignored}, expected none where target holds probabilities")
    return call, view, checked_smoothing(call, label_smoothing)


def _loss_in_blocks(call: Call, target: Array, reduction: str, label_smoothing: float) -> Array:
    """The loss of probabilities, some rows of classes at a time."""
    read, sizes = _split(call, target)
    none = reduction == "none"

    def block(x: Array, weight: Array | None, target: Array) -> Array:
        reduced = "none" if none else "sum"
        return cross_entropy(x, target, weight, reduction=reduced, label_smoothing=label_smoothing)

    axes = tuple(range(len(sizes)))
    loss = Result(sizes, axes) if none else Result((), (None,) * len(sizes))
    (result,) = in_blocks(call, block, sizes, read, [loss])
    return result if none else rounded_sum(call, result, scale_of(call, math.prod(sizes), reduction))


def _grad_in_blocks(
    call: Call, target: Array, reduction: str, label_smoothing: float, dloss: Any, out: Array | None
) -> Array:
    read, sizes = _split(call, target)
    reduced = "none" if reduction == "none" else "sum"

    def block(x: Array, weight: Array | None, target: Array, dloss: Array) -> Array:
        return cross_entropy_grad(
            x, target, dloss=dloss, weight=weight, reduction=reduced, label_smoothing=label_smoothing
        )

    call.check_out(call.like.shape, out)
    gradient = block_gradient(call, dloss, sizes, scale_of(call, math.prod(sizes), reduction), reduction)
    written = Result(call.like.shape, read[0].axes)
    (dx,) = in_blocks(call, block, sizes, [*read, gradient], [written], out, in_place=True)
    return dx


def _split(call: Call, target: Array) -> tuple[list[Operand], tuple[int, ...]]:
    """Operands input, weight and target of blocks along all axes but that of the classes; the lengths of those."""
    x, weight = call.arrays
    axes = (0, *range(2, x.ndim))
    return [Operand(x, axes), Operand(weight, (None,) * len(axes)), Operand(target, axes)], (x.shape[0], *x.shape[2:])


def _require_probabilities(call: Call, target: Array) -> None:
    """Check class probabilities."""
    call.require_like("target", target)
    shaped(call.op, "target", target, call.like.shape, "the shape of input, as target holds probabilities of classes")
