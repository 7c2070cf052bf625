"""Convolution on the CPU: picks the algorithm for a shape and launches it."""

from functools import lru_cache, partial

from ...core.scalar import IDENTITY
from ...cpu import pair_tiles
from ...cpu.plan import cached
from ...cpu.reduce import sum_columns
from ..automatic import AUTOMATIC, INEXACT
from . import (
    bfloat16,
    col2im,
    cost_model,
    depthwise,
    direct,
    direct_wgrad,
    fft,
    filter_vectorized,
    filter_vectorized_wgrad,
    implicit_gemm,
    pointwise,
    winograd,
)
from .batches import correlation_plan, gradient_plan
from .offset_tables import TABLE_LIMIT

ALGORITHMS = ("direct", "filter_vectorized", "pointwise", "col2im", "depthwise", "implicit_gemm", "winograd", "fft")
"""Names of all algorithms of this target, besides "auto"."""

PLANS = {
    "fprop": {
        "direct": direct.fprop_plan,
        "filter_vectorized": partial(correlation_plan, filter_vectorized.fprop_plan),
        "pointwise": pointwise.fprop_plan,
        "depthwise": depthwise.fprop_plan,
        "implicit_gemm": implicit_gemm.fprop_plan,
        "winograd": winograd.fprop_plan,
        "fft": fft.fprop_plan,
    },
    "dgrad": {
        "direct": direct.dgrad_plan,
        "filter_vectorized": partial(correlation_plan, filter_vectorized.dgrad_plan),
        "pointwise": pointwise.dgrad_plan,
        "col2im": col2im.dgrad_plan,
        "depthwise": depthwise.dgrad_plan,
        "implicit_gemm": implicit_gemm.dgrad_plan,
        "winograd": winograd.dgrad_plan,
        "fft": fft.dgrad_plan,
    },
    "wgrad": {
        "direct": direct_wgrad.wgrad_plan,
        "filter_vectorized": partial(gradient_plan, filter_vectorized_wgrad.wgrad_plan),
        "depthwise": depthwise.wgrad_plan,
        "winograd": winograd.wgrad_plan,
        "fft": fft.wgrad_plan,
    },
}
"""plan(shape, dtype) of each pass by each algorithm that computes it."""

PAIR_PLANS = {"fprop": bfloat16.fprop_plan, "dgrad": bfloat16.dgrad_plan, "wgrad": bfloat16.wgrad_plan}
"""plan(shape, name of a tile) of each pass of bfloat16 arrays."""


@lru_cache(maxsize=4096)
def select(shape, operation, dtype, exact=False):
    """Name of the algorithm that "auto" takes, or "exact": a pure function of shape, pass and dtype.

    Parameters
    ----------
    shape : conv shape
    operation : {"fprop", "dgrad", "wgrad"}
    dtype : NumPy dtype

    Returns
    -------
    str
    """
    for name in cost_model.PREFERENCE[operation]:
        if exact and name in INEXACT:
            continue
        if unsupported(name, shape, operation, dtype) is None and cost_model.is_profitable(
            name, shape, operation, dtype
        ):
            return name
    return "direct"


def unsupported(algorithm, shape, operation, dtype, *, like=None):
    """Why an algorithm does not compute a pass of a convolution; None where it does.

    Parameters
    ----------
    algorithm : str
        One of ALGORITHMS.
    shape : conv shape
    operation : {"fprop", "dgrad", "wgrad"}
    dtype : NumPy dtype
    like : array, optional
        Of the device; of no account on the CPU.

    Returns
    -------
    str or None
        Names what came and what was expected.
    """
    if algorithm in AUTOMATIC:
        return None
    if algorithm not in ALGORITHMS:
        return f"{algorithm}: no such algorithm on the CPU, expected one of {', '.join(map(repr, ALGORITHMS))}"
    offered = [name for name, names in PLANS.items() if algorithm in names]
    if operation not in offered:
        return f"{algorithm}: {operation}, expected {' or '.join(offered)}"
    reason = _REASONS[algorithm](shape, operation) if algorithm in _REASONS else None
    return reason and f"{algorithm}: {reason}"


def skips_padding(shape, operation, dtype, algorithm):
    """Whether taps that meet padding alone cost nothing, by an algorithm or the one that "auto" or "exact" takes."""
    if operation != "wgrad" and algorithm in AUTOMATIC:
        algorithm = select(shape, operation, dtype, algorithm == "exact")
    return operation != "wgrad" and algorithm == "filter_vectorized"


def algorithms(shape, operation, like):
    """Names of the algorithms that compute a pass of a convolution on such an array, besides "auto"."""
    return tuple(name for name in ALGORITHMS if unsupported(name, shape, operation, like.dtype) is None)


@cached
def plan(shape, operation, dtype, algorithm):
    """The launch plan of a pass by an algorithm, or by the one that "auto" or "exact" takes.

    Raises
    ------
    ValueError
        If the algorithm does not compute that pass.
    """
    if reason := unsupported(algorithm, shape, operation, dtype):
        raise ValueError(reason)
    if dtype.itemsize == 2:
        return PAIR_PLANS[operation](shape, pair_tiles.quickest())
    name = select(shape, operation, dtype, algorithm == "exact") if algorithm in AUTOMATIC else algorithm
    return PLANS[operation][name](shape, dtype)


