"""Convolution on CUDA: picks the kernels for a geometry and launches them.

Every thread gathers, and sums are added in an order that the geometry fixes: results are the same bits every time.
"""

from functools import lru_cache

import numpy as np

from ...core.scalar import IDENTITY
from ...cuda.launch import capability, multiprocessors
from ...cuda.reduce import sum_columns
from ...cuda.tile_config import best_shape, best_split
from .cost_model import cheapest, offered
from .depthwise import correlate_depthwise
from .direct import input_grad_plain, plain, weight_grad_plain
from .few_channels import correlate_thin
from .few_channels_wgrad import correlate_thin_with_gradient
from .implicit_gemm import Correlation, correlate, pack
from .implicit_gemm_wgrad import correlate_with_gradient
from .tensor_core import FIRST, correlate_on_tensor_cores, serves
from .tensor_core_wgrad import correlate_with_gradient_on_tensor_cores
from .widening import widened_unless
from .winograd import correlate_winograd


def algorithms(g, operation, like):
    """Names of the algorithms for a geometry and an array, in "fprop" or one of its gradients, besides "auto"."""
    names = offered(g, operation, _correlations(g, operation))
    return (*names, "tf32") if like.dtype == np.float32 and _on_tensor_cores(g, operation, like) else names


@widened_unless(lambda g, y, algorithm: _native(g, "fprop", y, algorithm))
def fprop(g, x, w, b, activation, slope, y, algorithm):
    """y[n,k,p,q] = f(sum_{c,r,s} w[k,c,r,s] x[n,c,p st + r d - pad,...] + b[k]): the forward pass."""
    chosen, correlation = _chosen(g, "fprop", algorithm, y), _forward_correlation(g)
    if chosen == "tf32":
        identity = None, IDENTITY
        correlate_on_tensor_cores([correlation], g.n, w, g.w_shape, False, x, b, (activation, slope), identity, y)
    elif chosen == "direct":
        plain(g, x, w, b, activation, slope, y)
    elif chosen == "thin":
        correlate_thin(correlation, g.n, w, x, b, (activation, slope), y)
    elif chosen == "winograd":
        correlate_winograd(correlation, g.n, w, x, b, (activation, slope), (None, IDENTITY), y)
    elif chosen == "depthwise":
        correlate_depthwise(correlation, g.n, w, x, b, (activation, slope), (None, IDENTITY), y)
    else:
        pixels = g.n * g.p * g.q
        shape = best_shape(x.dtype.itemsize, g.groups, correlation.k, pixels, multiprocessors(x))
        packed = pack(w, g.w_shape, g.groups, False, shape.rows)
        correlate(correlation, g.n, shape, x, packed, b, (activation, slope), (None, IDENTITY), y)


@widened_unless(lambda g, dx, algorithm: _native(g, "dgrad", dx, algorithm))
def dgrad(g, dy, w, pre_activation, activation, slope, dx, algorithm):
    """dx[n,c,i,j] = sum_{k,r,s} w[k,c,r,s] dy[n,k,p,q] f'(x[n,c,i,j]), p st + r d - pad = i: equation (20).

    A correlation with the rotated kernel for each phase of the stride; a phase that no tap reaches is zero.
    """
    chosen, (phases, complete) = _chosen(g, "dgrad", algorithm, dx), _phases(g)
    factor, identity = (None, IDENTITY) if pre_activation is None else (pre_activation, activation), (IDENTITY, slope)
    if chosen == "direct":
        input_grad_plain(g, dy, w, pre_activation, activation, slope, dx)
        return
    if not complete:
        dx.fill(0)
    if chosen == "tf32":
        if phases:
            correlate_on_tensor_cores(phases, g.n, w, g.w_shape, True, dy, None, identity, factor, dx)
        return
    if chosen in ("depthwise", "winograd"):
        launch = correlate_depthwise if chosen == "depthwise" else correlate_winograd
        for phase in phases:
            launch(phase, g.n, w, dy, None, identity, factor, dx)
        return
    channels, pixels = g.c // g.groups, g.n * g.h * g.w // max(1, len(phases))
    shape = best_shape(dy.dtype.itemsize, g.groups, channels, pixels, multiprocessors(dy))
    packed = pack(w, g.w_shape, g.groups, True, shape.rows)
    for phase in phases:
        correlate(phase, g.n, shape, dy, packed, None, identity, factor, dx)


