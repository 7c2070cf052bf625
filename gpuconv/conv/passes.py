"""The passes of convolutions and transposed ones over one to three axes, behind their public names.

One body for each pass, whatever the number of axes: check the arrays, look up the plan, take memory, launch. A
transposed convolution is the input gradient of a convolution, so its own gradients are that convolution's forward pass
and weight gradient.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..core.call import Call
from ..core.device import Array
from ..core.dtypes import is_half
from ..core.options import one_of
from ..core.plan import Plan, run_known
from ..core.run import run
from ..core.shapes import shape_of, sizes
from ..kernels.conv import trimmed, volumes
from ..kernels.conv.automatic import AUTOMATIC
from . import accuracy, blocks, tuned
from .shape import W_LAYOUTS, X_LAYOUTS, Y_LAYOUTS, ConvShape, VolumeShape, conv_shape, transposed_shape, volume_shape

ACTIVATIONS = (None, "relu", "leaky_relu")
"""In the order of the kernels' codes."""


def forward(
    op: str,
    rank: int,
    x: Array,
    w: Array,
    b: Array | None,
    windows: Any,
    activation: str | None,
    negative_slope: float,
    algorithm: str,
    out: Array | None,
) -> Array:
    """f(x * w + b); `windows` are stride, padding, dilation and groups."""
    algorithm = algorithm if accuracy.chosen == "fast" else accuracy.automatic(algorithm)
    options = rank, activation, algorithm, *windows
    if out is None and (known := run_known(_forward_plan, (x, w, b), options, (negative_slope,))) is not None:
        return known
    call = Call(op, ("b",), native=rank == 2, convert=False, x=x, w=w, b=b)
    plan = call.plan(_forward_plan, *options)
    slope = call.scalar("negative_slope", negative_slope)
    with call.device:
        if call.needs_blocks(plan.result_shape):

            def part(x: Array, w: Array, b: Array | None) -> Array:
                return forward(op, rank, x, w, b, windows, activation, negative_slope, algorithm, None)

            return blocks.forward(call, part, plan.result_shape, out)
        call.convert()
        y = call.output(plan.result_shape, out)
        plan.launch(*call.arrays, slope, y)
    return call.finish(y)


