"""Max unpooling: the partial inverse of max pooling, by the indices of the maxima."""

from collections.abc import Callable, Sequence
from typing import Any

from ..core.arrays import require_array
from ..core.call import Call
from ..core.device import Array
from ..core.plan import Plan
from ..core.run import run
from ..core.shapes import Size, several, sides_of, sizes
from .blocks import by_planes
from .indices import INDICES, require_indices
from .shape import LAYOUTS, image_sizes


def max_unpool2d(
    x: Array,
    indices: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
    *,
    out: Array | None = None,
) -> Array:
    """Scatter each element to the position of its index, zeros elsewhere.

    Parameters
    ----------
    x : array (N, C, P, Q), float16, bfloat16, float32 or float64
    indices : array (N, C, P, Q), integer
        Positions h * W + w in each plane of the result, as `pool_indices` gives them.
    kernel_size, stride, padding : int or pair
        Those of the pooling; they only decide how large the result is.
    output_size : (H, W) or (N, C, H, W), optional
        Default: (P - 1) * stride - 2 * padding + kernel_size. Less than a stride away from that.
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap x or indices.

    Returns
    -------
    array (N, C, H, W)

    Raises
    ------
    ValueError
        If an index lies outside its plane.

    Notes
    -----
    Where several elements have one index the last in row-major order stays (PyTorch: any of them). Deterministic.
    Errors: docs/errors.md.

    Examples
    --------
    >>> y, mask = gpuconv.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    >>> gpuconv.max_unpool2d(y, gpuconv.pool_indices(mask, (1, 1, 4, 4), 2), 2)
    array([[[[ 0.,  0.,  0.,  0.],
             [ 0.,  5.,  0.,  7.],
             [ 0.,  0.,  0.,  0.],
             [ 0., 13.,  0., 15.]]]])
    """
    return _max_unpool("max_unpool2d", 2, x, indices, (kernel_size, stride, padding, output_size), out)


def max_unpool2d_input_grad(dy: Array, indices: Array, *, out: Array | None = None) -> Array:
    """dx: dy gathered at the indices.

    Parameters
    ----------
    dy : array (N, C, H, W), float16, bfloat16, float32 or float64
    indices : array (N, C, P, Q), integer
        As in the forward call.
    out : array (N, C, P, Q), optional
        Memory for the result; must not overlap dy or indices.

    Returns
    -------
    array (N, C, P, Q)

    Raises
    ------
    ValueError
        If an index lies outside its plane.

    Notes
    -----
    As PyTorch's: of several elements with one index each is given the gradient, though only the last was kept.
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.max_unpool2d_input_grad(np.arange(4.0).reshape(1, 1, 2, 2), np.array([[[[3]]]]))
    array([[[[3.]]]])
    """
    return _max_unpool_input_grad("max_unpool2d_input_grad", 2, dy, indices, out)


def max_unpool1d(
    x: Array,
    indices: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
    *,
    out: Array | None = None,
) -> Array:
    """From x and indices (N, C, Q) to (N, C, W); everything else as for `max_unpool2d`.

    Examples
    --------
    >>> gpuconv.max_unpool1d(np.array([[[5.0, 7.0]]]), np.array([[[1, 2]]]), 2)
    array([[[0., 5., 7., 0.]]])
    """
    return _max_unpool("max_unpool1d", 1, x, indices, (kernel_size, stride, padding, output_size), out)


def max_unpool1d_input_grad(dy: Array, indices: Array, *, out: Array | None = None) -> Array:
    """dx (N, C, Q) from dy (N, C, W); everything else as for `max_unpool2d_input_grad`.

    Examples
    --------
    >>> gpuconv.max_unpool1d_input_grad(np.arange(4.0).reshape(1, 1, 4), np.array([[[1, 2]]]))
    array([[[1., 2.]]])
    """
    return _max_unpool_input_grad("max_unpool1d_input_grad", 1, dy, indices, out)


def max_unpool3d(
    x: Array,
    indices: Array,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
    *,
    out: Array | None = None,
) -> Array:
    """From x and indices (N, C, Z, P, Q) to (N, C, D, H, W); everything else as for `max_unpool2d`.

    Examples
    --------
    >>> gpuconv.max_unpool3d(np.array([[[[[5.0]]]]]), np.array([[[[[6]]]]]), 2).ravel()
    array([0., 0., 0., 0., 0., 0., 5., 0.])
    """
    return _max_unpool("max_unpool3d", 3, x, indices, (kernel_size, stride, padding, output_size), out)


