"""Convolutions of arrays that are too large to be converted whole: some images at a time.

Each block is a batch; weight gradients of the blocks are added in float64. Large weights are cut
along their filters first, or along their channels for the input gradient.
"""

import math
from collections.abc import Callable

from ..core import blocks
from ..core.blocks import Operand, Result, are_cut, in_blocks, in_parts, rounded_sum
from ..core.call import Call
from ..core.device import Array


def forward(call: Call, function: Callable[..., Array], shape: tuple[int, ...], out: Array | None) -> Array:
    """function(x, w, b), the filters of large weights cut."""
    x, w, b = call.arrays
    if x.shape[1] == w.shape[1] and are_cut(w.shape, 0):
        call.check_out(shape, out)
        read = [Operand(x, (None,)), Operand(w, (0,)), Operand(b, (0,))]
        return in_parts(call, function, (w.shape[0], w[0].size), read, Result(shape, (1,)), out)
    return of_images(call, function, [x], [w, b], shape, out)


def input_grad(call: Call, function: Callable[..., Array], shape: tuple[int, ...], out: Array | None) -> Array:
    """function(dy, w, pre_activation), the channels of large weights cut."""
    dy, w, pre_activation = call.arrays
    if shape[1] == w.shape[1] and are_cut(w.shape, 1):
        call.check_out(shape, out)
        read = [Operand(dy, (None,)), Operand(w, (1,)), Operand(pre_activation, (1,))]
        return in_parts(call, function, (w.shape[1], w[:, 0].size), read, Result(shape, (1,)), out)
    read = [Operand(dy, (0,)), Operand(w, (None,)), Operand(pre_activation, (0,))]
    return _of_images(call, function, read, shape, out)


def weight_grad(call: Call, function: Callable[..., Array], shape: tuple[int, ...], out: Array | None) -> Array:
    """function(x, dy), the filters of large weights cut."""
    x, dy = call.arrays
    if x.shape[1] == shape[1] and are_cut(shape, 0):
        call.check_out(shape, out)
        read = [Operand(x, (None,)), Operand(dy, (1,))]
        return in_parts(call, function, (shape[0], math.prod(shape[1:])), read, Result(shape, (0,)), out)
    return sum_over_images(call, function, [x, dy], shape, out)


def bias_grad(call: Call, function: Callable[..., Array], shape: tuple[int, ...], out: Array | None) -> Array:
    """function(dy), some filters at a time, and of a long filter's maps some images."""
    dy = call.like
    read, result = Operand(dy, (1, 0)), Result(shape, (0, None))
    (total,) = in_blocks(call, function, (dy.shape[1], dy.shape[0]), [read], [result])
    return rounded_sum(call, total, out=out)


def of_images(
    call: Call, function: Callable[..., Array], images: list[Array | None], weights: list[Array | None],
    shape: tuple[int, ...], out: Array | None,
) -> Array:  # fmt: skip
    """The result of function(*images, *weights) with the images of a batch, and of the result, split into blocks."""
    read = [*(Operand(a, (0,)) for a in images), *(Operand(a, (None,)) for a in weights)]
    return _of_images(call, function, read, shape, out)


def sum_over_images(
    call: Call, function: Callable[..., Array], images: list[Array], shape: tuple[int, ...], out: Array | None
) -> Array:
    """The sum of function(*images) over a batch, block by block."""
    call.check_out(shape, out)
    count, read = images[0].shape[:1], [Operand(a, (0,)) for a in images]
    (total,) = in_blocks(call, function, count, read, [Result(shape, (None,))], limit=blocks.LIMIT_BYTES // 2)
    return rounded_sum(call, total, out=out)


def _of_images(
    call: Call, function: Callable[..., Array], read: list[Operand], shape: tuple[int, ...], out: Array | None
) -> Array:
    call.check_out(shape, out)
    (result,) = in_blocks(call, function, shape[:1], read, [Result(shape, (0,))], out, limit=blocks.LIMIT_BYTES // 2)
    return result
