"""PReLU: leaky relu with learned slopes, one per channel or one for all."""

import math
from collections.abc import Sequence

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
        If there are neither one slope nor as many as channels.

    Notes
    -----
    He et al., 2015. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.prelu(np.array([[-1.0, -1.0], [2.0, 2.0]]), np.array([0.1, 0.5]))
    array([[-0.1, -0.5],
           [ 2. ,  2. ]])
    """
    call = Call("prelu", x=x, weight=weight)
    x, weight = call.arrays
    view = _channels(call.op, x.shape, weight.shape)
    with call.device:
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
    call = Call("prelu_grad", dy=dy, x=x, weight=weight)
    dy, x, weight = call.arrays
    call.require_shape("dy", dy, x.shape, "the shape of x")
    view = _channels(call.op, x.shape, weight.shape)
    with call.device:
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
    call = Call("prelu_weight_grad", dy=dy, x=x)
    dy, x = call.arrays
    call.require_shape("dy", dy, x.shape, "the shape of x")
    weight_shape = any_shape(call.op, "weight_shape", weight_shape)
    view = _channels(call.op, x.shape, weight_shape)
    with call.device:
        dweight = call.output(weight_shape, out)
        call.kernels.activation.prelu_weight_grad(dy.reshape(view), x.reshape(view), dweight.reshape(-1))
    return call.finish(dweight)


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
