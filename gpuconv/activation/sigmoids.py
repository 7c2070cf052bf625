"""Sigmoid and hyperbolic tangent."""

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

    Notes
    -----
    The exponential is taken of -|x|, so it never overflows. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.sigmoid(np.array([-2.0, 0.0, 2.0])).round(4)
    array([0.1192, 0.5   , 0.8808])
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

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.sigmoid_grad(np.ones(3), np.array([-2.0, 0.0, 2.0])).round(4)
    array([0.105, 0.25 , 0.105])
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

    Notes
    -----
    The exponential is taken of -2|x|, so it never overflows. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.tanh(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.7616,  0.    ,  0.964 ])
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

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.tanh_grad(np.ones(3), np.array([-1.0, 0.0, 2.0])).round(4)
    array([0.42  , 1.    , 0.0707])
    """
    return backward("tanh_grad", dy, x, out)
