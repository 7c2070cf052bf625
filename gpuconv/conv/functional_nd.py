"""One-dimensional convolution and its gradients, for NumPy and CuPy arrays."""

from collections.abc import Sequence

from ..core.device import Array
from ..core.half import takes_half
from ..core.shapes import Padding, Size
from .passes import bias_grad, convolved, convolved_input_grad, convolved_weight_grad


@takes_half
def conv1d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    activation: str | None = None,
    negative_slope: float = 0.01,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """f(x * w + b): convolution with bias and activation in one pass.

    Parameters
    ----------
    x : array (N, C, W), float16, bfloat16, float32 or float64
    w : array (K, C/groups, S), same dtype and device
    b : array (K,), optional
    stride, dilation : int
    padding : int, (left, right) as ((left, right),), "same" or "valid"
    groups : int
    activation : {None, "relu", "leaky_relu"}
        Applied to each output before it is stored.
    negative_slope : float
        Slope of leaky_relu.
    algorithm : {"auto", "direct", "winograd", "implicit_gemm", "depthwise"}
        As for conv2d, for the images that compute it.
    out : array (N, K, Q), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, K, Q)
        Q = (W + left + right - dilation (S - 1) - 1) // stride + 1.

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, or the algorithm does not serve this geometry.

    Notes
    -----
    y[q] = sum_s w[s] x[q stride + s dilation - left] + b. Deterministic.

    A line is an image one row high: computed by conv2d's kernels, without a copy.
    """
    return convolved(
        "conv1d", 1, x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups,
        activation=activation, negative_slope=negative_slope, algorithm=algorithm, out=out,
    )  # fmt: skip


@takes_half
def conv1d_input_grad(
    dy: Array,
    w: Array,
    input_shape: Sequence[int],
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    activation: str | None = None,
    negative_slope: float = 0.01,
    pre_activation: Array | None = None,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """dx: the full correlation of the output gradient with the rotated kernel.

    Parameters
    ----------
    dy : array (N, K, Q), float16, bfloat16, float32 or float64
    w : array (K, C/groups, S), same dtype and device
    input_shape : (N, C, W)
        Shape of the forward input; the output shape does not determine it when stride > 1.
    stride, padding, dilation, groups, algorithm
        As in the forward call.
    activation : {None, "relu", "leaky_relu"}
        With pre_activation, multiplies by f'(x^l): delta^l of equation (20) in one pass.
    negative_slope : float
        Slope of leaky_relu.
    pre_activation : array (N, C, W), optional
        x^l, what the activation in front of this convolution was applied to.
    out : array (N, C, W), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, C, W)

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, or only one of activation and pre_activation is given.

    Notes
    -----
    Equations (17) to (21) of docs/backprop.md, over one axis. Deterministic: each dx gathers.
    """
    return convolved_input_grad(
        "conv1d_input_grad", 1, dy, w, input_shape, stride=stride, padding=padding, dilation=dilation, groups=groups,
        activation=activation, negative_slope=negative_slope, pre_activation=pre_activation,
        algorithm=algorithm, out=out,
    )  # fmt: skip


@takes_half
def conv1d_weight_grad(
    x: Array,
    dy: Array,
    weight_shape: Sequence[int],
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    algorithm: str = "auto",
    out: Array | None = None,
) -> Array:
    """dw: the correlation of the input with the output gradient.

    Parameters
    ----------
    x : array (N, C, W), float16, bfloat16, float32 or float64
    dy : array (N, K, Q), same dtype and device
    weight_shape : (K, C/groups, S)
    stride, padding, dilation, groups, algorithm
        As in the forward call.
    out : array (K, C/groups, S), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (K, C/groups, S)
        Summed over the batch; zeros for an empty one.

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, or the algorithm does not serve this geometry.

    Notes
    -----
    Equations (10) to (14) of docs/backprop.md, over one axis. Deterministic for a given number of threads.
    """
    return convolved_weight_grad(
        "conv1d_weight_grad", 1, x, dy, weight_shape, stride=stride, padding=padding, dilation=dilation, groups=groups,
        algorithm=algorithm, out=out,
    )  # fmt: skip


@takes_half
def conv1d_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db[k]: the output gradient summed over batch and positions.

    Parameters
    ----------
    dy : array (N, K, Q), float16, bfloat16, float32 or float64
    out : array (K,), optional

    Returns
    -------
    array (K,)

    Raises
    ------
    TypeError
        If dy is no NumPy or CuPy array of a floating type.
    ValueError
        If dy has another number of dimensions.

    Notes
    -----
    Deterministic: a fixed order of summation.
    """
    return bias_grad("conv1d_bias_grad", "(N, K, Q)", dy, out)
