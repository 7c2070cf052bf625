"""Binary cross-entropy of logits: an independent binary decision per element."""

from typing import Any

import numpy as np

from ..core.arrays import contiguous
from ..core.call import Call
from ..core.device import Array, array_module
from ..core.options import one_of
from .reduction import REDUCTIONS, loss_gradient, reduced, scale_of


def bce_with_logits(
    input: Array,
    target: Array,
    *,
    weight: Array | None = None,
    pos_weight: Array | None = None,
    reduction: str = "mean",
) -> Array:
    """-weight (pos_weight t log s + (1 - t) log(1 - s)) with s = sigmoid(input), averaged.

    Parameters
    ----------
    input : array of any shape, float16, bfloat16, float32 or float64
        Logits.
    target : array like input
        Probabilities t that the answer is yes.
    weight : array, optional
        Factors of the losses, of a shape that broadcasts to input's.
    pos_weight : array, optional
        Factors of the part where the answer is yes, of a shape that broadcasts to input's: mostly (C,).
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    array
        Of no dimensions, or like input where reduction is "none".

    Notes
    -----
    torch.nn.functional.binary_cross_entropy_with_logits. Formed so that no exponential overflows and no logarithm of
    a rounded probability is taken. Deterministic: a fixed order of summation. Errors: docs/errors.md.

    Examples
    --------
    >>> round(float(gpuconv.bce_with_logits(np.array([0.0, 3.0]), np.array([1.0, 0.0]))), 4)
    1.8709
    """
    call = _call("bce_with_logits", input, target, weight, pos_weight, reduction)
    x, target, weight, pos_weight = _operands(call)
    with call.device:
        losses = call.output(x.shape)
        call.kernels.loss.bce_each(x, target, weight, pos_weight, losses)
        return reduced(call, losses, x.shape, reduction)


def bce_with_logits_grad(
    input: Array,
    target: Array,
    *,
    dloss: Any = 1.0,
    weight: Array | None = None,
    pos_weight: Array | None = None,
    reduction: str = "mean",
    out: Array | None = None,
) -> Array:
    """dloss weight ((pos_weight t + 1 - t) s - pos_weight t), s = sigmoid(input): the gradient of the logits.

    Parameters
    ----------
    input, target, weight, pos_weight, reduction
        As in the forward call.
    dloss : float or array
        Gradient of the loss; like input where reduction is "none".
    out : array like input, optional

    Returns
    -------
    array like input

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.bce_with_logits_grad(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
    array([-0.25,  0.25])
    """
    call = _call("bce_with_logits_grad", input, target, weight, pos_weight, reduction)
    x, target, weight, pos_weight = _operands(call)
    with call.device:
        dloss = loss_gradient(call, dloss, x.shape if reduction == "none" else ())
        dx = call.output(x.shape, out, coinciding=(x, target))
        scale = scale_of(call, x.size, reduction)
        call.kernels.loss.bce_grad(x, target, weight, pos_weight, dloss, scale, dx)
    return call.finish(dx)


def _call(op: str, x: Array, target: Array, weight: Array | None, pos_weight: Array | None, reduction: str) -> Call:
    one_of(op, "reduction", reduction, REDUCTIONS)
    optional = "weight", "pos_weight"
    call = Call(op, optional, input=x, target=target, weight=weight, pos_weight=pos_weight)
    call.require_shape("target", target, call.like.shape, "the shape of input")
    return call


def _operands(call: Call) -> tuple[Any, ...]:
    """Logits, targets, and both weights, of one element or of the shape of the logits."""
    x, target, weight, pos_weight = call.arrays
    return x, target, _broadcast(call.op, "weight", weight, x), _broadcast(call.op, "pos_weight", pos_weight, x)


def _broadcast(op: str, name: str, weight: Array | None, x: Array) -> Any:
    library = array_module(x)
    if weight is None:
        return library.ones(1, x.dtype)
    if weight.size == 1 and weight.ndim <= x.ndim:
        return weight
    try:
        return contiguous(library.broadcast_to(weight, x.shape))
    except ValueError as error:
        shape = tuple(np.shape(weight))
        raise ValueError(f"{op}: {name} has shape {shape}, expected one that broadcasts to {x.shape}") from error
