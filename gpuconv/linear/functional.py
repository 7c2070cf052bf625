"""Fully connected layer and its gradients, for NumPy and CuPy arrays."""

from typing import Any

from ..core import blocks
from ..core.blocks import Operand, Result, are_cut, in_blocks, in_parts, rounded_sum
from ..core.call import Call
from ..core.device import Array
from ..core.dtypes import is_half
from ..core.plan import Plan
from ..core.run import run


def linear(x: Array, w: Array, b: Array | None = None, *, out: Array | None = None) -> Array:
    """x W^T + b.

    Parameters
    ----------
    x : array (M, C), float16, bfloat16, float32 or float64
    w : array (K, C), same dtype and device
    b : array (K,), optional
    out : array (M, K), optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array (M, K)

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> x, w = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, -1.0]])
    >>> gpuconv.linear(x, w, np.array([0.0, 0.5, 0.0]))
    array([[ 1. ,  3.5, -2. ]])
    """
    operands = {"x": x, "w": w, "b": b}
    return run("linear", _forward_plan, operands, optional=("b",), native=True, out=out, blocks=_forward_in_blocks)


def linear_input_grad(dy: Array, w: Array, *, out: Array | None = None) -> Array:
    """dX = dY W.

    Parameters
    ----------
    dy : array (M, K), float16, bfloat16, float32 or float64
    w : array (K, C), same dtype and device
    out : array (M, C), optional

    Returns
    -------
    array (M, C)

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.linear_input_grad(np.array([[1.0, 1.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, -1.0]]))
    array([[2., 0.]])
    """
    operands = {"dy": dy, "w": w}
    return run("linear_input_grad", _input_grad_plan, operands, native=True, out=out, blocks=_input_grad_in_blocks)


def linear_weight_grad(x: Array, dy: Array, *, out: Array | None = None) -> Array:
    """dW = dY^T X, summed over the rows of x.

    Parameters
    ----------
    x : array (M, C), float16, bfloat16, float32 or float64
    dy : array (M, K), same dtype and device
    out : array (K, C), optional

    Returns
    -------
    array (K, C)

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.linear_weight_grad(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, -1.0]]))
    array([[ 1.,  2.],
           [ 0.,  0.],
           [-1., -2.]])
    """
    operands = {"x": x, "dy": dy}
    return run("linear_weight_grad", _weight_grad_plan, operands, native=True, out=out, blocks=_weight_grad_in_blocks)


def linear_bias_grad(dy: Array, *, out: Array | None = None) -> Array:
    """db = the sum of the rows of dY.

    Parameters
    ----------
    dy : array (M, K), float16, bfloat16, float32 or float64
    out : array (K,), optional

    Returns
    -------
    array (K,)

    Notes
    -----
    Deterministic: a fixed order of summation. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.linear_bias_grad(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    return run("linear_bias_grad", _bias_grad_plan, {"dy": dy}, out=out, blocks=_bias_grad_in_blocks)


def _forward_in_blocks(call: Call, plan: Plan, out: Array | None) -> Array:
    """Some rows of x at a time; of a large w some rows first."""
    (x, w, b), shape = call.arrays, plan.result_shape
    if are_cut(w.shape, 0):
        read = [Operand(x, (None,)), Operand(w, (0,)), Operand(b, (0,))]
        return in_parts(call, linear, w.shape, read, Result(shape, (1,)), out)
    read = [Operand(x, (0,)), Operand(w, (None,)), Operand(b, (None,))]
    return in_blocks(call, linear, shape[:1], read, [Result(shape, (0,))], out, limit=blocks.LIMIT_BYTES // 2)[0]


def _input_grad_in_blocks(call: Call, plan: Plan, out: Array | None) -> Array:
    """Some rows of dy at a time; of a large w some columns first."""
    (dy, w), shape = call.arrays, plan.result_shape
    if are_cut(w.shape, 1):
        read = [Operand(dy, (None,)), Operand(w, (1,))]
        return in_parts(call, linear_input_grad, w.shape[::-1], read, Result(shape, (1,)), out)
    read = [Operand(dy, (0,)), Operand(w, (None,))]
    return in_blocks(
        call, linear_input_grad, shape[:1], read, [Result(shape, (0,))], out, limit=blocks.LIMIT_BYTES // 2
    )[0]


def _weight_grad_in_blocks(call: Call, plan: Plan, out: Array | None) -> Array:
    """The sum over some rows at a time; of a large dw some rows first."""
    (x, dy), shape = call.arrays, plan.result_shape
    if are_cut(shape, 0):
        read = [Operand(x, (None,)), Operand(dy, (1,))]
        return in_parts(call, linear_weight_grad, shape, read, Result(shape, (0,)), out)
    read = [Operand(x, (0,)), Operand(dy, (0,))]
    (total,) = in_blocks(
        call, linear_weight_grad, x.shape[:1], read, [Result(shape, (None,))], limit=blocks.LIMIT_BYTES // 2
    )
    return rounded_sum(call, total, out=out)


def _bias_grad_in_blocks(call: Call, plan: Plan, out: Array | None) -> Array:
    read, result = [Operand(call.like, (0,))], Result(plan.result_shape, (None,))
    (total,) = in_blocks(call, linear_bias_grad, call.like.shape[:1], read, [result])
    return rounded_sum(call, total, out=out)


def _forward_plan(call: Call) -> Plan:
    x, w, b = call.arrays
    _require_matrices(call.op, x=x, w=w)
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"{call.op}: x has {x.shape[1]} features, w expects {w.shape[1]} (w.shape={w.shape})")
    call.require_shape("b", b, w.shape[:1], "one bias for each row of w")
    return _plan(call, (x.shape[0], w.shape[0]), x.shape[1], call.kernels.linear.linear)


def _input_grad_plan(call: Call) -> Plan:
    dy, w = call.arrays
    _require_matrices(call.op, dy=dy, w=w)
    if dy.shape[1] != w.shape[0]:
        raise ValueError(f"{call.op}: dy has {dy.shape[1]} columns, w has {w.shape[0]} rows, expected as many")
    return _plan(call, (dy.shape[0], w.shape[1]), w.shape[0], call.kernels.linear.linear_input_grad)


def _weight_grad_plan(call: Call) -> Plan:
    x, dy = call.arrays
    _require_matrices(call.op, x=x, dy=dy)
    if x.shape[0] != dy.shape[0]:
        raise ValueError(f"{call.op}: x has {x.shape[0]} rows, dy has {dy.shape[0]}, expected as many")
    return _plan(call, (dy.shape[1], x.shape[1]), x.shape[0], call.kernels.linear.linear_weight_grad)


def _plan(call: Call, shape: tuple[int, int], length: int, launch: Any) -> Plan:
    """The plan of a product; without a launcher where 16-bit arrays are better converted."""
    declined = is_half(call.compute_dtype) and not call.kernels.linear.takes_half(*shape, length)
    return Plan(shape, None if declined else launch)


def _bias_grad_plan(call: Call) -> Plan:
    (dy,) = call.arrays
    _require_matrices(call.op, dy=dy)
    return Plan(dy.shape[1:], call.kernels.linear.linear_bias_grad)


def _require_matrices(op: str, **arrays: Array) -> None:
    for name, a in arrays.items():
        if a.ndim != 2:
            raise ValueError(f"{op}: {name} has shape {a.shape}, expected two dimensions (rows, columns)")
        if a.shape[1] == 0:
            raise ValueError(f"{op}: {name} has shape {a.shape}, expected at least one column")
