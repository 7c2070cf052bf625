"""Padding and its gradient, for NumPy and CuPy arrays."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.call import Call
from ..core.device import Array
from ..core.hints import described
from ..core.options import number, one_of
from ..core.plan import Plan
from ..core.run import run
from ..core.shapes import any_shape, integer
from .tables import Table, in_blocks_of_copied_axes, make_table, plan_of, transpose

MODES = ("constant", "reflect", "replicate", "circular")


def pad(
    x: Array, padding: Sequence[int], mode: str = "constant", value: float | None = None, *, out: Array | None = None
) -> Array:
    """x padded along its last axes.

    Parameters
    ----------
    x : array, float16, bfloat16, float32 or float64
    padding : sequence of int
        (before, after) of the last axis, then of the one before it, and so on. Negative amounts crop.
    mode : {"constant", "reflect", "replicate", "circular"}
        Padding values: `value`; x mirrored at its edge elements; the nearest element; x repeated periodically.
        All but "constant" pad the last one, two or three axes of arrays with one or two axes more.
    value : float, optional
        For "constant"; default 0.
    out : array, optional
        Memory for the result; must not overlap x.

    Returns
    -------
    array

    Raises
    ------
    ValueError
        If a value is given where none is used, or x is too small for its padding.

    Notes
    -----
    As torch.nn.functional.pad. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.pad(np.array([[[1.0, 2.0, 3.0]]]), (1, 2), mode="replicate")
    array([[[1., 1., 2., 3., 3., 3.]]])
    """
    options = padding, mode, value
    return run("pad", _forward_plan, {"x": x}, options, out=out, blocks=in_blocks_of_copied_axes)


def pad_input_grad(
    dy: Array, input_shape: Sequence[int], padding: Sequence[int], mode: str = "constant", *, out: Array | None = None
) -> Array:
    """dx: each input collects the gradients of its copies.

    Parameters
    ----------
    dy : array, float16, bfloat16, float32 or float64
    input_shape : sequence of int
    padding, mode
        As in the forward call.
    out : array of input_shape, optional
        Memory for the result; must not overlap dy.

    Returns
    -------
    array of input_shape

    Notes
    -----
    Gathers, without atomics: deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.pad_input_grad(np.ones((1, 1, 6)), (1, 1, 3), (1, 2), mode="replicate")
    array([[[2., 1., 3.]]])
    """
    options = input_shape, padding, mode
    return run("pad_input_grad", _gradient_plan, {"dy": dy}, options, out=out, blocks=in_blocks_of_copied_axes)


def _forward_plan(call: Call, padding: Sequence[int], mode: str, value: float | None) -> Plan:
    one_of(call.op, "mode", mode, MODES)
    if mode != "constant" and value is not None:
        raise ValueError(f"{call.op}: value is {value}, expected None for mode {mode!r}")
    fill = 0.0 if value is None else number(call.op, "value", value)
    return plan_of(call, _tables(call.op, call.like.shape, padding, mode), fill)


def _gradient_plan(call: Call, input_shape: Sequence[int], padding: Sequence[int], mode: str) -> Plan:
    one_of(call.op, "mode", mode, MODES)
    shape = any_shape(call.op, "input_shape", input_shape)
    tables = _tables(call.op, shape, padding, mode)
    padded = (*shape[: len(shape) - len(tables)], *(table.size for table in tables))
    call.require_shape("dy", call.like, padded, "the forward result's shape for input_shape")
    return plan_of(call, [transpose(table) for table in tables])


def _tables(op: str, shape: Sequence[int], padding: Any, mode: str) -> list[Table]:
    """Table of each padded axis, in the order of the axes."""
    if not isinstance(padding, Sequence) or isinstance(padding, str):
        raise TypeError(f"{op}: padding is {described(padding)}, expected a sequence of (before, after) for each axis")
    amounts = [integer(op, f"padding[{i}]", amount, at_least=1 - 2**31) for i, amount in enumerate(padding)]
    axes, rank = len(amounts) // 2, len(shape)
    if len(amounts) % 2 or axes > rank:
        raise ValueError(f"{op}: padding has {len(amounts)} amounts, expected pairs for at most {rank} axes")
    if mode != "constant" and not (1 <= axes <= 3 and axes + 1 <= rank <= axes + 2):
        raise ValueError(
            f"{op}: padding has {len(amounts)} amounts for {rank} dimensions; mode {mode!r} expects 2 for 2 or 3, "
            "4 for 3 or 4, 6 for 4 or 5"
        )
    tables = []
    for i in reversed(range(axes)):
        axis, (pad_before, pad_after) = rank - 1 - i, amounts[2 * i : 2 * i + 2]
        _require_room(op, mode, axis, shape[axis], pad_before, pad_after)
        tables.append(_pad_table(shape[axis], pad_before, pad_after, mode))
    return tables


def _require_room(op: str, mode: str, axis: int, size: int, pad_before: int, pad_after: int) -> None:
    sides, padded = f"({pad_before}, {pad_after})", size + pad_before + pad_after
    limit = {"reflect": size - 1, "circular": size + min(pad_before, 0) + min(pad_after, 0)}.get(mode)
    if limit is not None and max(pad_before, pad_after) > max(limit, 0):
        raise ValueError(f"{op}: padding of axis {axis} is {sides}, expected at most {limit} for {mode!r}")
    smallest = 0 if mode == "constant" else 1
    if padded < smallest or (mode != "constant" and size < 1):
        raise ValueError(
            f"{op}: padding of axis {axis} is {sides}, which leaves {padded} of {size}, expected at least {smallest}"
        )


@functools.lru_cache(maxsize=256)
def _pad_table(size: int, pad_before: int, pad_after: int, mode: str) -> Table:
    """Table of one padded axis."""
    positions = np.arange(-pad_before, size + pad_after)
    if mode == "constant":
        inside = (positions >= 0) & (positions < size)
        return make_table(size, inside, positions[inside])
    if mode == "replicate":
        sources = np.clip(positions, 0, size - 1)
    elif mode == "reflect":
        sources = np.abs(positions)
        sources = np.where(sources >= size, 2 * (size - 1) - sources, sources)
    else:  # as PyTorch: periodic in what a negative padding has left
        first, last = max(-pad_before, 0), size + min(pad_after, 0)
        sources = first + (positions - first) % max(last - first, 1)
    return make_table(size, np.ones(len(sources)), sources)
