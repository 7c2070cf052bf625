"""Three-dimensional transposed convolution and its gradients, for NumPy and CuPy arrays.

Its maps are those of the convolution it is the input gradient of: K channels come in, C go out.
"""

from collections.abc import Sequence

from ..core.device import Array
from ..core.half import takes_half
from ..core.shapes import Padding, Size
from .passes import bias_grad, transposed, transposed_input_grad, transposed_weight_grad


@takes_half
def conv_transpose3d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: Size = 1,
    out: Array | None = None,
) -> Array:
    """Transposed convolution: each input spreads over the window a convolution would have read for it.

    Parameters
    ----------
    x : array (N, K, O, P, Q), float16, bfloat16, float32 or float64
    w : array (K, C/groups, T, R, S), same dtype and device
    b : array (C,), optional
    stride, dilation : int or triple
    padding : int, triple, ((front, back), (top, bottom), (left, right)), "same" or "valid"
        Of the convolution: positions cut from the result. "same" as for a convolution, with stride 1.
    output_padding : int or triple
        Positions added at the result's end: with stride > 1 several sizes belong to one input's. Less than stride or
        dilation.
    groups : int
    out : array (N, C, D, H, W), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, C, D, H, W)
        D = (O - 1) stride - front - back + dilation (T - 1) + output_padding + 1, H and W likewise.

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together, or the result would be empty.

    Notes
    -----
    y[n,c,o stride + t dilation - front, ...] += x[n,k,o,p,q] w[k,c,t,r,s], then the bias.
    Computed as conv3d_input_grad, so each y gathers: deterministic.
    """
    return transposed(
        "conv_transpose3d", 3, x, w, b, stride=stride, padding=padding, output_padding=output_padding,
        groups=groups, dilation=dilation, out=out,
    )  # fmt: skip


@takes_half
def conv_transpose3d_input_grad(
    dy: Array,
    w: Array,
    input_shape: Sequence[int],
    *,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: Size = 1,
    out: Array | None = None,
) -> Array:
    """dx: a convolution of the output gradient.

    Parameters
    ----------
    dy : array (N, C, D, H, W), float16, bfloat16, float32 or float64
    w : array (K, C/groups, T, R, S), same dtype and device
    input_shape : (N, K, O, P, Q)
        Shape of the forward input.
    stride, padding, output_padding, groups, dilation
        As in the forward call.
    out : array (N, K, O, P, Q), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (N, K, O, P, Q)

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
    return transposed_input_grad(
        "conv_transpose3d_input_grad", 3, dy, w, input_shape, stride=stride, padding=padding,
        output_padding=output_padding, groups=groups, dilation=dilation, out=out,
    )  # fmt: skip


@takes_half
def conv_transpose3d_weight_grad(
    x: Array,
    dy: Array,
    weight_shape: Sequence[int],
    *,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: Size = 1,
    out: Array | None = None,
) -> Array:
    """dw: the correlation of the output gradient with the input.

    Parameters
    ----------
    x : array (N, K, O, P, Q), float16, bfloat16, float32 or float64
    dy : array (N, C, D, H, W), same dtype and device
    weight_shape : (K, C/groups, T, R, S)
    stride, padding, output_padding, groups, dilation
        As in the forward call.
    out : array (K, C/groups, T, R, S), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (K, C/groups, T, R, S)
        Summed over the batch; zeros for an empty one.

    Raises
    ------
    TypeError
        If an array is no NumPy or CuPy array of a floating type, or dtypes or devices differ.
    ValueError
        If the shapes do not fit together.

    Notes
    -----
    Equation (13) of docs/backprop.md with x and dy in each other's place. Deterministic for a given number of threads.
    """
    return transposed_weight_grad(
        "conv_transpose3d_weight_grad", 3, x, dy, weight_shape, stride=stride, padding=padding,
        output_padding=output_padding, groups=groups, dilation=dilation, out=out,
    )  # fmt: skip


@takes_half
def conv_transpose3d_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db[c]: the output gradient summed over batch and positions.

    Parameters
    ----------
    dy : array (N, C, D, H, W), float16, bfloat16, float32 or float64
    out : array (C,), optional

    Returns
    -------
    array (C,)

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
    return bias_grad("conv_transpose3d_bias_grad", "(N, C, D, H, W)", dy, out)
