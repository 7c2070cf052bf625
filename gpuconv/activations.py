"""Activation functions and their gradients, for NumPy and CuPy arrays."""

from .arguments import floating, number, output, shaped
from .backend import Array, kernels_for, on_device_of
from .geometry import split_axis


def relu(x: Array, *, out: Array | None = None) -> Array:
    """max(0, x).

    Parameters
    ----------
    x : array of any shape, float32 or float64
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type, or out lives elsewhere.
    ValueError
        If out has another shape.

    Notes
    -----
    A unit whose pre-activation is negative for every sample has zero gradient for good ("dying"). NaN propagates.
    Deterministic.
    """
    (x,) = floating("relu", x=x)
    with on_device_of(x):
        y = output("relu", x.shape, x, out)
        kernels_for(x).activations.relu(x, y)
    return y


def relu_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """Dy where x > 0, 0 elsewhere: the factor f'(x^l) of equation (20), with f'(0) = 0.

    Parameters
    ----------
    dy, x : array of one shape, float32 or float64
        Gradient of the result, and the argument of the forward call.
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
        If the shapes differ.

    Notes
    -----
    dy where x is NaN, as in PyTorch. Deterministic.
    """
    dy, x = floating("relu_grad", dy=dy, x=x)
    shaped("relu_grad", "dy", dy, x.shape, "the shape of x")
    with on_device_of(x):
        dx = output("relu_grad", x.shape, x, out)
        kernels_for(x).activations.relu_grad(dy, x, dx)
    return dx


def leaky_relu(x: Array, negative_slope: float = 0.01, *, out: Array | None = None) -> Array:
    """X where x > 0, negative_slope * x elsewhere.

    Parameters
    ----------
    x : array of any shape, float32 or float64
    negative_slope : float
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type, or out lives elsewhere.
    ValueError
        If out has another shape.

    Notes
    -----
    Never saturates, so a unit cannot die: its gradient is negative_slope, not 0, for negative inputs (Maas, Hannun and
    Ng, 2013). Deterministic.
    """
    (x,) = floating("leaky_relu", x=x)
    slope = x.dtype.type(number("leaky_relu", "negative_slope", negative_slope))
    with on_device_of(x):
        y = output("leaky_relu", x.shape, x, out)
        kernels_for(x).activations.leaky_relu(x, slope, y)
    return y


def leaky_relu_grad(dy: Array, x: Array, negative_slope: float = 0.01, *, out: Array | None = None) -> Array:
    """Dy where x > 0, negative_slope * dy elsewhere: f'(0) = negative_slope.

    Parameters
    ----------
    dy, x : array of one shape, float32 or float64
        Gradient of the result, and the argument of the forward call.
    negative_slope : float
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
        If the shapes differ.

    Notes
    -----
    Deterministic.
    """
    op = "leaky_relu_grad"
    dy, x = floating(op, dy=dy, x=x)
    shaped(op, "dy", dy, x.shape, "the shape of x")
    slope = x.dtype.type(number(op, "negative_slope", negative_slope))
    with on_device_of(x):
        dx = output(op, x.shape, x, out)
        kernels_for(x).activations.leaky_relu_grad(dy, x, slope, dx)
    return dx


def softmax(x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """exp(x_i) / sum_j exp(x_j) along an axis.

    Parameters
    ----------
    x : array of any shape, float32 or float64
    axis : int
    out : array like x, optional
        Memory for the result; may be x itself.

    Returns
    -------
    array like x
        Sums to 1 along the axis.

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type.
    ValueError
        If x has no such axis.

    Notes
    -----
    The maximum is subtracted first, so nothing overflows. Deterministic.
    """
    (x,) = floating("softmax", x=x)
    view = split_axis("softmax", x.shape, axis)
    with on_device_of(x):
        y = output("softmax", x.shape, x, out)
        kernels_for(x).losses.softmax(x.reshape(view), y.reshape(view))
    return y


def softmax_grad(dy: Array, x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """dx_i = y_i (dy_i - sum_j dy_j y_j), with y = softmax(x).

    Parameters
    ----------
    dy, x : array of one shape, float32 or float64
        Gradient of the result, and the argument of the forward call.
    axis : int
    out : array like x, optional
        Memory for the result; may be dy or x itself.

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
    view = split_axis(op, x.shape, axis)
    with on_device_of(x):
        dx = output(op, x.shape, x, out)
        kernels_for(x).losses.softmax_grad(dy.reshape(view), x.reshape(view), dx.reshape(view))
    return dx
