"""Convolution on the CPU: picks the algorithm for a shape and launches it."""

from functools import lru_cache

import numpy as np

from ...core.scalar import IDENTITY
from ...cpu.reduce import sum_columns
from ..phases import dgrad_phases
from . import cost_model, winograd_taps
from .col2im import scatter_gradient
from .direct import Lattice, correlate
from .direct_wgrad import correlate_with_gradient
from .filter_vectorized import correlate_by_filters
from .filter_vectorized_wgrad import correlate_with_gradient_by_filters
from .pointwise import correlate_pointwise
from .winograd import correlate_winograd
from .winograd_wgrad import correlate_with_gradient_winograd

ALGORITHMS = ("direct", "filter_vectorized", "pointwise", "col2im", "winograd")
"""Names of all algorithms of this target, besides "auto"."""

TABLE_LIMIT = 1 << 31
"""Elements that a table of 32-bit offsets reaches."""


@lru_cache(maxsize=4096)
def select(shape, operation, dtype):
    """Name of the algorithm that "auto" takes: a pure function of shape, pass and dtype.

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
    if algorithm == "auto":
        return None
    if algorithm not in ALGORITHMS:
        return f"{algorithm}: no such algorithm on the CPU, expected one of {', '.join(map(repr, ALGORITHMS))}"
    offered = [name for name, names in LAUNCHERS.items() if algorithm in names]
    if operation not in offered:
        return f"{algorithm}: {operation}, expected {' or '.join(offered)}"
    reason = _REASONS[algorithm](shape, operation) if algorithm in _REASONS else None
    return reason and f"{algorithm}: {reason}"


def algorithms(shape, operation, like):
    """Names of the algorithms that compute a pass of a convolution on such an array, besides "auto"."""
    return tuple(name for name in ALGORITHMS if unsupported(name, shape, operation, like.dtype) is None)


def fprop(shape, x, w, b, activation, slope, y, algorithm):
    """y[n,k,p,q] = f(sum_{c,r,s} w[k,c,r,s] x[n,c,p st + r d - pad,...] + b[k]): the forward pass."""
    name = select(shape, "fprop", x.dtype) if algorithm == "auto" else algorithm
    LAUNCHERS["fprop"][name](shape, x, w, b, activation, slope, y)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx, algorithm):
    """dx[n,c,i,j] = sum_{k,r,s} w[k,c,r,s] dy[n,k,p,q] f'(x[n,c,i,j]), p st + r d - pad = i: equation (20)."""
    name = select(shape, "dgrad", dy.dtype) if algorithm == "auto" else algorithm
    factor = np.empty((0, 0, 0, 0), dy.dtype) if pre_activation is None else pre_activation
    code = IDENTITY if pre_activation is None else activation
    LAUNCHERS["dgrad"][name](shape, dy, w, factor, code, slope, dx)


def wgrad(shape, x, dy, dw, algorithm):
    """dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] x[n,c,p st + r d - pad,...]: equation (13)."""
    name = select(shape, "wgrad", x.dtype) if algorithm == "auto" else algorithm
    LAUNCHERS["wgrad"][name](shape, x, dy, dw)


def bias_grad(dy, db):
    """db[k] = sum_{n,p,q} dy[n,k,p,q]."""
    n, k, p, q = dy.shape
    sum_columns(dy.reshape(n, k, p * q), db)


# Why a shape is not supported.


def _filter_vectorized_reason(shape, operation):
    if shape.groups != 1:
        return f"got groups={shape.groups}, expected 1"
    if operation == "dgrad" and not cost_model.is_one_correlation(shape):
        return (
            f"dgrad of {shape.r}x{shape.s} taps at stride {shape.stride_h, shape.stride_w}, "
            "expected stride 1, one tap, or a dilation that is a multiple of the stride"
        )
    return _table_reason(cost_model.padded_size(shape))


def _pointwise_reason(shape, operation):
    if shape.r * shape.s != 1 or shape.stride_h * shape.stride_w != 1:
        return f"{_taps_and_stride(shape)}, expected 1x1 taps at stride 1"
    if shape.groups != 1:
        return f"got groups={shape.groups}, expected 1"
    if (shape.h, shape.w) != (shape.p, shape.q):
        pads = (shape.pad_top, shape.pad_bottom), (shape.pad_left, shape.pad_right)
        return f"padding {pads}, expected none"
    return None


