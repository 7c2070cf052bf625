"""Upsampling (and downsampling) and its gradient, for NumPy and CuPy arrays."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.call import Call
from ..core.device import Array
from ..core.hints import described
from ..core.options import flag, number, one_of
from ..core.plan import Plan
from ..core.run import run
from ..core.shapes import any_shape, positive
from .tables import Table, in_blocks_of_copied_axes, make_table, plan_of, transpose

RANKS = {"nearest": (3, 4, 5), "linear": (3,), "bilinear": (4,), "trilinear": (5,)}


def upsample(
    x: Array,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    *,
    out: Array | None = None,
) -> Array:
    """x in another size.

    Parameters
    ----------
    x : array (N, C, ...) of one to three spatial axes, float16, bfloat16, float32 or float64
    size : int or sequence of int, optional
        Of the result's spatial axes.
    scale_factor : float or sequence of float, optional
        Instead of size: the result has floor(size * scale_factor) positions.
    mode : {"nearest", "linear", "bilinear", "trilinear"}
        The linear ones for one, two and three spatial axes.
    align_corners : bool, optional
        For the linear modes: align the centers of the corner elements instead of the corners of the image.
    out : array, optional
        Memory for the result; must not overlap x.

    Returns
    -------
    array (N, C, ...)

    Raises
    ------
    ValueError
        If not exactly one of size and scale_factor is given, or the mode does not fit x.

    Notes
    -----
    As torch.nn.functional.interpolate without recompute_scale_factor and antialias: position j of "nearest" is
    floor(j / scale), with scale and product in float32 like PyTorch's. Where a fractional scale gives the same size or
    twice the size (3 positions times 1.3), PyTorch copies images whole; with one or three spatial axes it follows the
    scale forward but not backward. Here both passes follow its forward pass. Deterministic. Errors: docs/errors.md.

    Examples
    --------
    >>> gpuconv.upsample(np.array([[[1.0, 3.0]]]), scale_factor=2)
    array([[[1., 1., 3., 3.]]])
    >>> gpuconv.upsample(np.array([[[1.0, 3.0]]]), scale_factor=2, mode="linear")
    array([[[1. , 1.5, 2.5, 3. ]]])
    """
    options = size, scale_factor, mode, align_corners
    return run("upsample", _forward_plan, {"x": x}, options, out=out, blocks=in_blocks_of_copied_axes)


def upsample_input_grad(
    dy: Array,
    input_shape: Sequence[int],
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    *,
    out: Array | None = None,
) -> Array:
    """dx: each input collects the gradients of what it went into, with the same weights.

    Parameters
    ----------
    dy : array (N, C, ...), float16, bfloat16, float32 or float64
    input_shape : sequence of int
    size, scale_factor, mode, align_corners
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
    >>> gpuconv.upsample_input_grad(np.ones((1, 1, 4)), (1, 1, 2), scale_factor=2)
    array([[[2., 2.]]])
    """
    options = input_shape, size, scale_factor, mode, align_corners
    return run("upsample_input_grad", _gradient_plan, {"dy": dy}, options, out=out, blocks=in_blocks_of_copied_axes)


def _forward_plan(call: Call, *options: Any) -> Plan:
    return plan_of(call, _tables(call.op, "x", call.like.shape, *options))


def _gradient_plan(call: Call, input_shape: Sequence[int], *options: Any) -> Plan:
    shape = any_shape(call.op, "input_shape", input_shape)
    tables = _tables(call.op, "input_shape", shape, *options)
    result = (*shape[:2], *(table.size for table in tables))
    call.require_shape("dy", call.like, result, "the forward result's shape for input_shape")
    return plan_of(call, [transpose(table) for table in tables])


def _tables(
    op: str, name: str, shape: tuple[int, ...], size: Any, scale_factor: Any, mode: str, align_corners: Any
) -> list[Table]:
    """Table of each spatial axis."""
    one_of(op, "mode", mode, tuple(RANKS))
    if len(shape) not in RANKS[mode]:
        ranks = " or ".join(map(str, RANKS[mode]))
        raise ValueError(f"{op}: {name} has {len(shape)} dimensions, mode {mode!r} expects {ranks}")
    if mode == "nearest" and align_corners is not None:
        raise ValueError(f"{op}: align_corners is {align_corners}, expected None for mode 'nearest'")
    aligned = align_corners is not None and flag(op, "align_corners", align_corners)
    lengths = [positive(op, f"{name}.shape[{axis + 2}]", length) for axis, length in enumerate(shape[2:])]
    # output sizes and scales
    if (size is None) == (scale_factor is None):
        raise ValueError(f"{op}: size is {size} and scale_factor is {scale_factor}, expected one of them")
    if scale_factor is None:
        sizes = [positive(op, f"size[{i}]", extent) for i, extent in enumerate(_each(op, "size", size, len(lengths)))]
        scales: list[float | None] = [None] * len(lengths)
    else:
        scale_factors = _each(op, "scale_factor", scale_factor, len(lengths))
        scale_factors = [number(op, f"scale_factor[{i}]", scale) for i, scale in enumerate(scale_factors)]
        sizes = [_scaled(op, length, scale) for length, scale in zip(lengths, scale_factors, strict=True)]
        scales = list(scale_factors)
    table = functools.partial(_nearest, len(shape) == 4) if mode == "nearest" else functools.partial(_linear, aligned)
    return [table(*axis) for axis in zip(lengths, sizes, scales, strict=True)]


def _each(op: str, name: str, value: Any, axes: int) -> Sequence[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return [value] * axes
    if len(value) != axes:
        raise ValueError(f"{op}: {name} is {described(value)}, expected a number or {axes} of them")
    return value


def _scaled(op: str, length: int, scale: float) -> int:
    if not 0 < length * scale < 2**31 or int(length * scale) < 1:
        raise ValueError(f"{op}: scale_factor is {scale}, expected 1 <= {length} * scale_factor < 2**31")
    return int(length * scale)


@functools.lru_cache(maxsize=256)
def _nearest(flat: bool, length: int, size: int, scale: float | None) -> Table:
    """PyTorch's rule, in float32; images of the same or twice the size are copied whatever the scale."""
    step = np.float32(length) / np.float32(size) if scale is None else np.float32(1 / scale)
    if flat and size in (length, 2 * length):
        step = np.float32(length / size)
    sources = np.floor(np.arange(size, dtype=np.float32) * step).astype(np.int64)
    return make_table(length, np.ones(size), np.minimum(sources, length - 1))


