"""Two-dimensional convolution and its gradients, for NumPy and CuPy arrays.

"Convolution" as in every network library: a correlation of the input with the kernel (docs/backprop.md has the
derivation, equation by equation). What every function refuses, and how it says so: docs/errors.md.
"""

from collections.abc import Sequence

from ..core.device import Array
from ..core.shapes import Padding, Size
from . import passes


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
    negative_slope: float = 0.01,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """f(x * w + b): convolution with bias and activation in one pass.

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    w : array (K, C/groups, R, S), same dtype and device
    b : array (K,), optional
    stride, dilation : int or pair
    padding : int, pair, ((top, bottom), (left, right)), "same", "valid" or "full"
    groups : int
    activation : {None, "relu", "leaky_relu"}
        Applied to each output before it is stored.
    negative_slope : float
        Slope of leaky_relu.
    algorithm : str
        "auto", a pure function of shape, dtype and target, or an algorithm by name (docs/concepts.md lists those of
        each target); the error says why one does not support a problem.
    out : array (N, K, P, Q), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, K, P, Q)
        P = (H + top + bottom - dilation (R - 1) - 1) // stride + 1, Q likewise.

    Notes
    -----
    Forward pass of docs/backprop.md: x^l[i,j] = sum_m sum_n w^l[m,n] o^{l-1}[i+m, j+n] + b^l. Deterministic.

    "auto" takes Winograd's algorithm for large float32 problems that it supports where the cost model finds it quicker,
    with two to four times the error of the direct algorithms, and the FFT for kernels of many taps;
    `gpuconv.precision("exact")` keeps to the direct ones. On a GPU from sm_80 on, tensor cores multiply 16-bit arrays
    and sums are float32; "tf32" does so for float32 arrays, with ten bits of mantissa, and only when it is asked for.
    Errors: docs/errors.md.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    >>> w = np.ones((1, 1, 2, 2), np.float32)
    >>> gpuconv.conv2d(x, w)
    array([[[[ 8., 12.],
             [20., 24.]]]], dtype=float32)
    """
    windows = stride, padding, dilation, groups
    return passes.forward("conv2d", 2, x, w, b, windows, activation, negative_slope, algorithm, out)


def conv2d_input_grad(
    dy: Array,
    w: Array,
    input_shape: Sequence[int],
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    activation: str | None = None,
    negative_slope: float = 0.01,
    pre_activation: Array | None = None,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """dx: the full correlation of the output gradient with the rotated kernel.

    Parameters
    ----------
    dy : array (N, K, P, Q), float16, bfloat16, float32 or float64
    w : array (K, C/groups, R, S), same dtype and device
    input_shape : (N, C, H, W)
        Shape of the forward input; the output shape does not determine it when stride > 1.
    stride, padding, dilation, groups, algorithm
        As in the forward call.
    activation : {None, "relu", "leaky_relu"}
        With pre_activation, multiplies by f'(x^l): delta^l of equation (20) in one pass.
    negative_slope : float
        Slope of leaky_relu.
    pre_activation : array (N, C, H, W), optional
        x^l, the argument of the activation in front of this convolution.
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, C, H, W)

    Notes
    -----
    Equations (17) to (21): dE/dx^l = (delta^{l+1} * rot180{w^{l+1}}) f'(x^l). Deterministic: each dx gathers.
    Errors: docs/errors.md.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> dy = np.ones((1, 1, 2, 2), np.float32)
    >>> w = np.ones((1, 1, 2, 2), np.float32)
    >>> gpuconv.conv2d_input_grad(dy, w, (1, 1, 3, 3))
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]], dtype=float32)
    """
    windows = stride, padding, dilation, groups
    return passes.input_grad(
        "conv2d_input_grad", 2, dy, w, input_shape, windows, activation, negative_slope, pre_activation, algorithm, out
    )


def conv2d_weight_grad(
    x: Array,
    dy: Array,
    weight_shape: Sequence[int],
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """dw: the correlation of the input with the output gradient.

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    dy : array (N, K, P, Q), same dtype and device
    weight_shape : (K, C/groups, R, S)
    stride, padding, dilation, groups, algorithm
        As in the forward call.
    out : array (K, C/groups, R, S), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (K, C/groups, R, S)
        Summed over the batch; zeros for an empty one.

    Notes
    -----
    Equations (10) to (14): dE/dw^l[m',n'] = sum_i sum_j delta^l[i,j] o^{l-1}[i+m', j+n']. Deterministic for a given
    number of threads: partial sums are added in a fixed order. On the CPU a NaN or infinity in x may reach taps that
    do not touch it. Errors: docs/errors.md.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    >>> dy = np.ones((1, 1, 2, 2), np.float32)
    >>> gpuconv.conv2d_weight_grad(x, dy, (1, 1, 2, 2))
    array([[[[ 8., 12.],
             [20., 24.]]]], dtype=float32)
    """
    windows = stride, padding, dilation, groups
    return passes.weight_grad("conv2d_weight_grad", 2, x, dy, weight_shape, windows, algorithm, out)


def conv2d_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db[k]: the output gradient summed over batch and positions.

    Parameters
    ----------
    dy : array (N, K, P, Q), float16, bfloat16, float32 or float64
    out : array (K,), optional
        Memory for the result; must not overlap dy.

    Returns
    -------
    array (K,)

    Notes
    -----
    db = sum delta^l, the update rule of docs/backprop.md. Deterministic: a fixed order of summation.
    Errors: docs/errors.md.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> gpuconv.conv2d_bias_grad(np.ones((2, 3, 4, 4), np.float32))
    array([32., 32., 32.], dtype=float32)
    """
    return passes.bias_grad("conv2d_bias_grad", "(N, K, P, Q)", dy, out)
