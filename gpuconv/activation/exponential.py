"""Activations that take an exponential and are bounded on one side."""

from ..core.device import Array
from .elementwise import backward, forward


def elu(x: Array, alpha: float = 1.0, *, out: Array | None = None) -> Array:
    """x where x > 0, alpha (exp(x) - 1) elsewhere.

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    alpha : float
        -alpha is the limit for large negative x.
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type, or out lives elsewhere, or an option is no number.
    ValueError
        If out has another shape.

    Notes
    -----
    Clevert, Unterthiner and Hochreiter, 2016. Deterministic.
    """
    return forward("elu", x, out, alpha=alpha)


def elu_grad(dy: Array, x: Array, alpha: float = 1.0, *, out: Array | None = None) -> Array:
    """dy where x > 0, dy alpha exp(x) elsewhere.

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    alpha : float
        -alpha is the limit for large negative x.
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ, or an option is
        no number.
    ValueError
        If the shapes differ.

    Notes
    -----
    Deterministic.
    """
    return backward("elu_grad", dy, x, out, alpha=alpha)


def selu(x: Array, *, out: Array | None = None) -> Array:
    """scale * elu(x, alpha), with scale = 1.0507 and alpha = 1.6733.

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
    Scale and alpha keep mean 0 and variance 1 from layer to layer (Klambauer et al., 2017). Deterministic.
    """
    return forward("selu", x, out)


def selu_grad(dy: Array, x: Array, *, out: Array | None = None) -> Array:
    """dy scale where x > 0, dy scale alpha exp(x) elsewhere.

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
    return backward("selu_grad", dy, x, out)


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0, *, out: Array | None = None) -> Array:
    """log(1 + exp(beta x)) / beta: a smooth relu.

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    beta : float
        Sharpness: the larger, the nearer to relu.
    threshold : float
        x itself is returned where beta x is larger.
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type, or out lives elsewhere, or an option is no number.
    ValueError
        If out has another shape.

    Notes
    -----
    Computed as max(beta x, 0) + log(1 + exp(-|beta x|)): finite for a threshold of any size, where PyTorch's
    exponential overflows from beta x = 89 (float32) on. Deterministic.
    """
    return forward("softplus", x, out, beta=beta, threshold=threshold)


def softplus_grad(
    dy: Array, x: Array, beta: float = 1.0, threshold: float = 20.0, *, out: Array | None = None
) -> Array:
    """dy sigmoid(beta x); dy where beta x > threshold.

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    beta : float
        Sharpness: the larger, the nearer to relu.
    threshold : float
        x itself is returned where beta x is larger.
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ, or an option is
        no number.
    ValueError
        If the shapes differ.

    Notes
    -----
    Deterministic.
    """
    return backward("softplus_grad", dy, x, out, beta=beta, threshold=threshold)