def takes_half(shape, operation, algorithm):
    """Whether a pass of bfloat16 arrays is computed without converting them.

    By products of pairs, where they are quicker than converting and any algorithm of float32; "direct" is always.
    """
    if algorithm == "direct":
        return pair_tiles.quickest() is not None
    return algorithm in AUTOMATIC and cost_model.pairs_are_profitable(shape, operation)


def fprop(shape, x, w, b, activation, slope, y, algorithm):
    """y[n,k,p,q] = f(sum_{c,r,s} w[k,c,r,s] x[n,c,p st + r d - pad,...] + b[k]): the forward pass."""
    if shape.n:
        p = plan(shape, "fprop", x.dtype, algorithm)
        p.launch(x, w, p.no_bias if b is None else b, activation, slope, p.no_pre_activation, y)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx, algorithm):
    """dx[n,c,i,j] = sum_{k,r,s} w[k,c,r,s] dy[n,k,p,q] f'(x[n,c,i,j]), p st + r d - pad = i: equation (20)."""
    if shape.n:
        p = plan(shape, "dgrad", dy.dtype, algorithm)
        if pre_activation is None:
            p.launch(dy, w, p.no_bias, IDENTITY, slope, p.no_pre_activation, dx)
        else:
            p.launch(dy, w, p.no_bias, activation, slope, pre_activation, dx)


def wgrad(shape, x, dy, dw, algorithm):
    """dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] x[n,c,p st + r d - pad,...]: equation (13)."""
    if shape.n:
        plan(shape, "wgrad", x.dtype, algorithm).launch(x, dy, dw)
    else:
        dw.fill(0)


def bias_grad(dy, db):
    """db[k] = sum_{n,p,q} dy[n,k,p,q]."""
    n, k, p, q = dy.shape
    sum_columns(dy.reshape(n, k, p * q), db)


# Why a shape is not supported.


def _filter_vectorized_reason(shape, operation):
    return _table_reason(cost_model.padded_size(shape))


def _pointwise_reason(shape, operation):
    if pointwise.are_patches(shape):
        return None
    if shape.r * shape.s != 1:
        return f"{_taps_and_stride(shape)}, expected 1x1 taps, or as many as the stride and no padding"
    last = (shape.p - 1) * shape.stride_h, (shape.q - 1) * shape.stride_w
    if shape.pad_top or shape.pad_left or last[0] >= shape.h or last[1] >= shape.w:
        pads = (shape.pad_top, shape.pad_bottom), (shape.pad_left, shape.pad_right)
        return f"padding {pads}, expected none"
    return None


def _col2im_reason(shape, operation):
    return _table_reason(shape.k // shape.groups * shape.p * shape.q)


def _depthwise_reason(shape, operation):
    reason = depthwise.rows_reason(shape)
    if reason is None or depthwise.channels_support(shape, operation):
        return None
    return f"{_taps_and_stride(shape)}, {reason}"


def _implicit_gemm_reason(shape, operation):
    strided = shape.stride_h * shape.stride_w > 1
    if shape.s > implicit_gemm.MAX_COLUMNS:
        return f"{_taps_and_stride(shape)}, expected at most {implicit_gemm.MAX_COLUMNS} taps along a row"
    if operation == "dgrad" and strided:
        if shape.stride_w != 2 or (shape.dilation_h, shape.dilation_w) != (1, 1) or shape.s == 1:
            return f"dgrad at stride {shape.stride_h, shape.stride_w}, expected stride 1, or 2 along a row, undilated"
        return None
    if shape.stride_w > 2 or (shape.stride_w == 2 and shape.dilation_w > 1 and shape.s > 1):
        return f"stride {shape.stride_w} and dilation {shape.dilation_w} along a row, expected stride 1, or 2 undilated"
    return _table_reason(cost_model.padded_size(shape))


def _winograd_reason(shape, operation):
    if winograd.supports(shape):
        return None
    expected = "expected 3x3 or 5x5 at stride 1, or 5x5 or 9x9 at stride 2 without dilation"
    if shape.stride_h * shape.stride_w > 1 and (shape.dilation_h, shape.dilation_w) != (1, 1):
        return f"{_taps_and_stride(shape)} and dilation {shape.dilation_h, shape.dilation_w}, {expected}"
    return f"{_taps_and_stride(shape)}, {expected}"


def _table_reason(elements):
    return None if elements < TABLE_LIMIT else f"{elements} elements an image, expected fewer than 2^31"


def _taps_and_stride(shape):
    same = shape.stride_h == shape.stride_w
    return f"{shape.r}x{shape.s} taps at stride {shape.stride_h if same else (shape.stride_h, shape.stride_w)}"


_REASONS = {
    "filter_vectorized": _filter_vectorized_reason,
    "pointwise": _pointwise_reason,
    "col2im": _col2im_reason,
    "depthwise": _depthwise_reason,
    "implicit_gemm": _implicit_gemm_reason,
    "winograd": _winograd_reason,
}