@widened_unless(lambda g, dw, algorithm: _native(g, "wgrad", dw, algorithm))
def wgrad(g, x, dy, dw, algorithm):
    """dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] x[n,c,p st + r d - pad,...]: equation (13)."""
    chosen = _chosen(g, "wgrad", algorithm, dy)
    if chosen == "tf32":
        correlate_with_gradient_on_tensor_cores(g, x, dy, dw)
    elif chosen == "direct":
        weight_grad_plain(g, x, dy, dw)
    elif chosen in ("thin", "depthwise"):
        correlate_thin_with_gradient(_forward_correlation(g), g.n, x, dy, dw)
    else:
        filters, windows, pixels = g.k // g.groups, g.c // g.groups * g.r * g.s, g.n * g.p * g.q
        plan = best_split(x.dtype.itemsize, g.groups, filters, windows, pixels, multiprocessors(x))
        correlate_with_gradient(g, plan, x, dy, dw)


def bias_grad(dy, db):
    """db[k] = sum_{n,p,q} dy[n,k,p,q]."""
    n, k, p, q = dy.shape
    sum_columns(dy.reshape(n, k, p * q), db)


def _chosen(g, operation, algorithm, pixels):
    """The kernels for an algorithm, given an array of an element for each pixel: of none, the plain ones do nothing.

    16-bit arrays come here for tensor cores alone.
    """
    if pixels.size == 0:
        return "direct"
    if pixels.dtype.itemsize == 2:
        return "tf32"
    return _cheapest(g, operation, pixels.dtype.itemsize) if algorithm == "auto" else algorithm


def _native(g, operation, a, algorithm):
    """Whether a pass takes a 16-bit array as it is."""
    return algorithm == "auto" and _on_tensor_cores(g, operation, a)


def _on_tensor_cores(g, operation, like):
    """Whether tensor cores compute a pass for such an array."""
    return capability(like) >= FIRST and _multiplied(g, operation, like.dtype)


@lru_cache(maxsize=1024)
def _multiplied(g, operation, dtype):
    """Whether there is something to multiply, and a kernel for tensor cores that does."""
    something = min(*g.x_shape, *g.y_shape, *g.w_shape) > 0
    return something and serves(g, operation, _correlations(g, operation), dtype)


@lru_cache(maxsize=1024)
def _cheapest(g, operation, itemsize):
    """What "auto" is for a geometry and a type."""
    return cheapest(g, operation, itemsize, _correlations(g, operation))


def _correlations(g, operation):
    """The correlations of a pass; the weight gradient has the windows of the forward pass."""
    return _phases(g)[0] if operation == "dgrad" else [_forward_correlation(g)]


@lru_cache(maxsize=1024)
def _forward_correlation(g):
    """The forward pass as a correlation."""
    return Correlation(
        groups=g.groups, c=g.c // g.groups, h=g.h, w=g.w, k=g.k // g.groups, u=g.p, v=g.q, a=g.r, b=g.s,
        st_h=g.stride_h, st_w=g.stride_w, h0=-g.pad_top, w0=-g.pad_left, d_h=g.dilation_h, d_w=g.dilation_w,
        taps=g.r * g.s, first_tap=0, tap_h=g.s, tap_w=1, plane=g.p * g.q, first=0, row=g.q, column=1,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _phases(g):
    """(a correlation for each phase of the stride that a tap reaches, whether every phase is one of these)."""
    found = []
    for phase_h in range(min(g.stride_h, g.h)):
        for phase_w in range(min(g.stride_w, g.w)):
            a, r, r_step, h0, d_h = _reaching(phase_h + g.pad_top, g.r, g.dilation_h, g.stride_h)
            b, s, s_step, w0, d_w = _reaching(phase_w + g.pad_left, g.s, g.dilation_w, g.stride_w)
            if a and b:
                found.append(Correlation(
                    groups=g.groups, c=g.k // g.groups, h=g.p, w=g.q, k=g.c // g.groups,
                    u=-(-(g.h - phase_h) // g.stride_h), v=-(-(g.w - phase_w) // g.stride_w), a=a, b=b,
                    st_h=1, st_w=1, h0=h0, w0=w0, d_h=d_h, d_w=d_w,
                    taps=g.r * g.s, first_tap=r * g.s + s, tap_h=r_step * g.s, tap_w=s_step,
                    plane=g.h * g.w, first=phase_h * g.w + phase_w, row=g.stride_h * g.w, column=g.stride_w,
                ))  # fmt: skip
    return found, len(found) == min(g.stride_h, g.h) * min(g.stride_w, g.w)


def _reaching(position, taps, dilation, stride):
    """(how many, first tap, step between them, first shift, step of the shifts) of the taps that reach a phase.

    An input row i = phase + u stride meets tap r in output row u + (phase + pad - r d) / stride, if that divides: the
    taps lie at even distances, and so do the output rows.
    """
    reaching = [tap for tap in range(taps) if (position - tap * dilation) % stride == 0]
    first, step = [*reaching, 0][0], reaching[1] - reaching[0] if len(reaching) > 1 else 1
    return len(reaching), first, step, (position - first * dilation) // stride, -(step * dilation // stride)
