"""Reductions of losses and the gradient of the reduced loss."""

from typing import Any

import numpy as np

from ..core.blocks import Operand
from ..core.call import Call
from ..core.device import Array, array_module
from ..core.options import number

REDUCTIONS = ("mean", "sum", "none")


def scale_of(call: Call, terms: int, reduction: str) -> Any:
    """Factor of each term; the mean of an empty array is NaN, as in NumPy and PyTorch."""
    if reduction != "mean":
        return call.compute_dtype.type(1)
    return call.compute_dtype.type(1 / terms if terms else np.nan)


def reduced(call: Call, losses: Array, shape: tuple[int, ...], reduction: str) -> Array:
    """Reduce losses: return them, their sum or their mean."""
    if reduction == "none":
        return call.finish(losses.reshape(shape))
    loss = call.output((1,))
    call.kernels.loss.sum_of(losses, scale_of(call, losses.size, reduction), loss)
    return call.finish(loss.reshape(()))


def block_gradient(call: Call, dloss: Any, shape: tuple[int, ...], scale: Any, reduction: str) -> Operand:
    """dloss as the operand of blocks along the axes of the losses, whose reduction is "sum" or "none" then.

    A single gradient is multiplied by `scale`, what is left of the mean.
    """
    axes = tuple(range(len(shape)))
    if reduction == "none" and not isinstance(dloss, (int, float, np.integer, np.floating)):
        call.require_like("dloss", dloss)
        call.require_shape("dloss", dloss, shape, "the shape of the loss")
        return Operand(dloss, axes)
    single = loss_gradient(call, dloss, shape if reduction == "none" else ())
    return Operand((single * scale).reshape(()), (None,) * len(shape))


def loss_gradient(call: Call, dloss: Any, shape: tuple[int, ...]) -> Any:
    """dloss as a flat array of the input's dtype on its device: one element, or one for each loss."""
    if isinstance(dloss, (int, float, np.integer, np.floating)):
        value = number(call.op, "dloss", dloss)
        if shape:
            raise ValueError(
                f"{call.op}: dloss is the number {dloss}, expected an array of shape {shape} for reduction 'none'"
            )
        return array_module(call.like).full((1,), value, call.compute_dtype)
    dloss = call.floating("dloss", dloss)
    call.require_shape("dloss", dloss, shape, "the shape of the loss")
    return dloss.reshape(-1)
