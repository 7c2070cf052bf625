"""What every elementwise activation does: check its arguments, take memory for the result, call one kernel."""

from ..core.call import Call
from ..core.device import Array


def forward(op: str, x: Array, out: Array | None, *, kernel: str | None = None, **parameters: float) -> Array:
    """y = f(x, parameters), by the kernel of the operation's name unless another is given."""
    call = Call(op, x=x)
    (x,) = call.arrays
    scalars = [call.scalar(name, value) for name, value in parameters.items()] if parameters else ()
    with call.device:
        y = call.output(x.shape, out, coinciding=call.arrays)
        call.kernels.activation.forward(kernel or op, x, y, *scalars)
    return call.finish(y)


def backward(
    op: str, dy: Array, x: Array, out: Array | None, *, kernel: str | None = None, **parameters: float
) -> Array:
    """dx = dy f'(x, parameters), by the kernel of the forward operation's name unless another is given."""
    call = Call(op, dy=dy, x=x)
    dy, x = call.arrays
    call.require_shape("dy", dy, x.shape, "the shape of x")
    scalars = [call.scalar(name, value) for name, value in parameters.items()] if parameters else ()
    with call.device:
        dx = call.output(x.shape, out, coinciding=call.arrays)
        call.kernels.activation.backward(kernel or op.removesuffix("_grad"), dy, x, dx, *scalars)
    return call.finish(dx)
