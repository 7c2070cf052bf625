"""Exponential activations: elu, selu, softplus."""

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

    Notes
    -----
    Clevert, Unterthiner and Hochreiter, 2016. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.elu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-0.6321,  0.    ,  2.    ])
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

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.elu_grad(np.ones(3), np.array([-1.0, 0.0, 2.0])).round(4)
    array([0.3679, 1.    , 1.    ])
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

    Notes
    -----
    Scale and alpha keep mean 0 and variance 1 from layer to layer (Klambauer et al., 2017). Deterministic.
    Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.selu(np.array([-1.0, 0.0, 2.0])).round(4)
    array([-1.1113,  0.    ,  2.1014])
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

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.selu_grad(np.ones(2), np.array([-1.0, 2.0])).round(4)
    array([0.6468, 1.0507])
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

    Notes
    -----
    Computed as max(beta x, 0) + log(1 + exp(-|beta x|)): finite for a threshold of any size, where PyTorch's
    exponential overflows from beta x = 89 (float32) on. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.softplus(np.array([-1.0, 0.0, 30.0])).round(4)
    array([ 0.3133,  0.6931, 30.    ])
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

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.softplus_grad(np.ones(3), np.array([-1.0, 0.0, 30.0])).round(4)
    array([0.2689, 0.5   , 1.    ])
    """
    return backward("softplus_grad", dy, x, out, beta=beta, threshold=threshold)
