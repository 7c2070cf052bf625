"""Average pooling and its gradient."""

from collections.abc import Sequence
from typing import Any

from ..core.call import Call
from ..core.device import Array
from ..core.options import flag
from ..core.plan import Plan
from ..core.run import run
from ..core.shapes import Padding, Size, integer
from .blocks import by_planes
from .shape import backward_shape, forward_shape


def avg_pool2d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    dilation: Size = 1,
    out: Array | None = None,
) -> Array:
    """The mean of each window.

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    kernel_size : int or pair
    stride : int or pair, optional
        Default: kernel_size.
    padding : int, pair, ((top, bottom), (left, right)), "same" or "valid"
        Padded positions are zeros; a window may lie in the padding alone, and its mean is 0.
    ceil_mode : bool
        Keep a last window that hangs over the end, as PyTorch does.
    count_include_pad : bool
        Whether padded positions count in the divisor. Positions past the padding (ceil_mode) never do.
    divisor_override : int, optional
        Divide by this instead, whatever the window covers; not 0.
    dilation : int or pair
        Distance of a window's elements from each other, as ONNX's AveragePool has it and PyTorch's has not.
    out : array (N, C, P, Q), optional
        Memory for the result; must not overlap x.

    Returns
    -------
    array (N, C, P, Q)

    Raises
    ------
    ValueError
        If the divisor is 0.

    Notes
    -----
    Where ONNX and PyTorch disagree about the divisor, PyTorch's is the rule. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    options = kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override
    return _avg_pool("avg_pool2d", 2, x, out, *options)


def avg_pool2d_input_grad(
    dy: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    dilation: Size = 1,
    out: Array | None = None,
) -> Array:
    """dx: each output gradient is spread evenly over its window.

    Parameters
    ----------
    dy : array (N, C, P, Q), float16, bfloat16, float32 or float64
    input_shape : (N, C, H, W)
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, dilation
        As in the forward call.
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap dy.

    Returns
    -------
    array (N, C, H, W)

    Notes
    -----
    Each input gathers from the windows that cover it, without atomics: deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.avg_pool2d_input_grad(np.array([[[[4.0, 8.0]]]]), (1, 1, 2, 4), 2)
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """
    options = kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override
    return _avg_pool_input_grad("avg_pool2d_input_grad", 2, dy, input_shape, out, *options)


def avg_pool1d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    dilation: Size = 1,
    out: Array | None = None,
) -> Array:
    """The mean of each window along one axis.

    Parameters
    ----------
    x : array (N, C, W), float16, bfloat16, float32 or float64
    kernel_size, stride : int
    padding : int, ((left, right),), "same" or "valid"
    ceil_mode, count_include_pad : bool
    dilation : int
    out : array (N, C, Q), optional

    Returns
    -------
    array (N, C, Q)
        As for `avg_pool2d`.

    Notes
    -----
    Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.avg_pool1d(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    array([[[2., 1.]]])
    """
    return _avg_pool(
        "avg_pool1d", 1, x, out, kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, None
    )


def avg_pool1d_input_grad(
    dy: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    dilation: Size = 1,
    out: Array | None = None,
) -> Array:
    """dx (N, C, W) from dy (N, C, Q); everything else as for `avg_pool2d_input_grad`.

    Examples
    --------
    >>> gpuconv.avg_pool1d_input_grad(np.array([[[2.0, 4.0]]]), (1, 1, 4), 2)
    array([[[1., 1., 2., 2.]]])
    """
    options = kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, None
    return _avg_pool_input_grad("avg_pool1d_input_grad", 1, dy, input_shape, out, *options)


def avg_pool3d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    dilation: Size = 1,
    out: Array | None = None,
) -> Array:
    """The mean of each window in a volume.

    Parameters
    ----------
    x : array (N, C, D, H, W), float16, bfloat16, float32 or float64
    kernel_size, stride : int or triple
    padding : int, triple, ((front, back), (top, bottom), (left, right)), "same" or "valid"
    ceil_mode, count_include_pad : bool
    divisor_override : int, optional
    dilation : int or triple
    out : array (N, C, Z, P, Q), optional

    Returns
    -------
    array (N, C, Z, P, Q)
        As for `avg_pool2d`.

    Notes
    -----
    Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.avg_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 2)
    array([[[[[3.5]]]]])
    """
    options = kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override
    return _avg_pool("avg_pool3d", 3, x, out, *options)


def avg_pool3d_input_grad(
    dy: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    dilation: Size = 1,
    out: Array | None = None,
) -> Array:
    """dx (N, C, D, H, W) from dy (N, C, Z, P, Q); everything else as for `avg_pool2d_input_grad`.

    Examples
    --------
    >>> gpuconv.avg_pool3d_input_grad(np.full((1, 1, 1, 1, 1), 8.0), (1, 1, 2, 2, 2), 2).ravel()
    array([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    options = kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override
    return _avg_pool_input_grad("avg_pool3d_input_grad", 3, dy, input_shape, out, *options)


def _avg_pool(op: str, rank: int, x: Array, out: Array | None, *options: Any) -> Array:
    def in_blocks(call: Call, plan: Plan, out: Array | None, *_: Any) -> Array:
        (y,) = by_planes(call, lambda x: _avg_pool(op, rank, x, None, *options), [x], [plan.result_shape], out)
        return y

    return run(op, _forward_plan, {"x": x}, (rank, *options), out=out, blocks=in_blocks)


def _avg_pool_input_grad(
    op: str, rank: int, dy: Array, input_shape: Sequence[int], out: Array | None, *options: Any
) -> Array:
    def in_blocks(call: Call, plan: Plan, out: Array | None, *_: Any) -> Array:
        def block(dy: Array) -> Array:
            return _avg_pool_input_grad(op, rank, dy, (*dy.shape[:2], *plan.result_shape[2:]), None, *options)

        (dx,) = by_planes(call, block, [dy], [plan.result_shape], out)
        return dx

    return run(op, _input_grad_plan, {"dy": dy}, (rank, input_shape, *options), out=out, blocks=in_blocks)


def _forward_plan(
    call: Call,
    rank: int,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
    count_include_pad: Any,
    divisor: Any,
) -> Plan:
    counting = flag(call.op, "count_include_pad", count_include_pad), _divisor(call.op, divisor)
    s, launch = forward_shape(call, rank, kernel_size, stride, padding, dilation, ceil_mode), call.kernels.pool.avg_pool
    return Plan(s.y_shape, lambda x, y: launch(s, x, *counting, y))


def _input_grad_plan(
    call: Call, rank: int, input_shape: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any,
    count_include_pad: Any, divisor: Any,
) -> Plan:  # fmt: skip
    counting = flag(call.op, "count_include_pad", count_include_pad), _divisor(call.op, divisor)
    s = backward_shape(call, rank, input_shape, kernel_size, stride, padding, dilation, ceil_mode)
    launch = call.kernels.pool.avg_pool_input_grad
    return Plan(s.x_shape, lambda dy, dx: launch(s, dy, *counting, dx))


def _divisor(op: str, divisor_override: Any) -> int:
    """Divisor for the kernels: 0 means the size of the window."""
    if divisor_override is None:
        return 0
    divisor = integer(op, "divisor_override", divisor_override, at_least=1 - 2**31)
    if divisor == 0:
        raise ValueError(f"{op}: divisor_override is 0, expected another integer")
    return divisor
