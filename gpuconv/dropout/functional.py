"""Dropout with a counter-based random number generator (Philox), for NumPy and CuPy arrays."""

import math
import operator
from typing import Any

import numpy as np

from ..core.arrays import contiguous
from ..core.blocks import Operand, Result, in_blocks, stream_bytes
from ..core.call import Call
from ..core.device import Array, array_module
from ..core.hints import described
from ..core.options import flag, number


def dropout(
    x: Array, p: float = 0.5, *, training: bool = True, seed: int, offset: int = 0, out: Array | None = None
) -> Array:
    """x / (1 - p) where it is kept, 0 where it is dropped, each element with probability p (Srivastava et al., 2014).

    Parameters
    ----------
    x : array of any shape, float16, bfloat16, float32 or float64
    p : float, 0 <= p <= 1
        Probability that an element is dropped, rounded to a multiple of 2^-32.
    training : bool
        Without, or where p is 0, nothing is dropped and the result is x itself.
    seed, offset : int, 0 <= seed, offset < 2^64
        Element i is dropped or kept by word i % 4 of Philox 4x32-10 with counter (i // 4, offset) and key seed: the
        same for NumPy and CuPy arrays, for every dtype, and for the gradient.
    out : array like x, optional
        Where the result goes; may be x itself.

    Returns
    -------
    array like x

    Raises
    ------
    ValueError
        If p, seed or offset is out of range.

    Notes
    -----
    PyTorch draws from a state, so its masks are others. A NaN that is dropped stays NaN, as in PyTorch. Deterministic.
    Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.dropout(np.ones(8), 0.5, seed=0)
    array([0., 2., 2., 2., 2., 0., 2., 0.])
    """
    return _dropout("dropout", x, p, training, seed, offset, out)


def dropout_grad(
    dy: Array, p: float = 0.5, *, training: bool = True, seed: int, offset: int = 0, out: Array | None = None
) -> Array:
    """dx = dy / (1 - p) where x was kept, 0 where it was dropped: the seed says which, no mask is needed.

    Parameters
    ----------
    dy : array of the shape of x, float16, bfloat16, float32 or float64
    p, training, seed, offset, out
        As in the forward call.

    Returns
    -------
    array like dy

    Raises
    ------
    ValueError
        If p, seed or offset is out of range.

    Notes
    -----
    Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.dropout_grad(np.ones(8), 0.5, seed=0)
    array([0., 2., 2., 2., 2., 0., 2., 0.])
    """
    return _dropout("dropout_grad", dy, p, training, seed, offset, out)


def dropout2d(
    x: Array, p: float = 0.5, *, training: bool = True, seed: int, offset: int = 0, out: Array | None = None
) -> Array:
    """Dropout of whole channels of x (N, C, H, W): n C + c is the element index; else as `dropout`.

    Examples
    --------
    >>> gpuconv.dropout2d(np.ones((1, 4, 1, 2)), 0.5, seed=0)[0, :, 0]
    array([[0., 0.],
           [2., 2.],
           [2., 2.],
           [2., 2.]])
    """
    return _dropout("dropout2d", x, p, training, seed, offset, out)


def dropout2d_grad(
    dy: Array, p: float = 0.5, *, training: bool = True, seed: int, offset: int = 0, out: Array | None = None
) -> Array:
    """Gradient of `dropout2d`; arguments as for `dropout_grad`.

    Examples
    --------
    >>> gpuconv.dropout2d_grad(np.ones((1, 4, 1, 2)), 0.5, seed=0)[0, :, 0]
    array([[0., 0.],
           [2., 2.],
           [2., 2.],
           [2., 2.]])
    """
    return _dropout("dropout2d_grad", dy, p, training, seed, offset, out)


def _dropout(op: str, x: Array, p: float, training: bool, seed: int, offset: int, out: Array | None) -> Array:
    """Shared by all four: the gradient masks dy as the forward pass masks x."""
    name, channels = "dy" if op.endswith("_grad") else "x", op.startswith("dropout2d")
    named: dict[str, Any] = {name: x}
    call = Call(op, convert=False, **named)
    if channels and x.ndim != 4:
        raise ValueError(f"{op}: {name} has shape {x.shape}, expected four dimensions (N, C, H, W)")
    probability = number(op, "p", p)
    if not 0 <= probability <= 1:
        raise ValueError(f"{op}: p is {p}, expected 0 <= p <= 1")
    key, counter = _word64(op, "seed", seed), _word64(op, "offset", offset)
    if (not flag(op, "training", training) or probability == 0) and out is None:
        return x if call.dtype is not call.compute_dtype else contiguous(x)
    rate = probability if training else 0.0
    scale = call.scalar("p", 1 / (1 - rate) if rate < 1 else 0.0)
    rows = (math.prod(x.shape[:2]), math.prod(x.shape[2:])) if channels else (x.size, 1)
    drawn = np.uint64(round(rate * 2**32)), scale, key, counter
    with call.device:
        if call.needs_blocks(x.shape, limit=stream_bytes(call)):
            return _in_blocks(call, 2 if channels else x.ndim, drawn, out)
        call.convert()
        (x,) = call.arrays
        y = call.output(x.shape, out, coinciding=(x,))
        if x.size:
            call.kernels.dropout.dropout(x.reshape(rows), *drawn, np.uint64(0), y.reshape(rows))
    return call.finish(y)


def _in_blocks(call: Call, axes: int, drawn: tuple[Any, ...], out: Array | None) -> Array:
    """Some positions of the first axes at a time, four for each counter of the generator."""
    x = call.like
    call.check_out(x.shape, out)
    shape, flat, first = x.shape, out, 0
    if x.flags.c_contiguous:
        sizes = math.prod(shape[:axes]), math.prod(shape[axes:])
        x, axes, flat = x.reshape(sizes), 1, None if out is None else out.reshape(sizes)

    def block(part: Array) -> Array:
        nonlocal first
        count, begun = math.prod(part.shape[:axes]), first % 4
        rows = part.reshape(count, part.size // count)
        if begun:  # the counter's first positions belong to the block before
            rows = array_module(part).concatenate([rows[:1].repeat(begun, 0), rows])
        y = call.output(rows.shape)
        call.kernels.dropout.dropout(rows, *drawn, np.uint64(first // 4), y)
        first += count
        dropped: Array = y[begun:].reshape(part.shape)
        return dropped

    split = tuple(range(axes))
    read, result = Operand(x, split), Result(x.shape, split)
    multiple = 4 if axes == 1 else 1
    (y,) = in_blocks(call, block, x.shape[:axes], [read], [result], flat, in_place=True, multiple=multiple)
    return y.reshape(shape) if out is None else out


def _word64(op: str, name: str, value: Any) -> np.uint64:
    try:
        word = operator.index(value)
    except TypeError:
        word = None
    if word is None or isinstance(value, bool):
        raise TypeError(f"{op}: {name} is {described(value)}, expected an integer")
    if not 0 <= word < 2**64:
        raise ValueError(f"{op}: {name} is {value}, expected 0 <= {name} < 2**64")
    return np.uint64(word)
