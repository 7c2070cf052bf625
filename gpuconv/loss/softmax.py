"""Softmax and its logarithm along an axis, and their gradients."""

from ..core.arrays import floating, output, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.half import takes_half
from ..core.shapes import split_axis


@takes_half
def softmax(x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """exp(x_i) / sum_j exp(x_j) along an axis.

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    axis : int
        A number of no dimensions has axis 0.
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x
        Sums to 1 along the axis.

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type.
    ValueError
        If x has no such axis, or out has another shape.

    Notes
    -----
    The maximum is subtracted first, so nothing overflows. Deterministic.
    """
    (x,) = floating("softmax", x=x)
    view = split_axis("softmax", x.shape or (1,), axis)
    with on_device_of(x):
        y = output("softmax", x.shape, x, out, coinciding=(x,))
        kernels_for(x).loss.softmax(x.reshape(view), y.reshape(view))
    return y


@takes_half
def softmax_grad(dy: Array, x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """dx_i = y_i (dy_i - sum_j dy_j y_j), with y = softmax(x).

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    axis : int
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, or x has no such axis.

    Notes
    -----
    Deterministic.
    """
    op = "softmax_grad"
    dy, x = floating(op, dy=dy, x=x)
    shaped(op, "dy", dy, x.shape, "the shape of x")
    view = split_axis(op, x.shape or (1,), axis)
    with on_device_of(x):
        dx = output(op, x.shape, x, out, coinciding=(dy, x))
        kernels_for(x).loss.softmax_grad(dy.reshape(view), x.reshape(view), dx.reshape(view))
    return dx


@takes_half
def log_softmax(x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """x_i - log(sum_j exp(x_j)) along an axis.

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    axis : int
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x
        Its exponential sums to 1 along the axis.

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type.
    ValueError
        If x has no such axis, or out has another shape.

    Notes
    -----
    The maximum is subtracted first, so nothing overflows. Deterministic.
    """
    (x,) = floating("log_softmax", x=x)
    view = split_axis("log_softmax", x.shape or (1,), axis)
    with on_device_of(x):
        y = output("log_softmax", x.shape, x, out, coinciding=(x,))
        kernels_for(x).loss.log_softmax(x.reshape(view), y.reshape(view))
    return y


@takes_half
def log_softmax_grad(dy: Array, x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """dx_i = dy_i - softmax(x)_i sum_j dy_j.

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    axis : int
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes differ, or x has no such axis.

    Notes
    -----
    Deterministic.
    """
    op = "log_softmax_grad"
    dy, x = floating(op, dy=dy, x=x)
    shaped(op, "dy", dy, x.shape, "the shape of x")
    view = split_axis(op, x.shape or (1,), axis)
    with on_device_of(x):
        dx = output(op, x.shape, x, out, coinciding=(dy, x))
        kernels_for(x).loss.log_softmax_grad(dy.reshape(view), x.reshape(view), dx.reshape(view))
    return dx
