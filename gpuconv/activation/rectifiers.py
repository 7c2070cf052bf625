"""Piecewise linear activations: relu, leaky_relu, relu6, hardtanh."""

from ..core.device import Array
from ..core.options import number
from .elementwise import backward, forward


def relu(x: Array, *, out: Array | None = None) -> Array:
    """max(0, x).

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
    A unit whose pre-activation is negative for every sample has zero gradient for good ("dying"). NaN propagates.
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return forward("relu", x, out)


def relu_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """dy where x > 0, 0 elsewhere: the factor f'(x^l) of equation (20), with f'(0) = 0.

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
    dy where x is NaN, as in PyTorch. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.relu_grad(np.ones(3), np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 1.])
    """
    return backward("relu_grad", dy, x, out)


def leaky_relu(x: Array, negative_slope: float = 0.01, *, out: Array | None = None) -> Array:
    """x where x > 0, negative_slope * x elsewhere.

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    negative_slope : float
        Of any size and sign.
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x

    Notes
    -----
    Never saturates, so a unit cannot die: its gradient is negative_slope, not 0, for negative inputs (Maas, Hannun and
    Ng, 2013). Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.leaky_relu(np.array([-1.0, 0.0, 2.0]), 0.1)
    array([-0.1,  0. ,  2. ])
    """
    return forward("leaky_relu", x, out, negative_slope=negative_slope)


def leaky_relu_grad(dy: Array, x: Array, negative_slope: float = 0.01, *, out: Array | None = None) -> Array:
    """dy where x > 0, negative_slope * dy elsewhere: f'(0) = negative_slope.

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    negative_slope : float
        Of any size and sign.
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Notes
    -----
    negative_slope * dy where x is NaN, as in PyTorch. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.leaky_relu_grad(np.ones(3), np.array([-1.0, 0.0, 2.0]), 0.1)
    array([0.1, 0.1, 1. ])
    """
    return backward("leaky_relu_grad", dy, x, out, negative_slope=negative_slope)


def relu6(x: Array, *, out: Array | None = None) -> Array:
    """min(max(0, x), 6).

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
    Bounded, so that it survives arithmetic of few bits (Krizhevsky, 2010). NaN propagates. Deterministic.
    Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.relu6(np.array([-1.0, 3.0, 8.0]))
    array([0., 3., 6.])
    """
    return forward("relu6", x, out)


def relu6_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """dy where 0 < x < 6, 0 elsewhere.

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
    0 where x is NaN, as in PyTorch. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.relu6_grad(np.ones(3), np.array([-1.0, 3.0, 8.0]))
    array([0., 1., 0.])
    """
    return backward("relu6_grad", dy, x, out)


def hardtanh(x: Array, min_val: float = -1.0, max_val: float = 1.0, *, out: Array | None = None) -> Array:
    """min(max(min_val, x), max_val).

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    min_val : float
    max_val : float
        Not smaller than min_val.
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If min_val is larger than max_val.

    Notes
    -----
    NaN propagates. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.hardtanh(np.array([-2.0, 0.5, 2.0]))
    array([-1. ,  0.5,  1. ])
    """
    op = "hardtanh"
    low, high = _ordered(op, min_val, max_val)
    return forward(op, x, out, min_val=low, max_val=high)


def hardtanh_grad(
    dy: Array, x: Array, min_val: float = -1.0, max_val: float = 1.0, *, out: Array | None = None
) -> Array:
    """dy where min_val < x < max_val, 0 elsewhere.

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    min_val : float
    max_val : float
        Not smaller than min_val.
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If min_val is larger than max_val.

    Notes
    -----
    0 where x is NaN, as in PyTorch. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.hardtanh_grad(np.ones(3), np.array([-2.0, 0.5, 2.0]))
    array([0., 1., 0.])
    """
    op = "hardtanh_grad"
    low, high = _ordered(op, min_val, max_val)
    return backward(op, dy, x, out, min_val=low, max_val=high)


def _ordered(op: str, min_val: float, max_val: float) -> tuple[float, float]:
    low, high = number(op, "min_val", min_val), number(op, "max_val", max_val)
    if low > high:
        raise ValueError(f"{op}: min_val is {low}, expected at most max_val={high}")
    return low, high
