"""Shared part of elementwise activations: check arguments, allocate the result, call one kernel."""

from ..core.blocks import elementwise, stream_bytes
from ..core.call import Call
from ..core.device import Array
from ..core.dtypes import is_half, on_bits
from ..core.plan import Plan, run_known

_KINDS = (str,)
"""Types of a plan's options."""


def forward(op: str, x: Array, out: Array | None, *, kernel: str | None = None, **parameters: float) -> Array:
    """y = f(x, parameters); `kernel` defaults to the name of the operation."""
    options = (kernel or op,)
    scalars = tuple(parameters.values()) if parameters else ()
    if out is None and (known := run_known(_forward_plan, (x,), options, scalars, kinds=_KINDS)) is not None:
        return known
    call = Call(op, native="cpu", convert=False, x=x)
    plan = call.plan(_forward_plan, *options)
    numbers = [call.scalar(name, value) for name, value in parameters.items()]
    with call.device:
        if call.needs_blocks(plan.result_shape, limit=stream_bytes(call)):
            return elementwise(call, lambda x: forward(op, x, None, kernel=kernel, **parameters), out)
        call.convert()
        y = call.output(plan.result_shape, out, coinciding=call.arrays)
        plan.launch(*call.arrays, *numbers, y)
    return call.finish(y)


def backward(
    op: str, dy: Array, x: Array, out: Array | None, *, kernel: str | None = None, **parameters: float
) -> Array:
    """dx = dy f'(x, parameters); `kernel` defaults to the name of the forward operation."""
    options = (kernel or op.removesuffix("_grad"),)
    scalars = tuple(parameters.values()) if parameters else ()
    if out is None and (known := run_known(_backward_plan, (dy, x), options, scalars, kinds=_KINDS)) is not None:
        return known
    call = Call(op, native="cpu", convert=False, dy=dy, x=x)
    plan = call.plan(_backward_plan, *options)
    numbers = [call.scalar(name, value) for name, value in parameters.items()]
    with call.device:
        if call.needs_blocks(plan.result_shape, limit=stream_bytes(call)):
            return elementwise(call, lambda dy, x: backward(op, dy, x, None, kernel=kernel, **parameters), out)
        call.convert()
        dx = call.output(plan.result_shape, out, coinciding=call.arrays)
        plan.launch(*call.arrays, *numbers, dx)
    return call.finish(dx)


def _forward_plan(call: Call, kernel: str) -> Plan:
    launch = call.kernels.activation.forward(kernel, call.like.size)
    return Plan(call.like.shape, on_bits(launch) if is_half(call.compute_dtype) else launch)


def _backward_plan(call: Call, kernel: str) -> Plan:
    dy, x = call.arrays
    call.require_shape("dy", dy, x.shape, "the shape of x")
    launch = call.kernels.activation.backward(kernel, x.size)
    return Plan(x.shape, on_bits(launch) if is_half(call.compute_dtype) else launch)
