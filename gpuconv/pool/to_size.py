"""The passes of pooling to a size, adaptive and global, behind their public names."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..core.call import Call
from ..core.device import Array
from ..core.plan import Plan
from ..core.run import run, run_with_indices
from ..core.shapes import shape_of, sizes
from .blocks import by_planes
from .indices import INDICES, require_indices
from .shape import LAYOUTS, AdaptiveShape, adaptive_shape

OutputSize = int | None | Sequence[int | None]


def pool_to_means(op: str, rank: int, x: Array, output_size: OutputSize, out: Array | None) -> Array:
    """Adaptive and global average pooling."""

    def in_blocks(call: Call, plan: Plan, out: Array | None, *_: Any) -> Array:
        (y,) = by_planes(call, lambda x: pool_to_means(op, rank, x, output_size, None), [x], [plan.result_shape], out)
        return y

    return run(op, _means_plan, {"x": x}, (rank, output_size), out=out, blocks=in_blocks)


def pool_to_maxima(op: str, rank: int, x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """Adaptive and global max pooling."""

    def in_blocks(call: Call, plan: Plan, *_: Any) -> tuple[Array, Array]:
        shapes = plan.result_shape, plan.result_shape
        y, indices = by_planes(call, lambda x: pool_to_maxima(op, rank, x, output_size), [x], shapes, second=INDICES)
        return y, indices

    return run_with_indices(op, _maxima_plan, {"x": x}, (rank, output_size), in_blocks)


def pool_to_means_input_grad(
    op: str, rank: int, dy: Array, input_shape: Sequence[int], out: Array | None, windows: int | None = None
) -> Array:
    """Gradient of `pool_to_means`; `windows` is the output size if it is known."""

    def in_blocks(call: Call, plan: Plan, out: Array | None, *_: Any) -> Array:
        def block(dy: Array) -> Array:
            return pool_to_means_input_grad(op, rank, dy, (*dy.shape[:2], *plan.result_shape[2:]), None, windows)

        (dx,) = by_planes(call, block, [dy], [plan.result_shape], out)
        return dx

    return run(op, _means_grad_plan, {"dy": dy}, (rank, input_shape, windows), out=out, blocks=in_blocks)


def pool_to_maxima_input_grad(
    op: str,
    rank: int,
    dy: Array,
    indices: Array,
    input_shape: Sequence[int],
    out: Array | None,
    windows: int | None = None,
) -> Array:
    """Gradient of `pool_to_maxima`; `windows` is the output size if it is known."""

    def check(call: Call, plan: Plan) -> None:
        require_indices(op, indices, call.like.shape, plan.result_shape[2:], call.like)

    def in_blocks(call: Call, plan: Plan, out: Array | None, *_: Any) -> Array:
        def block(dy: Array, indices: Array) -> Array:
            x_shape = *dy.shape[:2], *plan.result_shape[2:]
            return pool_to_maxima_input_grad(op, rank, dy, indices, x_shape, None, windows)

        (dx,) = by_planes(call, block, [dy, indices], [plan.result_shape], out)
        return dx

    options = rank, input_shape, windows
    return run(op, _maxima_grad_plan, {"dy": dy}, options, out=out, blocks=in_blocks, indices=(indices, check))


def _means_plan(call: Call, rank: int, output_size: OutputSize) -> Plan:
    s = adaptive_shape(call.op, rank, call.like.shape, output_size)
    return Plan(s.y_shape, partial(call.kernels.pool.adaptive_avg_pool, s))


def _maxima_plan(call: Call, rank: int, output_size: OutputSize) -> Plan:
    s, launch = adaptive_shape(call.op, rank, call.like.shape, output_size), call.kernels.pool.adaptive_max_pool
    return Plan(s.y_shape, lambda x, results: launch(s, x, *results), second_dtype=INDICES)


def _means_grad_plan(call: Call, rank: int, input_shape: Sequence[int], windows: int | None) -> Plan:
    s = _backward_shape(call, rank, input_shape, windows)
    return Plan(s.x_shape, partial(call.kernels.pool.adaptive_avg_pool_input_grad, s))


def _maxima_grad_plan(call: Call, rank: int, input_shape: Sequence[int], windows: int | None) -> Plan:
    s = _backward_shape(call, rank, input_shape, windows)
    return Plan(s.x_shape, partial(call.kernels.pool.adaptive_max_pool_input_grad, s), index_dtype=INDICES)


def _backward_shape(call: Call, rank: int, input_shape: Sequence[int], windows: int | None) -> AdaptiveShape:
    """Shape of the forward call, from the shapes of its result and input."""
    x_shape = shape_of(call.op, "input_shape", input_shape, LAYOUTS[rank])
    _, _, *found = sizes(call.op, "dy", call.like.shape, LAYOUTS[rank])
    s = adaptive_shape(call.op, rank, x_shape, found if windows is None else windows)
    call.require_shape("dy", call.like, s.y_shape, "the forward result's shape for input_shape")
    return s
