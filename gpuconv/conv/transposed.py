"""Transposed convolution over one to three axes and its gradients, for NumPy and CuPy arrays.

Its maps are those of the convolution it is the input gradient of: K channels come in, C go out.
"""

from collections.abc import Sequence

from ..core.device import Array
from ..core.shapes import Padding, Size
from . import passes


def conv_transpose2d(
    x: Array, w: Array, b: Array | None = None, stride: Size = 1, padding: Padding = 0, output_padding: int |
    Sequence[int] = 0, groups: int = 1, dilation: Size = 1, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """Transposed convolution: each input spreads over the window that a convolution would have read for it.

    Parameters
    ----------
    x : array (N, K, P, Q), float16, bfloat16, float32 or float64
    w : array (K, C/groups, R, S), same dtype and device
    b : array (C,), optional
    stride, dilation : int or pair
    padding : int, pair, ((top, bottom), (left, right)), "same", "valid" or "full"
        Of the convolution: positions cut from the result. "same" needs stride 1.
    output_padding : int or pair
        Positions added at the result's end: with stride > 1 several sizes belong to one input's. Less than stride or
        dilation.
    groups : int
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, C, H, W)
        H = (P - 1) stride - top - bottom + dilation (R - 1) + output_padding + 1, W likewise.

    Notes
    -----
    y[n,c,p stride + r dilation - top, ...] += x[n,k,p,q] w[k,c,r,s], then the bias. Computed as `conv2d_input_grad`, so
    each y gathers: deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x, w = np.ones((1, 1, 2, 2), np.float32), np.ones((1, 1, 2, 2), np.float32)
    >>> gpuconv.conv_transpose2d(x, w)
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]], dtype=float32)
    """
    windows = stride, padding, output_padding, groups, dilation
    return passes.transposed("conv_transpose2d", 2, x, w, b, windows, out)


def conv_transpose2d_input_grad(
    dy: Array, w: Array, input_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, output_padding: int
    | Sequence[int] = 0, groups: int = 1, dilation: Size = 1, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """dx: a convolution of the output gradient.

    Parameters
    ----------
    dy : array (N, C, H, W), float16, bfloat16, float32 or float64
    w : array (K, C/groups, R, S), same dtype and device
    input_shape : (N, K, P, Q)
        Shape of the forward input.
    stride, padding, output_padding, groups, dilation
        As in the forward call.
    out : array (N, K, P, Q), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, K, P, Q)

    Notes
    -----
    dx[n,k,p,q] = sum_{c,r,s} w[k,c,r,s] dy[n,c,p stride + r dilation - top, ...]. Deterministic.
    Errors: docs/errors.md.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> dy, w = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 2, 2), np.float32)
    >>> gpuconv.conv_transpose2d_input_grad(dy, w, (1, 1, 2, 2))
    array([[[[4., 4.],
             [4., 4.]]]], dtype=float32)
    """
    windows = stride, padding, output_padding, groups, dilation
    return passes.transposed_input_grad("conv_transpose2d_input_grad", 2, dy, w, input_shape, windows, out)


def conv_transpose2d_weight_grad(
    x: Array, dy: Array, weight_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, output_padding:
    int | Sequence[int] = 0, groups: int = 1, dilation: Size = 1, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """dw: the weight gradient of a convolution of dy whose output gradient is x.

    Parameters
    ----------
    x : array (N, K, P, Q), float16, bfloat16, float32 or float64
    dy : array (N, C, H, W), same dtype and device
    weight_shape : (K, C/groups, R, S)
    stride, padding, output_padding, groups, dilation
        As in the forward call.
    out : array (K, C/groups, R, S), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (K, C/groups, R, S)
        Summed over the batch; zeros for an empty one.

    Notes
    -----
    Deterministic for a given number of threads. Errors: docs/errors.md.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x, dy = np.ones((1, 1, 2, 2), np.float32), np.ones((1, 1, 3, 3), np.float32)
    >>> gpuconv.conv_transpose2d_weight_grad(x, dy, (1, 1, 2, 2))
    array([[[[4., 4.],
             [4., 4.]]]], dtype=float32)
    """
    windows = stride, padding, output_padding, groups, dilation
    return passes.transposed_weight_grad("conv_transpose2d_weight_grad", 2, x, dy, weight_shape, windows, out)


def conv_transpose2d_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db[c]: the output gradient summed over batch and positions.

    Parameters
    ----------
    dy : array (N, C, H, W), float16, bfloat16, float32 or float64
    out : array (C,), optional
        Memory for the result; must not overlap dy.

    Returns
    -------
    array (C,)

    Notes
    -----
    Deterministic: a fixed order of summation. Errors: docs/errors.md.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> gpuconv.conv_transpose2d_bias_grad(np.ones((1, 2, 3, 3), np.float32))
    array([9., 9.], dtype=float32)
    """
    return passes.bias_grad("conv_transpose2d_bias_grad", "(N, C, H, W)", dy, out)


def conv_transpose1d(
    x: Array, w: Array, b: Array | None = None, stride: Size = 1, padding: Padding = 0, output_padding: int |
    Sequence[int] = 0, groups: int = 1, dilation: Size = 1, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """Transposed convolution over one axis, x (N, K, Q) to (N, C, W); otherwise as `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x, w = np.ones((1, 1, 2), np.float32), np.ones((1, 1, 2), np.float32)
    >>> gpuconv.conv_transpose1d(x, w).sum()
    np.float32(4.0)
    """
    windows = stride, padding, output_padding, groups, dilation
    return passes.transposed("conv_transpose1d", 1, x, w, b, windows, out)


def conv_transpose1d_input_grad(
    dy: Array, w: Array, input_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, output_padding: int
    | Sequence[int] = 0, groups: int = 1, dilation: Size = 1, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """dx (N, K, Q) from dy (N, C, W) and w (K, C/groups, S); otherwise as `conv_transpose2d_input_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> dy, w = np.ones((1, 1, 3), np.float32), np.ones((1, 1, 2), np.float32)
    >>> gpuconv.conv_transpose1d_input_grad(dy, w, (1, 1, 2)).ravel()[:2]
    array([2., 2.], dtype=float32)
    """
    windows = stride, padding, output_padding, groups, dilation
    return passes.transposed_input_grad("conv_transpose1d_input_grad", 1, dy, w, input_shape, windows, out)


def conv_transpose1d_weight_grad(
    x: Array, dy: Array, weight_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, output_padding:
    int | Sequence[int] = 0, groups: int = 1, dilation: Size = 1, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """dw (K, C/groups, S) from x (N, K, Q) and dy (N, C, W); otherwise as `conv_transpose2d_weight_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x, dy = np.ones((1, 1, 2), np.float32), np.ones((1, 1, 3), np.float32)
    >>> gpuconv.conv_transpose1d_weight_grad(x, dy, (1, 1, 2)).ravel()[:2]
    array([2., 2.], dtype=float32)
    """
    windows = stride, padding, output_padding, groups, dilation
    return passes.transposed_weight_grad("conv_transpose1d_weight_grad", 1, x, dy, weight_shape, windows, out)


def conv_transpose1d_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db (C,) from dy (N, C, W); otherwise as `conv_transpose2d_bias_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> dy = np.ones((1, 1, 3), np.float32)
    >>> gpuconv.conv_transpose1d_bias_grad(dy)
    array([3.], dtype=float32)
    """
    return passes.bias_grad("conv_transpose1d_bias_grad", "(N, C, W)", dy, out)


def conv_transpose3d(
    x: Array, w: Array, b: Array | None = None, stride: Size = 1, padding: Padding = 0, output_padding: int |
    Sequence[int] = 0, groups: int = 1, dilation: Size = 1, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """Transposed convolution over three axes, x (N, K, O, P, Q) to (N, C, D, H, W); otherwise as `conv_transpose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x, w = np.ones((1, 1, 2, 2, 2), np.float32), np.ones((1, 1, 2, 2, 2), np.float32)
    >>> gpuconv.conv_transpose3d(x, w).sum()
    np.float32(64.0)
    """
    windows = stride, padding, output_padding, groups, dilation
    return passes.transposed("conv_transpose3d", 3, x, w, b, windows, out)


def conv_transpose3d_input_grad(
    dy: Array, w: Array, input_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, output_padding: int
    | Sequence[int] = 0, groups: int = 1, dilation: Size = 1, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """dx (N, K, O, P, Q) from dy (N, C, D, H, W); otherwise as `conv_transpose2d_input_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> dy, w = np.ones((1, 1, 3, 3, 3), np.float32), np.ones((1, 1, 2, 2, 2), np.float32)
    >>> gpuconv.conv_transpose3d_input_grad(dy, w, (1, 1, 2, 2, 2)).ravel()[:2]
    array([8., 8.], dtype=float32)
    """
    windows = stride, padding, output_padding, groups, dilation
    return passes.transposed_input_grad("conv_transpose3d_input_grad", 3, dy, w, input_shape, windows, out)


def conv_transpose3d_weight_grad(
    x: Array, dy: Array, weight_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, output_padding:
    int | Sequence[int] = 0, groups: int = 1, dilation: Size = 1, *, out: Array | None = None,
) -> Array:  # fmt: skip
    """dw (K, C/groups, T, R, S) from dy (N, C, D, H, W); otherwise as `conv_transpose2d_weight_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x, dy = np.ones((1, 1, 2, 2, 2), np.float32), np.ones((1, 1, 3, 3, 3), np.float32)
    >>> gpuconv.conv_transpose3d_weight_grad(x, dy, (1, 1, 2, 2, 2)).ravel()[:2]
    array([8., 8.], dtype=float32)
    """
    windows = stride, padding, output_padding, groups, dilation
    return passes.transposed_weight_grad("conv_transpose3d_weight_grad", 3, x, dy, weight_shape, windows, out)


def conv_transpose3d_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db (C,) from dy (N, C, D, H, W); otherwise as `conv_transpose2d_bias_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> dy = np.ones((1, 1, 3, 3, 3), np.float32)
    >>> gpuconv.conv_transpose3d_bias_grad(dy)
    array([27.], dtype=float32)
    """
    return passes.bias_grad("conv_transpose3d_bias_grad", "(N, C, D, H, W)", dy, out)
