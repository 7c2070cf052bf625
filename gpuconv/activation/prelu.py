"""PReLU: leaky relu with learned slopes, one per channel or one for all."""

import math
from collections.abc import Callable, Sequence

from ..core.blocks import Axes, Operand, Result, in_blocks, rounded_sum, stream_bytes
from ..core.call import Call
from ..core.device import Array
from ..core.shapes import any_shape


def prelu(x: Array, weight: Array, *, out: Array | None = None) -> Array:
    """x where x > 0, weight * x elsewhere.

    Parameters
    ----------
    x : array (N, C, ...), or of any shape with a single slope; float16, bfloat16, float32 or float64
    weight : array (C,) or (1,) or of no dimensions
        The slopes for negative x.
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If weight has neither one slope nor one for each channel.

    Notes
    -----
    He et al., 2015. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.prelu(np.array([[-1.0, -1.0], [2.0, 2.0]]), np.array([0.1, 0.5]))
    array([[-0.1, -0.5],
           [ 2. ,  2. ]])
    """
    call = Call("prelu", convert=False, x=x, weight=weight)
    view = _channels(call.op, x.shape, weight.shape)
    with call.device:
        if call.needs_blocks(x.shape, limit=stream_bytes(call)):
            return _in_blocks(call, prelu, out)
        call.convert()
        x, weight = call.arrays
        y = call.output(x.shape, out, coinciding=(x,))
        call.kernels.activation.prelu(x.reshape(view), weight.reshape(-1), y.reshape(view))
    return call.finish(y)


def prelu_grad(dy: Array, x: Array, weight: Array, *, out: Array | None = None) -> Array:
    """dy where x > 0, weight * dy elsewhere: the gradient with respect to x.

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    weight : array (C,) or (1,) or of no dimensions
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Notes
    -----
    f'(0) = weight. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.prelu_grad(np.ones((2, 2)), np.array([[-1.0, -1.0], [2.0, 2.0]]), np.array([0.1, 0.5]))
    array([[0.1, 0.5],
           [1. , 1. ]])
    """
    call = Call("prelu_grad", convert=False, dy=dy, x=x, weight=weight)
    call.require_shape("dy", dy, x.shape, "the shape of x")
    view = _channels(call.op, x.shape, weight.shape)
    with call.device:
        if call.needs_blocks(x.shape, limit=stream_bytes(call)):
            return _in_blocks(call, prelu_grad, out)
        call.convert()
        dy, x, weight = call.arrays
        dx = call.output(x.shape, out, coinciding=(dy, x))
        views = dy.reshape(view), x.reshape(view), weight.reshape(-1), dx.reshape(view)
        call.kernels.activation.prelu_grad(*views)
    return call.finish(dx)


def prelu_weight_grad(dy: Array, x: Array, weight_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """Sum of dy x where x <= 0, over the elements of each slope: the gradient with respect to the slopes.

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    weight_shape : sequence of int
        Shape of the slopes: (C,), (1,) or ().
    out : array of weight_shape, optional
        Where the result goes.

    Returns
    -------
    array of weight_shape

    Notes
    -----
    Deterministic: a fixed order of summation. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.prelu_weight_grad(np.ones((2, 2)), np.array([[-1.0, -3.0], [2.0, 2.0]]), (2,))
    array([-1., -3.])
    """
    call = Call("prelu_weight_grad", convert=False, dy=dy, x=x)
    call.require_shape("dy", dy, x.shape, "the shape of x")
    weight_shape = any_shape(call.op, "weight_shape", weight_shape)
    view = _channels(call.op, x.shape, weight_shape)
    with call.device:
        if call.needs_blocks(temporary=x.size):  # the products
            return _weight_grad_in_blocks(call, weight_shape, out)
        call.convert()
        dy, x = call.arrays
        dweight = call.output(weight_shape, out)
        call.kernels.activation.prelu_weight_grad(dy.reshape(view), x.reshape(view), dweight.reshape(-1))
    return call.finish(dweight)


def _in_blocks(call: Call, function: Callable[..., Array], out: Array | None) -> Array:
    """`prelu` or `prelu_grad` a block at a time."""
    *pixels, weight = call.arrays
    shape = pixels[0].shape
    call.check_out(shape, out)
    axes = tuple(range(len(shape)))
    operands = [*(Operand(a, axes) for a in pixels), Operand(weight, _slope_axes(shape, weight.shape))]
    (result,) = in_blocks(call, function, shape, operands, [Result(shape, axes)], out, in_place=True)
    return result


def _weight_grad_in_blocks(call: Call, weight_shape: tuple[int, ...], out: Array | None) -> Array:
    shape = call.like.shape
    call.check_out(weight_shape, out)
    axes, slope_axes = tuple(range(len(shape))), _slope_axes(shape, weight_shape)

    def block(dy: Array, x: Array) -> Array:
        slopes = weight_shape if None in slope_axes[1:2] or not slope_axes[1:] else x.shape[1:2]
        return prelu_weight_grad(dy, x, slopes)

    operands = [Operand(a, axes) for a in call.arrays]
    (total,) = in_blocks(call, block, shape, operands, [Result(weight_shape, slope_axes)])
    return rounded_sum(call, total, out=out)


def _slope_axes(shape: tuple[int, ...], weight_shape: tuple[int, ...]) -> Axes:
    """The slopes' axis for each axis of x: theirs is the second of x, if they have more than one element."""
    return tuple(0 if axis == 1 and math.prod(weight_shape) > 1 else None for axis in range(len(shape)))


def _channels(op: str, shape: tuple[int, ...], weight_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """View (outer, channels, inner) of x with one slope per channel."""
    if len(weight_shape) > 1:
        raise ValueError(f"{op}: weight has shape {weight_shape}, expected one dimension or none")
    slopes = math.prod(weight_shape)
    if slopes == 1:
        return 1, 1, math.prod(shape)
    channels = shape[1] if len(shape) > 1 else 1
    if slopes != channels:
        raise ValueError(f"{op}: weight has {slopes} slopes, expected 1 or {channels}, x being of shape {shape}")
    return shape[0], channels, math.prod(shape[2:])
