"""Elementwise sum and concatenation of arrays, and its gradient, for NumPy and CuPy arrays."""

from collections.abc import Sequence
from typing import Any

from ..core.arrays import shaped
from ..core.call import Call
from ..core.device import Array
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
    call = Call("add", a=a, b=b)
    a, b = call.arrays
    call.require_shape("b", b, a.shape, "the shape of a")
    with call.device:
        y = call.output(a.shape, out, coinciding=(a, b))
        call.kernels.join.add(a, b, y)
    return call.finish(y)


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
        If there are no arrays, or shapes differ outside the axis.

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
    operands: dict[str, Any] = {f"arrays[{i}]": a for i, a in enumerate(arrays)}
    call = Call(op, **operands)
    inputs = call.arrays
    shape = inputs[0].shape
    outer, _, inner = split_axis(op, shape, axis, "arrays[0]")
    axis %= len(shape)
    for i, a in enumerate(inputs):
        if a.ndim != len(shape):
            raise ValueError(f"{op}: arrays[{i}] has shape {a.shape}, expected {len(shape)} dimensions like arrays[0]")
        expected = (*shape[:axis], a.shape[axis], *shape[axis + 1 :])
        shaped(op, f"arrays[{i}]", a, expected, f"that of arrays[0] but for axis {axis}")
    # copy each array into its columns of the result
    sizes = [a.shape[axis] for a in inputs]
    with call.device:
        y = call.output((*shape[:axis], sum(sizes), *shape[axis + 1 :]), out)
        rows, start = y.reshape(outer, sum(sizes) * inner), 0
        for a, size in zip(inputs, sizes, strict=True):
            call.kernels.join.copy_columns(a.reshape(outer, size * inner), 0, rows, start, size * inner)
            start += size * inner
    return call.finish(y)


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
    call = Call(op, dy=dy)
    (dy,) = call.arrays
    outer, total, inner = split_axis(op, dy.shape, axis, "dy")
    axis %= dy.ndim
    lengths = any_shape(op, "sizes", sizes)
    if sum(lengths) != total:
        raise ValueError(f"{op}: sizes is {lengths}, expected {total} in sum (dy.shape[{axis}])")
    gradients, first = [], 0
    with call.device:
        for size in lengths:
            dx = call.output((*dy.shape[:axis], size, *dy.shape[axis + 1 :]))
            columns = size * inner
            call.kernels.join.copy_columns(
                dy.reshape(outer, total * inner), first, dx.reshape(outer, columns), 0, columns
            )
            gradients.append(call.finish(dx))
            first += columns
    return tuple(gradients)
