"""Flagged images, and groups of a weight gradient, computed directly; elsewhere threads end at once.

The scalars are those of the direct kernels, and so are the sums (direct.py).
"""

from ....core.scalar import IDENTITY, activate, activate_grad
from ....cuda.launch import cuda, each, uint32
from ..direct import dgrad_sum, element_of, fprop_sum, scalars_of, wgrad_sum
from ..implicit_gemm import array_or_unused


def fprop(shape, flags, x, w, b, activation, slope, y):
    """Compute flagged images of the forward pass."""
    bias = array_or_unused(b, x)
    each(conv2d_fprop_redo, y.size, flags, x, w, *bias, activation, slope, y, *scalars_of(shape))


def dgrad(shape, flags, dy, w, pre_activation, activation, slope, dx):
    """Compute flagged images of the input gradient."""
    pre_activation = array_or_unused(pre_activation, dy)[0]
    each(conv2d_dgrad_redo, dx.size, flags, dy, w, pre_activation, activation, slope, dx, *scalars_of(shape))


def wgrad(shape, flags, x, dy, dw):
    """Compute flagged groups of the weight gradient."""
    each(conv2d_wgrad_redo, dw.size, flags, x, dy, dw, shape.n, *scalars_of(shape))


@cuda.jit(cache=True)
def conv2d_fprop_redo(
    flags, x, w, b, has_bias, activation, slope, y, G, C, H, W, K, R, S, P, Q, st_h, st_w, top, left, d_h, d_w
):  # fmt: skip
    """y (N, G K, P, Q) of the images n with flags[n], as conv2d_fprop_direct; thread i computes y[i]."""
    # Thread to (n, k, p, q).
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    n, k, p, q = element_of(i, G * K, P, Q)
    if flags[uint32(n)] == 0:
        return
    total = fprop_sum(x, w, n, k, p, q, G, C, H, W, K, R, S, st_h, st_w, top, left, d_h, d_w)
    # Epilogue: bias, activation, store.
    if has_bias:
        total += b[uint32(k)]
    y[i] = activate(total, activation, slope)


@cuda.jit(cache=True)
def conv2d_dgrad_redo(
    flags, dy, w, pre_activation, activation, slope, dx, G, C, H, W, K, R, S, P, Q, st_h, st_w, top, left, d_h, d_w
):  # fmt: skip
    """dx (N, G C, H, W) of the images n with flags[n], as conv2d_dgrad_direct; thread i computes dx[i]."""
    # Thread to (n, channel, h, j).
    i = uint32(cuda.grid(1))
    if i >= dx.size:
        return
    n, channel, h, j = element_of(i, G * C, H, W)
    if flags[uint32(n)] == 0:
        return
    total = dgrad_sum(dy, w, n, channel, h, j, G, C, K, R, S, P, Q, st_h, st_w, top, left, d_h, d_w)
    # Epilogue: derivative of the activation, store.
    if activation != IDENTITY:
        total = activate_grad(total, pre_activation[i], activation, slope)
    dx[i] = total


@cuda.jit(cache=True)
def conv2d_wgrad_redo(flags, x, dy, dw, N, G, C, H, W, K, R, S, P, Q, st_h, st_w, top, left, d_h, d_w):
    """dw (G K, C, R, S) of the groups g with flags[g], as conv2d_wgrad_direct; thread i computes dw[i]."""
    # Thread to (k, c, r, s).
    i = uint32(cuda.grid(1))
    if i >= dw.size:
        return
    k, c, r, s = element_of(i, C, R, S)
    if flags[uint32(k // K)] != 0:
        dw[i] = wgrad_sum(x, dy, k, c, r, s, N, G, C, H, W, K, P, Q, st_h, st_w, top, left, d_h, d_w)
