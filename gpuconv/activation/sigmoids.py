"""Sigmoid and hyperbolic tangent: activations between two limits."""

from ..core.device import Array
from .elementwise import backward, forward


def sigmoid(x: Array, *, out: Array | None = None) -> Array:
    """1 / (1 + exp(-x)).

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
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
    The exponential is taken of -|x|, so it never overflows. Deterministic.
    """
    return forward("sigmoid", x, out)


def sigmoid_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """dy s (1 - s), with s = sigmoid(x).

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
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
    Deterministic.
    """
    return backward("sigmoid_grad", dy, x, out)


def tanh(x: Array, *, out: Array | None = None) -> Array:
    """(exp(2x) - 1) / (exp(2x) + 1).

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
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
    The exponential is taken of -2|x|, so it never overflows. Deterministic.
    """
    return forward("tanh", x, out)


def tanh_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """dy (1 - tanh(x)^2).

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
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
    Deterministic.
    """
    return backward("tanh_grad", dy, x, out)
