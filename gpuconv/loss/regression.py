"""Squared and absolute error, and the shared functions of losses of (input, target) pairs."""

from typing import Any

from ..core.blocks import Operand, Result, elementwise, in_blocks, rounded_sum, stream_bytes
from ..core.call import Call
from ..core.device import Array
from ..core.options import one_of
from .reduction import REDUCTIONS, block_gradient, loss_gradient, scale_of


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

    Notes
    -----
    The loss for regression. The mean of nothing is NaN, as in PyTorch. Deterministic: a fixed order of summation.
    Errors: docs/errors.md.

    Examples
    --------
    >>> float(gpuconv.mse_loss(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 2.0]), reduction="sum"))
    5.0
    """
    return forward("mse_loss", "mse", input, target, reduction)


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

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.mse_loss_grad(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([0., 2.])
    """
    return backward("mse_loss_grad", "mse", input, target, reduction, dloss, out)


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

    Notes
    -----
    The mean of nothing is NaN, as in PyTorch. Deterministic: a fixed order of summation. Errors: docs/errors.md.

    Examples
    --------
    >>> float(gpuconv.l1_loss(np.array([1.0, 2.0]), np.array([1.0, 0.0])))
    1.0
    """
    return forward("l1_loss", "l1", input, target, reduction)


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

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.l1_loss_grad(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([0. , 0.5])
    """
    return backward("l1_loss_grad", "l1", input, target, reduction, dloss, out)


def forward(op: str, kernel: str, x: Array, target: Array, reduction: str, parameter: float = 0.0) -> Array:
    """Loss of the kernel of a name, reduced."""
    call = _call(op, x, target, reduction)
    slope = call.scalar("parameter", parameter)
    with call.device:
        if call.needs_blocks(x.shape if reduction == "none" else (), limit=stream_bytes(call)):
            return _forward_in_blocks(call, kernel, reduction, parameter)
        call.convert()
        x, target = call.arrays
        if reduction == "none":
            losses = call.output(x.shape)
            call.kernels.loss.pairwise_each(kernel, x, target, slope, losses)
            return call.finish(losses)
        loss = call.output((1,))
        call.kernels.loss.pairwise_sum(kernel, x, target, slope, scale_of(call, x.size, reduction), loss)
    return call.finish(loss.reshape(()))


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
    """Gradient of `forward`."""
    call = _call(op, x, target, reduction)
    slope = call.scalar("parameter", parameter)
    with call.device:
        if call.needs_blocks(x.shape, limit=stream_bytes(call), also=(dloss,)):
            return _backward_in_blocks(call, kernel, reduction, dloss, out, parameter)
        call.convert()
        x, target = call.arrays
        dloss = loss_gradient(call, dloss, x.shape if reduction == "none" else ())
        dx = call.output(x.shape, out, coinciding=(x, target))
        scale = scale_of(call, x.size, reduction)
        call.kernels.loss.pairwise_grad(kernel, x, target, slope, dloss, scale, dx)
    return call.finish(dx)


def _forward_in_blocks(call: Call, kernel: str, reduction: str, parameter: float) -> Array:
    def block(x: Array, target: Array) -> Array:
        return forward(call.op, kernel, x, target, "none" if reduction == "none" else "sum", parameter)

    if reduction == "none":
        return elementwise(call, block, None)
    shape, axes = call.like.shape, tuple(range(call.like.ndim))
    operands, loss = [Operand(a, axes) for a in call.arrays], Result((), (None,) * len(shape))
    (total,) = in_blocks(call, block, shape, operands, [loss])
    return rounded_sum(call, total, scale_of(call, call.like.size, reduction))


def _backward_in_blocks(
    call: Call, kernel: str, reduction: str, dloss: Any, out: Array | None, parameter: float
) -> Array:
    reduced = "none" if reduction == "none" else "sum"

    def block(x: Array, target: Array, dloss: Array) -> Array:
        return backward(call.op, kernel, x, target, reduced, dloss, None, parameter)

    shape, axes = call.like.shape, tuple(range(call.like.ndim))
    call.check_out(shape, out)
    gradient = block_gradient(call, dloss, shape, scale_of(call, call.like.size, reduction), reduction)
    operands = [*(Operand(a, axes) for a in call.arrays), gradient]
    (dx,) = in_blocks(call, block, shape, operands, [Result(shape, axes)], out, in_place=True)
    return dx


def _call(op: str, x: Array, target: Array, reduction: str) -> Call:
    one_of(op, "reduction", reduction, REDUCTIONS)
    call = Call(op, convert=False, input=x, target=target)
    call.require_shape("target", target, call.like.shape, "the shape of input")
    return call
