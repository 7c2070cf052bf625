"""Two-dimensional convolution and its gradients, for NumPy and CuPy arrays.

"Convolution" as in every network library: a correlation of the input with the kernel (docs/backprop.md has the
derivation, equation by equation).
"""

from collections.abc import Sequence
from typing import Any

from ..core.arrays import floating, floating_or_half, number, one_of, output, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.half import takes_half, wide
from ..core.shapes import ConvGeometry, Padding, Size, conv_geometry, shape_of

ACTIVATIONS = (None, "relu", "leaky_relu")
ALGORITHMS = (
    "auto", "direct", "filter_vectorized", "pointwise", "col2im", "winograd",
    "implicit_gemm", "few_channels", "depthwise", "tensor_core", "tf32",
)  # fmt: skip


@takes_half(natively=True)
def conv2d(
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
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    w : array (K, C/groups, R, S), same dtype and device
    b : array (K,), optional
    stride, dilation : int or pair
    padding : int, pair, ((top, bottom), (left, right)), "same" or "valid"
    groups : int
    activation : {None, "relu", "leaky_relu"}
        Applied to each output before it is stored.
    negative_slope : float
        Slope of leaky_relu.
    algorithm : {"auto", "direct", "winograd", "implicit_gemm", "few_channels", "depthwise", "tensor_core", "tf32"}
        "auto" is a pure function of the geometry, the type and the target. "winograd" is for square kernels without
        dilation. On the CPU: of one group, 3x3 and 5x5 taps at stride 1, and at stride 2 those whose phases have 3 or
        5 taps along an axis, which are 5x5 and 9x9. On a GPU: 3x3 taps at stride 1, but no weight gradient. "tf32" is
        for float32 on tensor cores: ten bits of fraction of what is multiplied, sums in float32. It is never chosen by
        itself.
    out : array (N, K, P, Q), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, K, P, Q)
        P = (H + top + bottom - dilation (R - 1) - 1) // stride + 1, Q likewise.

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, or the algorithm does not serve this geometry.

    Notes
    -----
    Forward pass of docs/backprop.md: x^l[i,j] = sum_m sum_n w^l[m,n] o^{l-1}[i+m, j+n] + b^l. Deterministic.

    On the CPU "auto" takes Winograd's algorithm for large float32 problems that it serves, where a model of the costs
    says that it is quicker: its error is some 1e-5 of the largest output, and a NaN or infinity in x spreads over the
    outputs of a tile, 4 x 4 of 3 x 3 taps and 2 x 2 of 5 x 5. On a GPU from sm_80 on, tensor cores multiply 16-bit
    arrays, and sums are float32.
    """
    op = "conv2d"
    x, w, b = floating_or_half(op, ("b",), x=x, w=w, b=b)
    g = conv_geometry(op, x.shape, w.shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if b is not None:
        shaped(op, "b", b, (g.k,), "one bias for each filter")
    code, slope = activation_code(op, x, activation, negative_slope)
    kernels = serving(op, x, algorithm, g, "fprop")
    with on_device_of(x):
        y = output(op, g.y_shape, x, out, inputs=[a for a in (x, w, b) if a is not None])
        kernels.fprop(g, x, w, b, code, slope, y, algorithm)
    return y


@takes_half(natively=True)
def conv2d_input_grad(
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
        x^l, what the activation in front of this convolution was applied to.
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, C, H, W)

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, or only one of activation and pre_activation is given.

    Notes
    -----
    Equations (17) to (21): dE/dx^l = (delta^{l+1} * rot180{w^{l+1}}) f'(x^l). Deterministic: each dx gathers.
    """
    op = "conv2d_input_grad"
    dy, w, pre_activation = floating_or_half(op, ("pre_activation",), dy=dy, w=w, pre_activation=pre_activation)
    if (activation is None) != (pre_activation is None):
        raise ValueError(
            f"{op}: activation and pre_activation go together, got activation={activation!r} "
            f"with pre_activation {'absent' if pre_activation is None else 'given'}"
        )
    x_shape = shape_of(op, "input_shape", input_shape, "(N, C, H, W)")
    g = conv_geometry(op, x_shape, w.shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    shaped(op, "dy", dy, g.y_shape, "the forward result's shape for input_shape")
    if pre_activation is not None:
        shaped(op, "pre_activation", pre_activation, g.x_shape, "input_shape")
    code, slope = activation_code(op, dy, activation, negative_slope)
    kernels = serving(op, dy, algorithm, g, "dgrad")
    with on_device_of(dy):
        dx = output(op, g.x_shape, dy, out, inputs=[a for a in (dy, w, pre_activation) if a is not None])
        kernels.dgrad(g, dy, w, pre_activation, code, slope, dx, algorithm)
    return dx


@takes_half(natively=True)
def conv2d_weight_grad(
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

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, or the algorithm does not serve this geometry.

    Notes
    -----
    Equations (10) to (14): dE/dw^l[m',n'] = sum_i sum_j delta^l[i,j] o^{l-1}[i+m', j+n']. Deterministic for a given
    number of threads: partial sums are added in a fixed order. On the CPU a NaN or infinity in x may reach taps that
    do not touch it.
    """
    op = "conv2d_weight_grad"
    x, dy = floating_or_half(op, x=x, dy=dy)
    w_shape = shape_of(op, "weight_shape", weight_shape, "(K, C/groups, R, S)")
    g = conv_geometry(op, x.shape, w_shape, stride=stride, padding=padding, dilation=dilation, groups=groups)
    shaped(op, "dy", dy, g.y_shape, "the forward result's shape for x and weight_shape")
    kernels = serving(op, x, algorithm, g, "wgrad")
    with on_device_of(x):
        dw = output(op, g.w_shape, x, out, inputs=(x, dy))
        kernels.wgrad(g, x, dy, dw, algorithm)
    return dw


@takes_half
def conv2d_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db[k]: the output gradient summed over batch and positions.

    Parameters
    ----------
    dy : array (N, K, P, Q), float16, bfloat16, float32 or float64
    out : array (K,), optional

    Returns
    -------
    array (K,)

    Raises
    ------
    TypeError
        If dy is no NumPy or CuPy array of a floating type.
    ValueError
        If dy has not four dimensions.

    Notes
    -----
    db = sum delta^l, the update rule of docs/backprop.md. Deterministic: a fixed order of summation.
    """
    op = "conv2d_bias_grad"
    (dy,) = floating(op, dy=dy)
    if dy.ndim != 4:
        raise ValueError(f"{op}: dy has shape {dy.shape}, expected four dimensions (N, K, P, Q)")
    with on_device_of(dy):
        db = output(op, (dy.shape[1],), dy, out, inputs=(dy,))
        kernels_for(dy).conv.bias_grad(dy, db)
    return db


def activation_code(op: str, like: Array, activation: str | None, negative_slope: float) -> tuple[int, Any]:
    """The kernels' code of an activation, and its slope in the arrays' dtype."""
    one_of(op, "activation", activation, ACTIVATIONS)
    return ACTIVATIONS.index(activation), wide(like.dtype).type(number(op, "negative_slope", negative_slope))


def serving(op: str, a: Array, algorithm: str, g: ConvGeometry, operation: str) -> Any:
    """The convolution launchers for this array, if they have the algorithm for this geometry and operation."""
    one_of(op, "algorithm", algorithm, ALGORITHMS)
    kernels = kernels_for(a).conv
    if algorithm != "auto" and algorithm not in (offered := kernels.algorithms(g, operation, a)):
        raise ValueError(f"{op}: algorithm {algorithm!r} does not serve this geometry here, expected one of {offered}")
    return kernels