@functools.lru_cache(maxsize=256)
def _linear(aligned: bool, length: int, size: int, scale: float | None) -> Table:
    """Terms of the inputs left and right of an output's coordinate; of one where it lies on that, or at an edge.

    Coordinates are quotients of integers where no scale is given: what lies on an input does so exactly, and what is
    at it, NaN or infinity, does not reach outputs that it has no share of.
    """
    positions = np.arange(size, dtype=np.int64)
    if size == length:
        left, share = positions, np.zeros(size)
    elif aligned:
        left, share = _quotients(positions * (length - 1), max(size - 1, 1))
    elif scale is None:
        left, share = _quotients(np.maximum((2 * positions + 1) * length - size, 0), 2 * size)
    else:
        coordinates = np.maximum((positions + 0.5) / scale - 0.5, 0)
        left = coordinates.astype(np.int64)
        share = coordinates - left
    inside = left < length - 1
    left, share = np.where(inside, left, length - 1), np.where(inside, share, 0)
    weights = np.stack([1 - share, share], axis=1)
    terms = weights != 0
    return make_table(length, terms.sum(1), np.stack([left, left + 1], axis=1)[terms], weights[terms])


def _quotients(numerators: Any, denominator: int) -> tuple[Any, Any]:
    """Integer parts and fractions."""
    return numerators // denominator, numerators % denominator / denominator
