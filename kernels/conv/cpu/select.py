"""Convolution on the CPU: picks the algorithm for a geometry and launches it."""

from functools import lru_cache

import numpy as np

from ...core.scalar import IDENTITY
from ...cpu.reduce import sum_columns
from . import cost_model, winograd_taps
from .col2im import pays, scatter_gradient
from .direct import Lattice, correlate
from .direct_wgrad import correlate_with_gradient
from .filter_vectorized import POINTWISE, correlate_by_filters, fills_lanes
from .filter_vectorized_wgrad import FEWEST, correlate_with_gradient_by_filters
from .pointwise import correlate_pointwise
from .winograd import correlate_winograd
from .winograd_wgrad import correlate_with_gradient_winograd

SCATTERED = 128  # outputs of a map: fewer of strided 1x1 kernels are not worth scattering (Xeon with AVX-512, 2026-11)


def algorithms(g, operation, like):
    """Names of the algorithms for a geometry and an array, in "fprop" or one of its gradients, besides "auto"."""
    return ("direct", "winograd") if winograd_taps.served(g) else ("direct",)


def _winograd(g, operation, x, algorithm):
    """Whether Winograd's algorithm computes a pass from x: asked for, or quicker by the geometry alone."""
    if algorithm != "auto":
        return algorithm == "winograd"
    return x.dtype == np.float32 and cost_model.pays(g, operation)


def _pointwise(g):
    """Whether a convolution is a product of matrices for each image, whose rows of pixels fill vectors."""
    plain = g.r * g.s * g.stride_h * g.stride_w * g.groups == 1 and (g.h, g.w) == (g.p, g.q)
    return plain and g.p * g.q > POINTWISE


def _is_small(g):
    """Whether rows of pixels fill vectors badly, so that filters had better: not on large maps of 1x1 kernels."""
    return g.r * g.s > 1 or g.p * g.q <= POINTWISE


def fprop(g, x, w, b, activation, slope, y, algorithm):
    """y[n,k,p,q] = f(sum_{c,r,s} w[k,c,r,s] x[n,c,p st + r d - pad,...] + b[k]): the forward pass."""
    bias = np.zeros(g.k, x.dtype) if b is None else b
    nothing = np.empty((0, 0, 0, 0), x.dtype)
    if _winograd(g, "fprop", x, algorithm):
        correlate_winograd(x, w, False, *winograd_taps.forward(g), bias, activation, slope, nothing, y)
        return
    taps, lattice = _forward_taps(g)
    stride = (g.stride_h, g.stride_w)
    result = lattice, bias, activation, slope, nothing, y
    if _pointwise(g):
        correlate_pointwise(x, w, False, *result[1:])
    elif fills_lanes(g, g.k, x.dtype) and (_is_small(g) or g.stride_h * g.stride_w > 1):
        correlate_by_filters(x, w, taps, stride, False, *result)
    else:
        correlate(x, w, taps, stride, g.groups, False, *result)


def dgrad(g, dy, w, pre_activation, activation, slope, dx, algorithm):
    """dx[n,c,i,j] = sum_{k,r,s} w[k,c,r,s] dy[n,k,p,q] f'(x[n,c,i,j]), p st + r d - pad = i: equation (20).

    One dense correlation with the rotated kernel for each phase of the stride; a phase that no tap reaches is zero.
    """
    before = np.empty((0, 0, 0, 0), dy.dtype) if pre_activation is None else pre_activation
    code = IDENTITY if pre_activation is None else activation
    if _winograd(g, "dgrad", dy, algorithm):
        zeros = np.zeros(g.c, dy.dtype)
        correlate_winograd(dy, w, True, *winograd_taps.input_grad(g), zeros, code, slope, before, dx)
        return
    if _pointwise(g):
        correlate_pointwise(dy, w, True, np.zeros(g.c, dy.dtype), code, slope, before, dx)
        return
    phases, complete = _phase_taps(g)
    whole = all(len(taps) == g.r * g.s for taps, _ in phases)
    by_filters = whole and fills_lanes(g, g.c, dy.dtype) and _is_small(g)
    if algorithm == "auto" and pays(g) and not (by_filters and g.r * g.s == 1 and g.p * g.q <= SCATTERED):
        scatter_gradient(g, dy, w, before, code, slope, dx)
        return
    if not complete:
        dx[...] = 0
    for taps, lattice in phases:
        result = lattice, np.zeros(g.c, dy.dtype), code, slope, before, dx
        if by_filters:
            correlate_by_filters(dy, w, taps, (1, 1), True, *result)
        else:
            correlate(dy, w, taps, (1, 1), g.groups, True, *result)


def wgrad(g, x, dy, dw, algorithm):
    """dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] x[n,c,p st + r d - pad,...]: equation (13)."""
    if _winograd(g, "wgrad", x, algorithm):
        correlate_with_gradient_winograd(g, x, dy, dw)
    elif fills_lanes(g, g.k, x.dtype) and g.c * g.r * g.s >= FEWEST:
        correlate_with_gradient_by_filters(g, _forward_taps(g)[0], x, dy, dw)
    else:
        correlate_with_gradient(g, _forward_taps(g)[0], x, dy, dw)


def bias_grad(dy, db):
    """db[k] = sum_{n,p,q} dy[n,k,p,q]."""
    n, k, p, q = dy.shape
    sum_columns(dy.reshape(n, k, p * q), db)


@lru_cache(maxsize=1024)
def _forward_taps(g):
    """Taps and lattice of the forward pass, as conv_direct.correlate takes them."""
    taps = tuple(
        (r, s, r * g.dilation_h - g.pad_top, s * g.dilation_w - g.pad_left) for r in range(g.r) for s in range(g.s)
    )
    return taps, Lattice(g.k, g.p, g.q, g.p, g.q)


@lru_cache(maxsize=1024)
def _phase_taps(g):
    """((taps, lattice) of each phase of the input gradient that a tap reaches, whether every phase is).

    An input row i = phase + u stride meets tap r in output row u + (phase + pad - r d) / stride, if that divides.
    """
    phases = []
    for phase_h in range(min(g.stride_h, g.h)):
        for phase_w in range(min(g.stride_w, g.w)):
            rows = _reaching(phase_h + g.pad_top, g.r, g.dilation_h, g.stride_h)
            columns = _reaching(phase_w + g.pad_left, g.s, g.dilation_w, g.stride_w)
            taps = tuple((r, s, dh, dw) for r, dh in rows for s, dw in columns)
            p, q = -(-(g.h - phase_h) // g.stride_h), -(-(g.w - phase_w) // g.stride_w)
            if taps:
                phases.append((taps, Lattice(g.c, g.h, g.w, p, q, phase_h, g.stride_h, phase_w, g.stride_w)))
    return phases, len(phases) == min(g.stride_h, g.h) * min(g.stride_w, g.w)


def _reaching(position, taps, dilation, stride):
    """(tap, shift) of the taps that reach a phase."""
    shifts = [(tap, position - tap * dilation) for tap in range(taps)]
    return [(tap, shift // stride) for tap, shift in shifts if shift % stride == 0]