def _col2im_reason(shape, operation):
    return _table_reason(shape.k // shape.groups * shape.p * shape.q)


def _winograd_reason(shape, operation):
    expected = "expected 3x3 or 5x5 at stride 1, or 5x5 or 9x9 at stride 2"
    if not winograd_taps.is_tiled(shape):
        return f"{_taps_and_stride(shape)}, {expected}"
    if (shape.dilation_h, shape.dilation_w) != (1, 1):
        return f"got dilation {shape.dilation_h, shape.dilation_w}, expected 1"
    return f"got groups={shape.groups}, expected 1" if shape.groups != 1 else None


def _table_reason(elements):
    return None if elements < TABLE_LIMIT else f"{elements} elements an image, expected fewer than 2^31"


def _taps_and_stride(shape):
    same = shape.stride_h == shape.stride_w
    return f"{shape.r}x{shape.s} taps at stride {shape.stride_h if same else (shape.stride_h, shape.stride_w)}"


_REASONS = {
    "filter_vectorized": _filter_vectorized_reason,
    "pointwise": _pointwise_reason,
    "col2im": _col2im_reason,
    "winograd": _winograd_reason,
}


# One launcher for each pass and algorithm; those of a pass have one signature.


def _fprop_direct(g, x, w, b, activation, slope, y):
    taps, lattice = _forward_taps(g)
    correlate(x, w, taps, (g.stride_h, g.stride_w), g.groups, False, *_fused(g, lattice, x, b, activation, slope, y))


def _fprop_filter_vectorized(g, x, w, b, activation, slope, y):
    taps, lattice = _forward_taps(g)
    correlate_by_filters(x, w, taps, (g.stride_h, g.stride_w), False, *_fused(g, lattice, x, b, activation, slope, y))


def _fprop_pointwise(g, x, w, b, activation, slope, y):
    correlate_pointwise(x, w, False, *_fused(g, None, x, b, activation, slope, y)[1:])


def _fprop_winograd(g, x, w, b, activation, slope, y):
    correlate_winograd(x, w, False, *winograd_taps.forward(g), *_fused(g, None, x, b, activation, slope, y)[1:])


def _fused(g, lattice, x, b, activation, slope, y):
    bias = np.zeros(g.k, x.dtype) if b is None else b
    return lattice, bias, activation, slope, np.empty((0, 0, 0, 0), x.dtype), y


def _dgrad_direct(g, dy, w, pre_activation, code, slope, dx):
    phases, complete = _phase_taps(g)
    if not complete:
        dx[...] = 0
    for taps, lattice in phases:
        result = lattice, np.zeros(g.c, dy.dtype), code, slope, pre_activation, dx
        correlate(dy, w, taps, (1, 1), g.groups, True, *result)


def _dgrad_filter_vectorized(g, dy, w, pre_activation, code, slope, dx):
    phases, complete = _phase_taps(g)
    if not complete:
        dx[...] = 0
    for taps, lattice in phases:
        result = lattice, np.zeros(g.c, dy.dtype), code, slope, pre_activation, dx
        correlate_by_filters(dy, w, taps, (1, 1), True, *result)


def _dgrad_pointwise(g, dy, w, pre_activation, code, slope, dx):
    correlate_pointwise(dy, w, True, np.zeros(g.c, dy.dtype), code, slope, pre_activation, dx)


def _dgrad_col2im(g, dy, w, pre_activation, code, slope, dx):
    scatter_gradient(g, dy, w, pre_activation, code, slope, dx)


def _dgrad_winograd(g, dy, w, pre_activation, code, slope, dx):
    zeros = np.zeros(g.c, dy.dtype)
    correlate_winograd(dy, w, True, *winograd_taps.input_grad(g), zeros, code, slope, pre_activation, dx)


def _wgrad_direct(g, x, dy, dw):
    correlate_with_gradient(g, _forward_taps(g)[0], x, dy, dw)


def _wgrad_filter_vectorized(g, x, dy, dw):
    correlate_with_gradient_by_filters(g, _forward_taps(g)[0], x, dy, dw)


LAUNCHERS = {
    "fprop": {
        "direct": _fprop_direct,
        "filter_vectorized": _fprop_filter_vectorized,
        "pointwise": _fprop_pointwise,
        "winograd": _fprop_winograd,
    },
    "dgrad": {
        "direct": _dgrad_direct,
        "filter_vectorized": _dgrad_filter_vectorized,
        "pointwise": _dgrad_pointwise,
        "col2im": _dgrad_col2im,
        "winograd": _dgrad_winograd,
    },
    "wgrad": {
        "direct": _wgrad_direct,
        "filter_vectorized": _wgrad_filter_vectorized,
        "winograd": correlate_with_gradient_winograd,
    },
}


@lru_cache(maxsize=1024)
def _forward_taps(g):
    """Taps and lattice of the forward pass, as direct.correlate takes them."""
    taps = tuple(
        (r, s, r * g.dilation_h - g.pad_top, s * g.dilation_w - g.pad_left) for r in range(g.r) for s in range(g.s)
    )
    return taps, Lattice(g.k, g.p, g.q, g.p, g.q)


@lru_cache(maxsize=1024)
def _phase_taps(g):
    """((taps, lattice) of each phase of the input gradient that a tap reaches, whether every phase is)."""
    phases, complete = dgrad_phases(g)
    found = []
    for rows, columns in phases:
        taps = tuple((r, s, dh, dw) for r, dh in rows.taps for s, dw in columns.taps)
        steps = rows.phase, g.stride_h, columns.phase, g.stride_w
        found.append((taps, Lattice(g.c, g.h, g.w, rows.count, columns.count, *steps)))
    return found, complete