def input_grad(
    op: str,
    rank: int,
    dy: Array,
    w: Array,
    input_shape: Sequence[int],
    windows: Any,
    activation: str | None,
    negative_slope: float,
    pre_activation: Array | None,
    algorithm: str,
    out: Array | None,
) -> Array:
    """dx, times f'(pre_activation) if that is given."""
    algorithm = algorithm if accuracy.chosen == "fast" else accuracy.automatic(algorithm)
    operands, options = (dy, w, pre_activation), (rank, input_shape, activation, algorithm, *windows)
    if out is None and (known := run_known(_input_grad_plan, operands, options, (negative_slope,))) is not None:
        return known
    call = Call(op, ("pre_activation",), native=rank == 2, convert=False, dy=dy, w=w, pre_activation=pre_activation)
    plan = call.plan(_input_grad_plan, *options)
    slope = call.scalar("negative_slope", negative_slope)
    with call.device:
        if call.needs_blocks(plan.result_shape):

            def part(dy: Array, w: Array, pre_activation: Array | None) -> Array:
                shape = (dy.shape[0], plan.result_shape[1] // whole * w.shape[1], *plan.result_shape[2:])
                return input_grad(
                    op, rank, dy, w, shape, windows, activation, negative_slope, pre_activation, algorithm, None
                )

            whole = w.shape[1]
            return blocks.input_grad(call, part, plan.result_shape, out)
        call.convert()
        dx = call.output(plan.result_shape, out)
        plan.launch(*call.arrays, slope, dx)
    return call.finish(dx)


def weight_grad(
    op: str,
    rank: int,
    x: Array,
    dy: Array,
    weight_shape: Sequence[int],
    windows: Any,
    algorithm: str,
    out: Array | None,
) -> Array:
    """dw, summed over the batch."""
    algorithm = algorithm if accuracy.chosen == "fast" else accuracy.automatic(algorithm)
    options = rank, weight_shape, algorithm, *windows
    if out is None and (known := run_known(_weight_grad_plan, (x, dy), options)) is not None:
        return known
    call = Call(op, native=rank == 2, convert=False, x=x, dy=dy)
    plan = call.plan(_weight_grad_plan, *options)
    with call.device:
        if call.needs_blocks(plan.result_shape):

            def part(x: Array, dy: Array) -> Array:
                shape = (dy.shape[1], *plan.result_shape[1:])
                return weight_grad(op, rank, x, dy, shape, windows, algorithm, None)

            return blocks.weight_grad(call, part, plan.result_shape, out)
        call.convert()
        dw = call.output(plan.result_shape, out)
        plan.launch(*call.arrays, dw)
    return call.finish(dw)


def bias_grad(op: str, layout: str, dy: Array, out: Array | None) -> Array:
    """The output gradient summed over batch and positions."""

    def in_blocks(call: Call, plan: Plan, out: Array | None, _: str) -> Array:
        return blocks.bias_grad(call, lambda dy: bias_grad(op, layout, dy, None), plan.result_shape, out)

    return run(op, _bias_grad_plan, {"dy": dy}, (layout,), out=out, blocks=in_blocks)


def transposed(op: str, rank: int, x: Array, w: Array, b: Array | None, windows: Any, out: Array | None) -> Array:
    """The input gradient of a convolution at x, plus a bias; `windows` as `transposed_shape` takes them."""
    call = Call(op, ("b",), convert=False, x=x, w=w, b=b)
    plan = call.plan(_transposed_plan, rank, accuracy.automatic("auto"), *windows)
    with call.device:
        if call.needs_blocks(plan.result_shape):

            def part(x: Array, w: Array, b: Array | None) -> Array:
                return transposed(op, rank, x, w, b, windows, None)

            return blocks.of_images(call, part, [x], [w, b], plan.result_shape, out)
        call.convert()
        x, w, b = call.arrays
        y = call.output(plan.result_shape, out)
        plan.launch(x, w, None, call.scalar("negative_slope", 0.0), y)
        if b is not None:
            call.kernels.conv.frames.add_bias(b, y.reshape(*y.shape[:2], math.prod(y.shape[2:])))
    return call.finish(y)


def transposed_input_grad(
    op: str, rank: int, dy: Array, w: Array, input_shape: Sequence[int], windows: Any, out: Array | None
) -> Array:
    """dx: a convolution of dy."""
    call = Call(op, convert=False, dy=dy, w=w)
    plan = call.plan(_transposed_input_grad_plan, rank, input_shape, accuracy.automatic("auto"), *windows)
    with call.device:
        if call.needs_blocks(plan.result_shape):

            def part(dy: Array, w: Array) -> Array:
                return transposed_input_grad(op, rank, dy, w, (len(dy), *plan.result_shape[1:]), windows, None)

            return blocks.of_images(call, part, [dy], [w], plan.result_shape, out)
        call.convert()
        dx = call.output(plan.result_shape, out)
        plan.launch(*call.arrays, None, call.scalar("negative_slope", 0.0), dx)
    return call.finish(dx)


def transposed_weight_grad(
    op: str, rank: int, x: Array, dy: Array, weight_shape: Sequence[int], windows: Any, out: Array | None
) -> Array:
    """dw: the weight gradient of a convolution of dy with the output gradient x."""
    call = Call(op, convert=False, x=x, dy=dy)
    plan = call.plan(_transposed_weight_grad_plan, rank, weight_shape, accuracy.automatic("auto"), *windows)
    with call.device:
        if call.needs_blocks(plan.result_shape):

            def part(x: Array, dy: Array) -> Array:
                return transposed_weight_grad(op, rank, x, dy, weight_shape, windows, None)

            return blocks.sum_over_images(call, part, [x, dy], plan.result_shape, out)
        call.convert()
        x, dy = call.arrays
        dw = call.output(plan.result_shape, out)
        plan.launch(dy, x, dw)
    return call.finish(dw)


def _forward_plan(call: Call, rank: int, activation: str | None, algorithm: str, *windows: Any) -> Plan:
    x, w, b = call.arrays
    s = _shape(call.op, rank, x.shape, w.shape, windows)
    call.require_shape("b", b, (s.k,), "one bias for each filter")
    code = activation_code(call.op, activation)
    return Plan(s.y_shape, launcher(call, s, "fprop", algorithm, code))


def _input_grad_plan(
    call: Call, rank: int, input_shape: Any, activation: str | None, algorithm: str, *windows: Any
) -> Plan:
    dy, w, pre_activation = call.arrays
    if (activation is None) != (pre_activation is None):
        raise ValueError(
            f"{call.op}: activation and pre_activation go together, got activation={activation!r} "
            f"with pre_activation {'absent' if pre_activation is None else 'given'}"
        )
    x_shape = shape_of(call.op, "input_shape", input_shape, X_LAYOUTS[rank])
    s = _shape(call.op, rank, x_shape, w.shape, windows)
    call.require_shape("dy", dy, s.y_shape, "the forward result's shape for input_shape")
    call.require_shape("pre_activation", pre_activation, s.x_shape, "input_shape")
    code = activation_code(call.op, activation)
    return Plan(s.x_shape, launcher(call, s, "dgrad", algorithm, code))


def _weight_grad_plan(call: Call, rank: int, weight_shape: Any, algorithm: str, *windows: Any) -> Plan:
    x, dy = call.arrays
    w_shape = shape_of(call.op, "weight_shape", weight_shape, W_LAYOUTS[rank])
    s = _shape(call.op, rank, x.shape, w_shape, windows)
    call.require_shape("dy", dy, s.y_shape, "the forward result's shape for x and weight_shape")
    return Plan(s.w_shape, launcher(call, s, "wgrad", algorithm))


def _bias_grad_plan(call: Call, layout: str) -> Plan:
    n, k, *positions = sizes(call.op, "dy", call.like.shape, layout)
    view, launch = (n, k, math.prod(positions), 1), call.kernels.conv.bias_grad
    return Plan((k,), lambda dy, db: launch(dy.reshape(view), db))


def _transposed_plan(call: Call, rank: int, algorithm: str, *windows: Any) -> Plan:
    x, w, b = call.arrays
    s = transposed_shape(call.op, rank, x.shape, w.shape, *windows)
    call.require_shape("b", b, (s.c,), "one bias for each channel of the result")
    return Plan(s.x_shape, launcher(call, s, "dgrad", algorithm))


def _transposed_input_grad_plan(call: Call, rank: int, input_shape: Any, algorithm: str, *windows: Any) -> Plan:
    dy, w = call.arrays
    x_shape = shape_of(call.op, "input_shape", input_shape, Y_LAYOUTS[rank])
    s = transposed_shape(call.op, rank, x_shape, w.shape, *windows)
    call.require_shape("dy", dy, s.x_shape, "the forward result's shape for input_shape")
    return Plan(s.y_shape, launcher(call, s, "fprop", algorithm))


def _transposed_weight_grad_plan(call: Call, rank: int, weight_shape: Any, algorithm: str, *windows: Any) -> Plan:
    x, dy = call.arrays
    w_shape = shape_of(call.op, "weight_shape", weight_shape, W_LAYOUTS[rank])
    s = transposed_shape(call.op, rank, x.shape, w_shape, *windows)
    call.require_shape("dy", dy, s.x_shape, "the forward result's shape for x and weight_shape")
    return Plan(s.w_shape, launcher(call, s, "wgrad", algorithm))


def _shape(op: str, rank: int, x_shape: Any, w_shape: Any, windows: Any) -> ConvShape | VolumeShape:
    """An image is convolved as it is; a line or a volume frame by frame."""
    if rank == 2:
        return conv_shape(op, x_shape, w_shape, *windows)
    return volume_shape(op, rank, x_shape, w_shape, *windows)


def activation_code(op: str, activation: str | None) -> int:
    """The kernels' code of an activation."""
    one_of(op, "activation", activation, ACTIVATIONS)
    return ACTIVATIONS.index(activation)


def launcher(
    call: Call, s: ConvShape | VolumeShape, operation: str, algorithm: str, activation: int = 0
) -> Callable[..., None] | None:
    """launch(*arrays, slope, result) of fprop or dgrad, launch(*arrays, result) of wgrad; None: convert first."""
    kernels = call.kernels.conv
    algorithm = tuned.resolve(tuned.Problem(call.kernels.name, operation, s, call.compute_dtype.name), algorithm)
    require_algorithm(call, s if isinstance(s, ConvShape) else s.image, operation, algorithm)
    if is_half(call.compute_dtype) and not kernels.takes_half(s, operation, algorithm):
        return None
    if isinstance(s, ConvShape) and trimmed.trim(s) is None:
        launch = partial(getattr(kernels, operation), s)
    else:
        launch = partial(getattr(trimmed if isinstance(s, ConvShape) else volumes, operation), kernels, s)
    if operation == "wgrad":
        return lambda x, dy, dw: launch(x, dy, dw, algorithm=algorithm)
    return lambda x, w, b, slope, y: launch(x, w, b, activation, slope, y, algorithm=algorithm)


def require_algorithm(call: Call, s: ConvShape, operation: str, algorithm: str) -> None:
    """Refuse an algorithm that the target has not, or that does not support a problem, and say why."""
    kernels = call.kernels.conv
    one_of(call.op, "algorithm", algorithm, (*AUTOMATIC, *kernels.ALGORITHMS))
    if algorithm in AUTOMATIC:
        return
    if reason := kernels.unsupported(algorithm, s, operation, call.compute_dtype, like=call.like):
        others = ", ".join(map(repr, ("auto", *kernels.algorithms(s, operation, call.like))))
        raise ValueError(f"{call.op}: algorithm {algorithm!r} does not support this problem ({reason}); use {others}")
