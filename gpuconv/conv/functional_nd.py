"""Convolution over one and three axes and its gradients, for NumPy and CuPy arrays.

The contract is that of `conv2d` and its gradients over another number of axes: sizes are an int or one for each axis,
`padding` an int, one for each axis, (before, after) for each axis, "same", "valid" or "full". A line is an image one
row high; a volume is convolved frame by frame, the taps of the depth being channels.
"""

from collections.abc import Sequence

from ..core.device import Array
from ..core.shapes import Padding, Size
from . import passes


def conv1d(
    x: Array, w: Array, b: Array | None = None, stride: Size = 1, padding: Padding = 0, dilation: Size = 1,
    groups: int = 1, *, activation: str | None = None, negative_slope: float = 0.01, algorithm: str = "auto",
    out: Array | None = None,
) -> Array:  # fmt: skip
    """f(x * w + b) over one axis: `conv2d` for x (N, C, W), w (K, C/groups, S) and y (N, K, Q).

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x = np.arange(4, dtype=np.float32).reshape(1, 1, 4)
    >>> gpuconv.conv1d(x, np.ones((1, 1, 2), np.float32))
    array([[[1., 3., 5.]]], dtype=float32)
    """
    windows = stride, padding, dilation, groups
    return passes.forward("conv1d", 1, x, w, b, windows, activation, negative_slope, algorithm, out)


def conv1d_input_grad(
    dy: Array, w: Array, input_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, dilation: Size = 1,
    groups: int = 1, *, activation: str | None = None, negative_slope: float = 0.01,
    pre_activation: Array | None = None, algorithm: str = "auto", out: Array | None = None,
) -> Array:  # fmt: skip
    """dx (N, C, W) from dy (N, K, Q) and w (K, C/groups, S); otherwise as `conv2d_input_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> dy, w = np.ones((1, 1, 2), np.float32), np.ones((1, 1, 2), np.float32)
    >>> gpuconv.conv1d_input_grad(dy, w, (1, 1, 3)).sum()
    np.float32(4.0)
    """
    windows = stride, padding, dilation, groups
    return passes.input_grad(
        "conv1d_input_grad", 1, dy, w, input_shape, windows, activation, negative_slope, pre_activation, algorithm, out
    )


def conv1d_weight_grad(
    x: Array, dy: Array, weight_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, dilation: Size = 1,
    groups: int = 1, *, algorithm: str = "auto", out: Array | None = None,
) -> Array:  # fmt: skip
    """dw (K, C/groups, S) from x (N, C, W) and dy (N, K, Q); otherwise as `conv2d_weight_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x, dy = np.ones((1, 1, 3), np.float32), np.ones((1, 1, 2), np.float32)
    >>> gpuconv.conv1d_weight_grad(x, dy, (1, 1, 2)).ravel()[:2]
    array([2., 2.], dtype=float32)
    """
    windows = stride, padding, dilation, groups
    return passes.weight_grad("conv1d_weight_grad", 1, x, dy, weight_shape, windows, algorithm, out)


def conv1d_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db (K,) from dy (N, K, Q); otherwise as `conv2d_bias_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> gpuconv.conv1d_bias_grad(np.ones((2, 1, 3), np.float32))
    array([6.], dtype=float32)
    """
    return passes.bias_grad("conv1d_bias_grad", "(N, K, Q)", dy, out)


def conv3d(
    x: Array, w: Array, b: Array | None = None, stride: Size = 1, padding: Padding = 0, dilation: Size = 1,
    groups: int = 1, *, activation: str | None = None, negative_slope: float = 0.01, algorithm: str = "auto",
    out: Array | None = None,
) -> Array:  # fmt: skip
    """f(x * w + b) over three axes: `conv2d` for x (N, C, D, H, W), w (K, C/groups, T, R, S) and y (N, K, O, P, Q).

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 2, 2)
    >>> gpuconv.conv3d(x, np.ones((1, 1, 2, 2, 2), np.float32))
    array([[[[[28.]]]]], dtype=float32)
    """
    windows = stride, padding, dilation, groups
    return passes.forward("conv3d", 3, x, w, b, windows, activation, negative_slope, algorithm, out)


def conv3d_input_grad(
    dy: Array, w: Array, input_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, dilation: Size = 1,
    groups: int = 1, *, activation: str | None = None, negative_slope: float = 0.01,
    pre_activation: Array | None = None, algorithm: str = "auto", out: Array | None = None,
) -> Array:  # fmt: skip
    """dx (N, C, D, H, W) from dy (N, K, O, P, Q) and w (K, C/groups, T, R, S); otherwise as `conv2d_input_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> dy, w = np.ones((1, 1, 2, 2, 2), np.float32), np.ones((1, 1, 2, 2, 2), np.float32)
    >>> gpuconv.conv3d_input_grad(dy, w, (1, 1, 3, 3, 3)).sum()
    np.float32(64.0)
    """
    windows = stride, padding, dilation, groups
    return passes.input_grad(
        "conv3d_input_grad", 3, dy, w, input_shape, windows, activation, negative_slope, pre_activation, algorithm, out
    )


def conv3d_weight_grad(
    x: Array, dy: Array, weight_shape: Sequence[int], stride: Size = 1, padding: Padding = 0, dilation: Size = 1,
    groups: int = 1, *, algorithm: str = "auto", out: Array | None = None,
) -> Array:  # fmt: skip
    """dw (K, C/groups, T, R, S) from x (N, C, D, H, W) and dy (N, K, O, P, Q); otherwise as `conv2d_weight_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> x, dy = np.ones((1, 1, 3, 3, 3), np.float32), np.ones((1, 1, 2, 2, 2), np.float32)
    >>> gpuconv.conv3d_weight_grad(x, dy, (1, 1, 2, 2, 2)).ravel()[:2]
    array([8., 8.], dtype=float32)
    """
    windows = stride, padding, dilation, groups
    return passes.weight_grad("conv3d_weight_grad", 3, x, dy, weight_shape, windows, algorithm, out)


def conv3d_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db (K,) from dy (N, K, O, P, Q); otherwise as `conv2d_bias_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import gpuconv
    >>> gpuconv.conv3d_bias_grad(np.ones((2, 1, 3, 3, 3), np.float32))
    array([54.], dtype=float32)
    """
    return passes.bias_grad("conv3d_bias_grad", "(N, K, O, P, Q)", dy, out)
