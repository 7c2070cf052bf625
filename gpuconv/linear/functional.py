"""The fully connected layer and its gradients, for NumPy and CuPy arrays."""

from ..core.arrays import floating, output, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.half import takes_half


@takes_half
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

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together.

    Notes
    -----
    Deterministic.
    """
    op = "linear"
    x, w, b = floating(op, ("b",), x=x, w=w, b=b)
    _matrices(op, x=x, w=w)
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"{op}: x has {x.shape[1]} features, w expects {w.shape[1]} (w.shape={w.shape})")
    if b is not None:
        shaped(op, "b", b, w.shape[:1], "one bias for each row of w")
    with on_device_of(x):
        y = output(op, (x.shape[0], w.shape[0]), x, out, inputs=[a for a in (x, w, b) if a is not None])
        kernels_for(x).linear.linear(x, w, b, y)
    return y


@takes_half
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

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together.

    Notes
    -----
    Deterministic.
    """
    op = "linear_input_grad"
    dy, w = floating(op, dy=dy, w=w)
    _matrices(op, dy=dy, w=w)
    if dy.shape[1] != w.shape[0]:
        raise ValueError(f"{op}: dy has {dy.shape[1]} columns, w has {w.shape[0]} rows, expected as many")
    with on_device_of(dy):
        dx = output(op, (dy.shape[0], w.shape[1]), dy, out, inputs=(dy, w))
        kernels_for(dy).linear.linear_input_grad(dy, w, dx)
    return dx


@takes_half
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

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together.

    Notes
    -----
    Deterministic.
    """
    op = "linear_weight_grad"
    x, dy = floating(op, x=x, dy=dy)
    _matrices(op, x=x, dy=dy)
    if x.shape[0] != dy.shape[0]:
        raise ValueError(f"{op}: x has {x.shape[0]} rows, dy has {dy.shape[0]}, expected as many")
    with on_device_of(x):
        dw = output(op, (dy.shape[1], x.shape[1]), x, out, inputs=(x, dy))
        kernels_for(x).linear.linear_weight_grad(x, dy, dw)
    return dw


@takes_half
def linear_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db = the sum of the rows of dY.

    Parameters
    ----------
    dy : array (M, K), float16, bfloat16, float32 or float64
    out : array (K,), optional

    Returns
    -------
    array (K,)

    Raises
    ------
    TypeError
        If dy is no NumPy or CuPy array of a floating type.
    ValueError
        If dy has not two dimensions.

    Notes
    -----
    Deterministic: a fixed order of summation.
    """
    op = "linear_bias_grad"
    (dy,) = floating(op, dy=dy)
    _matrices(op, dy=dy)
    with on_device_of(dy):
        db = output(op, dy.shape[1:], dy, out, inputs=(dy,))
        kernels_for(dy).linear.linear_bias_grad(dy, db)
    return db


def _matrices(op: str, **arrays: Array) -> None:
    for name, a in arrays.items():
        if a.ndim != 2:
            raise ValueError(f"{op}: {name} has shape {a.shape}, expected two dimensions (rows, columns)")
        if a.shape[1] == 0:
            raise ValueError(f"{op}: {name} has shape {a.shape}, expected at least one column")
