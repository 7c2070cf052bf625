"""What every element-wise activation does: check its arguments, make room for the result, call one kernel."""

from ..core.arrays import floating, number, output, shaped
from ..core.device import Array, kernels_for, on_device_of


def forward(op: str, x: Array, out: Array | None, *, kernel: str | None = None, **parameters: float) -> Array:
    """y = f(x, parameters), by the kernel of the operation's name unless another is given."""
    (x,) = floating(op, x=x)
    scalars = [x.dtype.type(number(op, name, value)) for name, value in parameters.items()]
    with on_device_of(x):
        y = output(op, x.shape, x, out, coinciding=(x,))
        kernels_for(x).activation.forward(kernel or op, x, y, *scalars)
    return y


def backward(
    op: str, dy: Array, x: Array, out: Array | None, *, kernel: str | None = None, **parameters: float
) -> Array:
    """dx = dy f'(x, parameters), by the kernel of the forward operation's name unless another is given."""
    dy, x = floating(op, dy=dy, x=x)
    shaped(op, "dy", dy, x.shape, "the shape of x")
    scalars = [x.dtype.type(number(op, name, value)) for name, value in parameters.items()]
    with on_device_of(x):
        dx = output(op, x.shape, x, out, coinciding=(dy, x))
        kernels_for(x).activation.backward(kernel or op.removesuffix("_grad"), dy, x, dx, *scalars)
    return dx
