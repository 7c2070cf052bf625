"""The fully connected layer and its gradients, for NumPy and CuPy arrays."""

from ..core.call import Call
from ..core.device import Array


def linear(x: Array, w: Array, b: Array | None = None, *, out: Array | None = None) -> Array:
    """x W^T + b.

    Parameters
    ----------
    x : array (M, C), float16, bfloat16, float32 or float64
    w : array (K, C), same dtype and device
    b : array (K,), optional
    out : array (M, K), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (M, K)

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, -1.0]])
    >>> gpuconv.linear(x, w, np.array([0.0, 0.5, 0.0]))
    array([[ 1. ,  3.5, -2. ]])
    """
    call = Call("linear", ("b",), x=x, w=w, b=b)
    x, w, b = call.arrays
    _require_matrices(call.op, x=x, w=w)
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"{call.op}: x has {x.shape[1]} features, w expects {w.shape[1]} (w.shape={w.shape})")
    call.require_shape("b", b, w.shape[:1], "one bias for each row of w")
    with call.device:
        y = call.output((x.shape[0], w.shape[0]), out)
        call.kernels.linear.linear(x, w, b, y)
    return call.finish(y)


def linear_input_grad(dy: Array, w: Array, *, out: Array | None = None) -> Array:
    """dX = dY W.

    Parameters
    ----------
    dy : array (M, K), float16, bfloat16, float32 or float64
    w : array (K, C), same dtype and device
    out : array (M, C), optional

    Returns
    -------
    array (M, C)

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.linear_input_grad(np.array([[1.0, 1.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, -1.0]]))
    array([[2., 0.]])
    """
    call = Call("linear_input_grad", dy=dy, w=w)
    dy, w = call.arrays
    _require_matrices(call.op, dy=dy, w=w)
    if dy.shape[1] != w.shape[0]:
        raise ValueError(f"{call.op}: dy has {dy.shape[1]} columns, w has {w.shape[0]} rows, expected as many")
    with call.device:
        dx = call.output((dy.shape[0], w.shape[1]), out)
        call.kernels.linear.linear_input_grad(dy, w, dx)
    return call.finish(dx)


def linear_weight_grad(x: Array, dy: Array, *, out: Array | None = None) -> Array:
    """dW = dY^T X, summed over the rows of x.

    Parameters
    ----------
    x : array (M, C), float16, bfloat16, float32 or float64
    dy : array (M, K), same dtype and device
    out : array (K, C), optional

    Returns
    -------
    array (K, C)

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.linear_weight_grad(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, -1.0]]))
    array([[ 1.,  2.],
           [ 0.,  0.],
           [-1., -2.]])
    """
    call = Call("linear_weight_grad", x=x, dy=dy)
    x, dy = call.arrays
    _require_matrices(call.op, x=x, dy=dy)
    if x.shape[0] != dy.shape[0]:
        raise ValueError(f"{call.op}: x has {x.shape[0]} rows, dy has {dy.shape[0]}, expected as many")
    with call.device:
        dw = call.output((dy.shape[1], x.shape[1]), out)
        call.kernels.linear.linear_weight_grad(x, dy, dw)
    return call.finish(dw)


def linear_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db = the sum of the rows of dY.

    Parameters
    ----------
    dy : array (M, K), float16, bfloat16, float32 or float64
    out : array (K,), optional

    Returns
    -------
    array (K,)

    Notes
    -----
    Deterministic: a fixed order of summation. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.linear_bias_grad(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    call = Call("linear_bias_grad", dy=dy)
    (dy,) = call.arrays
    _require_matrices(call.op, dy=dy)
    with call.device:
        db = call.output(dy.shape[1:], out)
        call.kernels.linear.linear_bias_grad(dy, db)
    return call.finish(db)


def _require_matrices(op: str, **arrays: Array) -> None:
    for name, a in arrays.items():
        if a.ndim != 2:
            raise ValueError(f"{op}: {name} has shape {a.shape}, expected two dimensions (rows, columns)")
        if a.shape[1] == 0:
            raise ValueError(f"{op}: {name} has shape {a.shape}, expected at least one column")
