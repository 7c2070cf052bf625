"""Maximum pooling with masks, and its gradient."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..core.call import Call
from ..core.device import Array
from ..core.plan import Plan
from ..core.run import run, run_with_indices
from ..core.shapes import Padding, Size
from .blocks import by_planes
from .indices import require_mask
from .shape import backward_shape, forward_shape


def max_pool2d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """Maximum of each window, and its position within the window.

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    kernel_size, dilation : int or pair
    stride : int or pair, optional
        Default: kernel_size.
    padding : int, pair, ((top, bottom), (left, right)), "same" or "valid"
        Padded positions never win.
    ceil_mode : bool
        Keep a last window that hangs over the end, as PyTorch does.

    Returns
    -------
    y : array (N, C, P, Q)
    mask : array (N, C, P, Q) of the smallest unsigned type that holds R * S - 1
        Position of the winner inside its window, r * S + s: the first in row-major order wins a tie. `pool_indices`
        turns it into PyTorch's indices.

    Notes
    -----
    NaN propagates; its position is that of the first NaN of a window (PyTorch: the last). Deterministic.
    Errors: docs/errors.md.

    Examples
    --------
    >>> y, mask = gpuconv.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    >>> y
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    >>> mask[0, 0]
    array([[3, 3],
           [3, 3]], dtype=uint8)
    """
    return _max_pool("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_input_grad(
    dy: Array,
    mask: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    *,
    out: Array | None = None,
) -> Array:
    """dx: dy is routed to the maximum of each window, summed where windows overlap.

    Parameters
    ----------
    dy : array (N, C, P, Q), float16, bfloat16, float32 or float64
    mask : array (N, C, P, Q)
        As max_pool2d returned it. A position that no window has is ignored.
    input_shape : (N, C, H, W)
    kernel_size, stride, padding, dilation, ceil_mode
        As in the forward call.
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap dy.

    Returns
    -------
    array (N, C, H, W)

    Raises
    ------
    TypeError
        If mask has another dtype or device than the pooling returned.

    Notes
    -----
    Each plane adds its windows in row-major order, without atomics: deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> y, mask = gpuconv.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    >>> gpuconv.max_pool2d_input_grad(np.ones_like(y), mask, (1, 1, 4, 4), 2)
    array([[[[0., 0., 0., 0.],
             [0., 1., 0., 1.],
             [0., 0., 0., 0.],
             [0., 1., 0., 1.]]]])
    """
    windows = kernel_size, stride, padding, dilation, ceil_mode
    return _max_pool_input_grad("max_pool2d_input_grad", 2, dy, mask, input_shape, out, *windows)


def max_pool1d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """Maximum of each window along one axis, and its position within the window.

    Parameters
    ----------
    x : array (N, C, W), float16, bfloat16, float32 or float64
    kernel_size, stride, dilation : int
    padding : int, ((left, right),), "same" or "valid"
    ceil_mode : bool

    Returns
    -------
    y, mask : array (N, C, Q)
        As for `max_pool2d`, the mask being s.

    Notes
    -----
    Errors: docs/errors.md.

    Examples
    --------
    >>> y, mask = gpuconv.max_pool1d(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    >>> y, mask
    (array([[[3., 2.]]]), array([[[1, 0]]], dtype=uint8))
    """
    return _max_pool("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d_input_grad(
    dy: Array,
    mask: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    *,
    out: Array | None = None,
) -> Array:
    """dx (N, C, W) from dy and mask (N, C, Q); everything else as for `max_pool2d_input_grad`.

    Examples
    --------
    >>> _, mask = gpuconv.max_pool1d(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    >>> gpuconv.max_pool1d_input_grad(np.array([[[10.0, 20.0]]]), mask, (1, 1, 4), 2)
    array([[[ 0., 10., 20.,  0.]]])
    """
    windows = kernel_size, stride, padding, dilation, ceil_mode
    return _max_pool_input_grad("max_pool1d_input_grad", 1, dy, mask, input_shape, out, *windows)


def max_pool3d(
    x: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """Maximum of each window in a volume, and its position within the window.

    Parameters
    ----------
    x : array (N, C, D, H, W), float16, bfloat16, float32 or float64
    kernel_size, stride, dilation : int or triple
    padding : int, triple, ((front, back), (top, bottom), (left, right)), "same" or "valid"
    ceil_mode : bool

    Returns
    -------
    y, mask : array (N, C, Z, P, Q)
        As for `max_pool2d`, the mask being (t * R + r) * S + s for windows of T x R x S.

    Notes
    -----
    Errors: docs/errors.md.

    Examples
    --------
    >>> y, mask = gpuconv.max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 2)
    >>> y.item(), mask.item()
    (7.0, 7)
    """
    return _max_pool("max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d_input_grad(
    dy: Array,
    mask: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    *,
    out: Array | None = None,
) -> Array:
    """dx (N, C, D, H, W) from dy and mask (N, C, Z, P, Q); everything else as for `max_pool2d_input_grad`.

    Examples
    --------
    >>> y, mask = gpuconv.max_pool3d(np.arange(8.0).reshape(1, 1, 2, 2, 2), 2)
    >>> gpuconv.max_pool3d_input_grad(np.ones_like(y), mask, (1, 1, 2, 2, 2), 2).ravel()
    array([0., 0., 0., 0., 0., 0., 0., 1.])
    """
    windows = kernel_size, stride, padding, dilation, ceil_mode
    return _max_pool_input_grad("max_pool3d_input_grad", 3, dy, mask, input_shape, out, *windows)


def _max_pool(op: str, rank: int, x: Array, *windows: Any) -> tuple[Array, Array]:
    """Max pooling of any rank; `windows` are the options of `pool_shape`."""

    def in_blocks(call: Call, plan: Plan, *_: Any) -> tuple[Array, Array]:
        shapes = plan.result_shape, plan.result_shape
        y, mask = by_planes(call, lambda x: _max_pool(op, rank, x, *windows), [x], shapes, second=plan.second_dtype)
        return y, mask

    return run_with_indices(op, _forward_plan, {"x": x}, (rank, *windows), in_blocks)


def _max_pool_input_grad(
    op: str, rank: int, dy: Array, mask: Array, input_shape: Sequence[int], out: Array | None, *windows: Any
) -> Array:
    def check(call: Call, plan: Plan) -> None:
        require_mask(op, mask, plan.index_dtype, call.like.shape, call.like)

    def in_blocks(call: Call, plan: Plan, out: Array | None, *_: Any) -> Array:
        def block(dy: Array, mask: Array) -> Array:
            return _max_pool_input_grad(op, rank, dy, mask, (*dy.shape[:2], *plan.result_shape[2:]), None, *windows)

        (dx,) = by_planes(call, block, [dy, mask], [plan.result_shape], out)
        return dx

    options = rank, input_shape, *windows
    return run(op, _input_grad_plan, {"dy": dy}, options, out=out, blocks=in_blocks, indices=(mask, check))


def _forward_plan(call: Call, rank: int, *windows: Any) -> Plan:
    s, launch = forward_shape(call, rank, *windows), call.kernels.pool.max_pool
    return Plan(s.y_shape, lambda x, results: launch(s, x, *results), second_dtype=s.mask_dtype)


def _input_grad_plan(call: Call, rank: int, input_shape: Any, *windows: Any) -> Plan:
    s, launch = backward_shape(call, rank, input_shape, *windows), call.kernels.pool.max_pool_input_grad
    return Plan(s.x_shape, partial(launch, s), index_dtype=s.mask_dtype)
