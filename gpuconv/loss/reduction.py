"""What all losses share: how they are reduced, and the gradient that comes back from there."""

from typing import Any

import numpy as np

from ..core.arrays import floating, number, output, same_device, shaped
from ..core.device import Array, array_module

REDUCTIONS = ("mean", "sum", "none")


def scale_of(x: Array, terms: int, reduction: str) -> Any:
    """The factor of each term; the mean of nothing is 0/0, as NumPy and PyTorch have it."""
    if reduction != "mean":
        return x.dtype.type(1)
    return x.dtype.type(1 / terms if terms else np.nan)


def reduced(op: str, kernels: Any, losses: Array, shape: tuple[int, ...], reduction: str) -> Array:
    """Losses of the terms as the caller wants them: each, their sum or their mean."""
    if reduction == "none":
        return losses.reshape(shape)
    loss = output(op, (1,), losses)
    kernels.loss.sum_of(losses, scale_of(losses, losses.size, reduction), loss)
    return loss.reshape(())


def loss_gradient(op: str, dloss: Any, like: Array, shape: tuple[int, ...]) -> Array:
    """dloss as a flat array of the input's dtype on its device: one element, or one for each loss."""
    if isinstance(dloss, (int, float, np.integer, np.floating)):
        value = number(op, "dloss", dloss)
        if shape:
            raise ValueError(
                f"{op}: dloss is the number {dloss}, expected an array of shape {shape} for reduction 'none'"
            )
        return array_module(like).full((1,), value, like.dtype)
    (dloss,) = floating(op, dloss=dloss)
    same_device(op, input=like, dloss=dloss)
    if dloss.dtype != like.dtype:
        raise TypeError(f"{op}: dloss has dtype {dloss.dtype}, expected {like.dtype} like input")
    shaped(op, "dloss", dloss, shape, "the shape of the loss")
    return dloss.reshape(-1)