def max_unpool3d_input_grad(dy: Array, indices: Array, *, out: Array | None = None) -> Array:
    """dx (N, C, Z, P, Q) from dy (N, C, D, H, W); everything else as for `max_unpool2d_input_grad`.

    Examples
    --------
    >>> gpuconv.max_unpool3d_input_grad(np.arange(8.0).reshape(1, 1, 2, 2, 2), np.array([[[[[6]]]]]))
    array([[[[[6.]]]]])
    """
    return _max_unpool_input_grad("max_unpool3d_input_grad", 3, dy, indices, out)


def _max_unpool(op: str, rank: int, x: Array, indices: Array, windows: Any, out: Array | None) -> Array:
    """`windows` are kernel_size, stride, padding and output_size."""

    def check(call: Call, plan: Plan) -> None:
        require_indices(op, indices, call.like.shape, plan.result_shape[2:], call.like)

    def in_blocks(call: Call, plan: Plan, out: Array | None, *_: Any) -> Array:
        def block(x: Array, indices: Array) -> Array:
            return _max_unpool(op, rank, x, indices, (*windows[:3], plan.result_shape[2:]), None)

        (y,) = by_planes(call, block, [x, indices], [plan.result_shape], out)
        return y

    options = rank, *windows
    return run(op, _forward_plan, {"x": x}, options, out=out, blocks=in_blocks, indices=(indices, check))


def _max_unpool_input_grad(op: str, rank: int, dy: Array, indices: Array, out: Array | None) -> Array:
    def check(call: Call, plan: Plan) -> None:
        require_indices(op, indices, plan.result_shape, call.like.shape[2:], call.like)

    def in_blocks(call: Call, plan: Plan, out: Array | None, *_: Any) -> Array:
        def block(dy: Array, indices: Array) -> Array:
            return _max_unpool_input_grad(op, rank, dy, indices, None)

        (dx,) = by_planes(call, block, [dy, indices], [plan.result_shape], out)
        return dx

    require_array(op, "indices", indices)
    return run(
        op, _input_grad_plan, {"dy": dy}, (rank, indices.shape), out=out, blocks=in_blocks, indices=(indices, check)
    )


def _forward_plan(call: Call, rank: int, kernel_size: Any, stride: Any, padding: Any, output_size: Any) -> Plan:
    n, c, *windows = image_sizes(call.op, rank, call.like.shape)
    kernel = several(call.op, "kernel_size", kernel_size, rank)
    strides = kernel if stride is None else several(call.op, "stride", stride, rank)
    sides = sides_of(call.op, padding, kernel, strides, (1,) * rank)
    default = [
        (count - 1) * st - pad_before - pad_after + k
        for count, st, (pad_before, pad_after), k in zip(windows, strides, sides, kernel, strict=True)
    ]
    extents = _output_extents(call.op, rank, output_size, default, strides)
    return Plan((n, c, *extents), _of_planes(call.kernels.pool.max_unpool, n * c), index_dtype=INDICES)


def _output_extents(
    op: str, rank: int, output_size: Sequence[int] | None, default: Sequence[int], strides: Sequence[int]
) -> tuple[int, ...]:
    """Extents of the result: output_size, if within a stride of the default."""
    if output_size is None:
        for axis, size in enumerate(default):
            if size < 1:
                raise ValueError(f"{op}: the result's axis {axis + 2} would have {size} positions, expected at least 1")
        return tuple(default)
    requested = output_size
    if isinstance(output_size, Sequence) and len(output_size) == rank + 2:
        requested = tuple(output_size)[-rank:]
    extents = several(op, "output_size", requested, rank)
    for size, expected, stride in zip(extents, default, strides, strict=True):
        if not expected - stride < size < expected + stride:
            raise ValueError(
                f"{op}: output_size is {output_size}, expected less than a stride {tuple(strides)} "
                f"from {tuple(default)}"
            )
    return extents


def _input_grad_plan(call: Call, rank: int, shape: tuple[int, ...]) -> Plan:
    n, c, *_ = sizes(call.op, "dy", call.like.shape, LAYOUTS[rank])
    _, _, *windows = sizes(call.op, "indices", shape, LAYOUTS[rank])
    return Plan((n, c, *windows), _of_planes(call.kernels.pool.max_unpool_input_grad, n * c), index_dtype=INDICES)


def _of_planes(launch: Callable[..., None], count: int) -> Callable[..., None]:
    """The launcher, for arrays (N, C, ...): it takes a row for each plane."""
    planes = (count, -1) if count else (0, 1)
    return lambda a, indices, result: launch(a.reshape(planes), indices.reshape(planes), result.reshape(planes))
