"""Elementwise sum and concatenation of arrays, and its gradient, for NumPy and CuPy arrays."""

from collections.abc import Sequence
from typing import Any

from ..core import arrays as core_arrays
from ..core.arrays import shaped
from ..core.blocks import elementwise, stream_bytes
from ..core.call import Call
from ..core.device import Array, array_module
from ..core.dtypes import is_half, on_bits
from ..core.plan import Plan, run_known
from ..core.shapes import any_shape, split_axis


def add(a: Array, b: Array, *, out: Array | None = None) -> Array:
    """a + b, as at the end of a residual block. The gradient of a and of b is that of the sum.

    Parameters
    ----------
    a, b : array of one shape, float16, bfloat16, float32 or float64
    out : array like a, optional
        Where the result goes; may be a or b itself.

    Returns
    -------
    array like a

    Raises
    ------
    ValueError
        If the shapes differ: nothing is broadcast.

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.add(np.array([1.0, 2.0]), np.array([10.0, 20.0]))
    array([11., 22.])
    """
    if out is None and (known := run_known(_add_plan, (a, b), ())) is not None:
        return known
    call = Call("add", native="cpu", convert=False, a=a, b=b)
    plan = call.plan(_add_plan)
    with call.device:
        if call.needs_blocks(a.shape, limit=stream_bytes(call)):
            return elementwise(call, add, out)
        call.convert()
        a, b = call.arrays
        y = call.output(a.shape, out, coinciding=(a, b))
        plan.launch(a, b, y)
    return call.finish(y)


def _add_plan(call: Call) -> Plan:
    a, b = call.arrays
    call.require_shape("b", b, a.shape, "the shape of a")
    launch = call.kernels.join.add
    return Plan(a.shape, on_bits(launch) if is_half(call.compute_dtype) else launch)


def concatenate(arrays: Sequence[Array], axis: int = 1, *, out: Array | None = None) -> Array:
    """Concatenate arrays along an axis, by default the channels.

    Parameters
    ----------
    arrays : sequence of arrays, float16, bfloat16, float32 or float64
        Of one shape but for the axis.
    axis : int
    out : array, optional
        Memory for the result; must not overlap an input.

    Returns
    -------
    array

    Raises
    ------
    ValueError
        If no arrays are given, or shapes differ outside the axis.

    Notes
    -----
    torch.cat and numpy.concatenate, but dtypes are not mixed. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.concatenate([np.zeros((1, 2, 3)), np.ones((1, 1, 3))]).shape
    (1, 3, 3)
    """
    op = "concatenate"
    if not isinstance(arrays, Sequence):
        raise TypeError(f"{op}: arrays is a {type(arrays).__name__}, expected a list or tuple of arrays")
    if not arrays:
        raise ValueError(f"{op}: arrays is empty, expected at least one array")
    if out is None and (known := run_known(_concatenate_plan, tuple(arrays), (axis,))) is not None:
        return known
    operands: dict[str, Any] = {f"arrays[{i}]": a for i, a in enumerate(arrays)}
    call = Call(op, convert=False, **operands)
    plan = call.plan(_concatenate_plan, axis)
    with call.device:
        if not all(map(call.takes, call.arrays)):  # nothing is computed, so nothing is converted
            return _joined(call, plan.result_shape, axis % len(plan.result_shape), out)
        y = call.output(plan.result_shape, out)
        plan.launch(*call.arrays, y)
    return call.finish(y)


def _concatenate_plan(call: Call, axis: int) -> Plan:
    op, inputs = call.op, call.arrays
    shape = inputs[0].shape
    outer, _, inner = split_axis(op, shape, axis, "arrays[0]")
    axis %= len(shape)
    for i, a in enumerate(inputs):
        if a.ndim != len(shape):
            raise ValueError(f"{op}: arrays[{i}] has shape {a.shape}, expected {len(shape)} dimensions like arrays[0]")
        expected = (*shape[:axis], a.shape[axis], *shape[axis + 1 :])
        shaped(op, f"arrays[{i}]", a, expected, f"that of arrays[0] but for axis {axis}")
    columns, copy = [a.shape[axis] * inner for a in inputs], call.kernels.join.copy_columns
    total = sum(columns)

    def launch(*operands: Array) -> None:
        """Copy each array into its columns of the result."""
        *sources, y = operands
        rows, start = y.reshape(outer, total), 0
        for a, size in zip(sources, columns, strict=True):
            copy(a.reshape(outer, size), 0, rows, start, size)
            start += size

    return Plan((*shape[:axis], sum(a.shape[axis] for a in inputs), *shape[axis + 1 :]), launch)


def _joined(call: Call, shape: tuple[int, ...], axis: int, out: Array | None) -> Array:
    call.check_out(shape, out)
    overlaps = out is not None and any(array_module(a).may_share_memory(a, out) for a in call.arrays)
    y: Any = core_arrays.empty(shape, call.dtype, call.like) if out is None or overlaps else out
    leading, start = (slice(None),) * axis, 0
    for a in call.arrays:
        y[(*leading, slice(start, start + a.shape[axis]))] = a
        start += a.shape[axis]
    if out is None or not overlaps:
        return y  # type: ignore[no-any-return]
    out[...] = y
    return out


def concatenate_grad(dy: Array, sizes: Sequence[int], axis: int = 1) -> tuple[Array, ...]:
    """Gradients of the inputs of `concatenate`: slices of dy.

    Parameters
    ----------
    dy : array, float16, bfloat16, float32 or float64
    sizes : sequence of int
        Of the arrays along the axis, in order.
    axis : int

    Returns
    -------
    tuple of arrays

    Raises
    ------
    ValueError
        If the sizes do not add up to the axis's length.

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> da, db = gpuconv.concatenate_grad(np.arange(3.0).reshape(1, 3), (2, 1))
    >>> da, db
    (array([[0., 1.]]), array([[2.]]))
    """
    op = "concatenate_grad"
    call = Call(op, convert=False, dy=dy)
    outer, total, inner = split_axis(op, dy.shape, axis, "dy")
    axis %= dy.ndim
    lengths = any_shape(op, "sizes", sizes)
    if sum(lengths) != total:
        raise ValueError(f"{op}: sizes is {lengths}, expected {total} in sum (dy.shape[{axis}])")
    gradients, first = [], 0
    with call.device:
        for size in lengths:
            dx: Any = core_arrays.empty((*dy.shape[:axis], size, *dy.shape[axis + 1 :]), call.dtype, dy)
            columns = size * inner
            if call.takes(dy):
                call.kernels.join.copy_columns(
                    dy.reshape(outer, total * inner), first * inner, dx.reshape(outer, columns), 0, columns
                )
            else:
                dx[...] = dy[(*(slice(None),) * axis, slice(first, first + size))]
            gradients.append(dx)
            first += size
    return tuple(gradients)
