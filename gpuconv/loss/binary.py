"""Binary cross-entropy of logits: an independent binary decision per element."""

from typing import Any

import numpy as np

from ..core.blocks import Operand, Result, in_blocks, rounded_sum, stream_bytes
from ..core.call import Call
from ..core.device import Array, array_module
from ..core.options import one_of
from .reduction import REDUCTIONS, block_gradient, loss_gradient, reduced, scale_of


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
    x, target, weight, pos_weight = operands = _operands(call)
    with call.device:
        if call.needs_blocks(x.shape, also=operands, temporary=0 if reduction == "none" else x.size, **_limit(call)):
            return _in_blocks(call, operands, reduction)
        x, target, weight, pos_weight = map(call.converted, operands)
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
    x, target, weight, pos_weight = operands = _operands(call)
    with call.device:
        if call.needs_blocks(x.shape, also=(*operands, dloss), **_limit(call)):
            return _grad_in_blocks(call, operands, reduction, dloss, out)
        x, target, weight, pos_weight = map(call.converted, operands)
        dloss = loss_gradient(call, dloss, x.shape if reduction == "none" else ())
        dx = call.output(x.shape, out, coinciding=(x, target))
        scale = scale_of(call, x.size, reduction)
        call.kernels.loss.bce_grad(x, target, weight, pos_weight, dloss, scale, dx)
    return call.finish(dx)


def _call(op: str, x: Array, target: Array, weight: Array | None, pos_weight: Array | None, reduction: str) -> Call:
    one_of(op, "reduction", reduction, REDUCTIONS)
    optional = "weight", "pos_weight"
    call = Call(op, optional, convert=False, input=x, target=target, weight=weight, pos_weight=pos_weight)
    call.require_shape("target", target, call.like.shape, "the shape of input")
    return call


def _operands(call: Call) -> tuple[Any, ...]:
    """Logits, targets, and both weights, of one element or as views of the shape of the logits."""
    x, target, weight, pos_weight = call.arrays
    return x, target, _broadcast(call.op, "weight", weight, x), _broadcast(call.op, "pos_weight", pos_weight, x)


def _in_blocks(call: Call, operands: tuple[Any, ...], reduction: str) -> Array:
    none, shape = reduction == "none", operands[0].shape

    def block(x: Array, target: Array, weight: Array, pos_weight: Array) -> Array:
        weights = {"weight": weight, "pos_weight": pos_weight}
        return bce_with_logits(x, target, reduction="none" if none else "sum", **weights)

    loss = Result(shape, _axes(shape)) if none else Result((), (None,) * len(shape))
    (result,) = in_blocks(call, block, shape, _split(operands), [loss])
    return result if none else rounded_sum(call, result, scale_of(call, operands[0].size, reduction))


def _grad_in_blocks(call: Call, operands: tuple[Any, ...], reduction: str, dloss: Any, out: Array | None) -> Array:
    shape, reduced = operands[0].shape, "none" if reduction == "none" else "sum"

    def block(x: Array, target: Array, weight: Array, pos_weight: Array, dloss: Array) -> Array:
        weights = {"weight": weight, "pos_weight": pos_weight}
        return bce_with_logits_grad(x, target, dloss=dloss, reduction=reduced, **weights)

    call.check_out(shape, out)
    gradient = block_gradient(call, dloss, shape, scale_of(call, operands[0].size, reduction), reduction)
    read, written = [*_split(operands), gradient], Result(shape, _axes(shape))
    (dx,) = in_blocks(call, block, shape, read, [written], out, in_place=True)
    return dx


def _split(operands: tuple[Any, ...]) -> list[Operand]:
    """Operands of blocks: a weight of one element serves all."""
    shape = operands[0].shape
    return [Operand(a, _axes(shape) if a.shape == shape else (None,) * len(shape)) for a in operands]


def _axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(len(shape)))


def _limit(call: Call) -> dict[str, int]:
    """16-bit arrays stream through the cache; wide ones go in blocks only where memory is at stake."""
    return {"limit": stream_bytes(call)} if call.compute_dtype is not call.dtype else {}


def _broadcast(op: str, name: str, weight: Array | None, x: Array) -> Any:
    library = array_module(x)
    if weight is None:
        return library.ones(1, x.dtype)
    if weight.size == 1 and weight.ndim <= x.ndim:
        return weight
    try:
        return library.broadcast_to(weight, x.shape)
    except ValueError as error:
        shape = tuple(np.shape(weight))
        raise ValueError(f"{op}: {name} has shape {shape}, expected one that broadcasts to {x.shape}") from error
