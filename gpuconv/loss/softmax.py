"""Softmax and its logarithm along an axis, and their gradients."""

from ..core.blocks import Operand, Result, in_blocks
from ..core.call import Call
from ..core.device import Array
from ..core.plan import Plan
from ..core.run import run
from ..core.shapes import split_axis


def softmax(x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """exp(x_i) / sum_j exp(x_j) along an axis.

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    axis : int
        A number of no dimensions has axis 0.
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x
        Sums to 1 along the axis.

    Notes
    -----
    The maximum is subtracted first, so nothing overflows. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.softmax(np.array([[0.0, 0.0], [1.0, 3.0]])).round(4)
    array([[0.5   , 0.5   ],
           [0.1192, 0.8808]])
    """
    return _forward("softmax", x, axis, out)


def softmax_grad(dy: Array, x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """dx_i = y_i (dy_i - sum_j dy_j y_j), with y = softmax(x).

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    axis : int
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.softmax_grad(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]]))
    array([[ 0.25, -0.25]])
    """
    return _backward("softmax_grad", dy, x, axis, out)


def log_softmax(x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """x_i - log(sum_j exp(x_j)) along an axis.

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    axis : int
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x
        Its exponential sums to 1 along the axis.

    Notes
    -----
    The maximum is subtracted first, so nothing overflows. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.log_softmax(np.array([[0.0, 0.0], [1.0, 3.0]])).round(4)
    array([[-0.6931, -0.6931],
           [-2.1269, -0.1269]])
    """
    return _forward("log_softmax", x, axis, out)


def log_softmax_grad(dy: Array, x: Array, axis: int = -1, *, out: Array | None = None) -> Array:
    """dx_i = dy_i - softmax(x)_i sum_j dy_j.

    Parameters
    ----------
    dy, x : array of one shape, float16, bfloat16, float32 or float64
        Gradient of the result, and the argument of the forward call.
    axis : int
    out : array like x, optional
        Where the result goes; may be dy or x itself.

    Returns
    -------
    array like x

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.log_softmax_grad(np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]]))
    array([[ 0.5, -0.5]])
    """
    return _backward("log_softmax_grad", dy, x, axis, out)


def _forward(op: str, x: Array, axis: int, out: Array | None) -> Array:
    return run(op, _forward_plan, {"x": x}, (op, axis), in_place=("x",), out=out, blocks=_in_blocks)


def _backward(op: str, dy: Array, x: Array, axis: int, out: Array | None) -> Array:
    operands = {"dy": dy, "x": x}
    return run(op, _backward_plan, operands, (op, axis), in_place=("dy", "x"), out=out, blocks=_in_blocks)


def _in_blocks(call: Call, _: Plan, out: Array | None, op: str, axis: int) -> Array:
    """Some rows at a time: every axis but that of the classes can be split."""
    shape = call.like.shape
    axes = tuple(i for i in range(len(shape)) if i != axis % len(shape))

    def block(dy: Array, x: Array | None = None) -> Array:
        return _forward(op, dy, axis, None) if x is None else _backward(op, dy, x, axis, None)

    operands, results = [Operand(a, axes) for a in call.arrays], [Result(shape, axes)]
    (result,) = in_blocks(call, block, [shape[i] for i in axes], operands, results, out, in_place=True)
    return result


def _forward_plan(call: Call, op: str, axis: int) -> Plan:
    view, launch = split_axis(op, call.like.shape or (1,), axis), getattr(call.kernels.loss, op)
    return Plan(call.like.shape, lambda x, y: launch(x.reshape(view), y.reshape(view)))


def _backward_plan(call: Call, op: str, axis: int) -> Plan:
    dy, x = call.arrays
    call.require_shape("dy", dy, x.shape, "the shape of x")
    view, launch = split_axis(op, x.shape or (1,), axis), getattr(call.kernels.loss, op)
    return Plan(x.shape, lambda dy, x, dx: launch(dy.reshape(view), x.reshape(view), dx.reshape(view)))
