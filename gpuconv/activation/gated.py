"""Gated activations, x times a gate between 0 and 1: silu, mish, gelu, hardswish; and hardsigmoid."""

from ..core.device import Array
from ..core.options import one_of
from .elementwise import backward, forward

APPROXIMATIONS = {"none": "gelu", "tanh": "gelu_tanh"}  # kernel of each


def silu(x: Array, *, out: Array | None = None) -> Array:
    """x sigmoid(x), also called swish.

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
    NaN for x of minus infinity, as in PyTorch. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.silu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.2689,  0.    ,  1.7616])
    """
    return forward("silu", x, out)


def silu_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """dy (s + x s (1 - s)), with s = sigmoid(x).

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
    NaN for infinite x, as in PyTorch. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.silu_grad(np.ones(3), np.array([-1.0, 0.0, 2.0])).round(4)
    array([0.0723, 0.5   , 1.0908])
    """
    return backward("silu_grad", dy, x, out)


def mish(x: Array, *, out: Array | None = None) -> Array:
    """x tanh(log(1 + exp(x))).

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
    Misra, 2019; one exponential and one division. NaN for x of minus infinity, as in PyTorch. Deterministic.
    Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.mish(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.3034,  0.    ,  1.944 ])
    """
    return forward("mish", x, out)


def mish_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """dy times the derivative of mish.

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
    NaN for infinite x, as in PyTorch. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.mish_grad(np.ones(3), np.array([-1.0, 0.0, 2.0])).round(4)
    array([0.0592, 0.6   , 1.0693])
    """
    return backward("mish_grad", dy, x, out)


def hardsigmoid(x: Array, *, out: Array | None = None) -> Array:
    """min(max(0, x + 3), 6) / 6: a piecewise linear sigmoid.

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
    NaN propagates. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.hardsigmoid(np.array([-4.0, 0.0, 1.5]))
    array([0.  , 0.5 , 0.75])
    """
    return forward("hardsigmoid", x, out)


def hardsigmoid_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """dy / 6 where -3 < x < 3, 0 elsewhere.

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
    >>> gpuconv.hardsigmoid_grad(np.full(3, 6.0), np.array([-4.0, 0.0, 1.5]))
    array([0., 1., 1.])
    """
    return backward("hardsigmoid_grad", dy, x, out)


def hardswish(x: Array, *, out: Array | None = None) -> Array:
    """x hardsigmoid(x).

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
    Howard et al., 2019. NaN for x of minus infinity, as in PyTorch. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.hardswish(np.array([-1.5, 0.0, 1.5, 4.0]))
    array([-0.375,  0.   ,  1.125,  4.   ])
    """
    return forward("hardswish", x, out)


def hardswish_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """0 where x <= -3, dy where x >= 3, dy (2x + 3) / 6 between.

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
    >>> gpuconv.hardswish_grad(np.ones(4), np.array([-4.0, 0.0, 1.5, 4.0]))
    array([0. , 0.5, 1. , 1. ])
    """
    return backward("hardswish_grad", dy, x, out)


def gelu(x: Array, approximate: str = "none", *, out: Array | None = None) -> Array:
    """x P(X <= x) for a standard normal X: x (1 + erf(x / sqrt(2))) / 2.

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    approximate : {"none", "tanh"}
        "tanh" takes x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 instead.
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x

    Notes
    -----
    Hendrycks and Gimpel, 2016. Negative results keep all their digits, where PyTorch's 1 + erf cancels to 0. NaN for x
    of minus infinity, as in PyTorch. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> x = np.array([-1.0, 0.0, 2.0])
    >>> gpuconv.gelu(x).round(4)
    array([-0.1587,  0.    ,  1.9545])
    >>> gpuconv.gelu(x, "tanh").round(4)
    array([-0.1588,  0.    ,  1.9546])
    """
    one_of("gelu", "approximate", approximate, tuple(APPROXIMATIONS))
    return forward("gelu", x, out, kernel=APPROXIMATIONS[approximate])


def gelu_grad(dy: Array, x: Array, approximate: str = "none", *, out: Array | None = None) -> Array:
    """dy (P(X <= x) + x p(x)), p the normal density; with "tanh" the derivative of the approximation.

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    approximate : {"none", "tanh"}
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Notes
    -----
    NaN for infinite x, as in PyTorch; finite for large ones, where the cube of PyTorch's approximation overflows.
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.gelu_grad(np.ones(3), np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.0833,  0.5   ,  1.0852])
    """
    one_of("gelu_grad", "approximate", approximate, tuple(APPROXIMATIONS))
    return backward("gelu_grad", dy, x, out, kernel=APPROXIMATIONS[approximate])
