"""The passes of normalization that write, on CUDA: a thread for each element, or four."""

from ...core.scalar_math import ONE, ZERO
from ...cuda.launch import cuda, uint32
from ...cuda.vectorized import FOUR, launch_vectorized, load4, scalar_index, store4
from ..scalar import normalized, normalized_grad
from .channels import channel_values


def normalize(x, mean, inverse, weight, bias, y):
    """y = weight (x - mean) inverse + bias, inverse = 1 / sqrt(variance + eps)."""
    affine = *channel_values(weight, x), *channel_values(bias, x)
    launch_vectorized(normalize_kernel, (x, y), mean, inverse, *affine, *x.shape[1:], *mean.shape, rows=x.shape[2])


def input_grad(dy, x, mean, inverse, weight, mean_dy, mean_dyx, dx):
    """dx = (weight dy - mean_dy - xhat mean_dyx) inverse."""
    values = mean, inverse, *channel_values(weight, x), mean_dy, mean_dyx
    launch_vectorized(input_grad_kernel, (dy, x, dx), *values, *x.shape[1:], *mean.shape, rows=x.shape[2])


@cuda.jit(device=True, inline="always")
def _set_of(i, C, L, M, G):
    """(channel, set) of element i of x (N, C, L) under statistics (M, G)."""
    row = uint32(i // uint32(L))
    c, n = uint32(row % uint32(C)), uint32(row // uint32(C))
    g = uint32(c // uint32(uint32(C) // uint32(G)))
    return c, uint32(uint32(n % uint32(M)) * uint32(G) + g)


@cuda.jit(cache=True)
def normalize_kernel(x, y, vectors, mean, inverse, weight, weighted, bias, biased, C, L, M, G):
    """y = weight (x - mean) inverse + bias; x and y (N, C, L), statistics (M, G). Bytes: 2 x.nbytes."""
    i = uint32(cuda.grid(1))
    j = uint32(i * uint32(FOUR)) if i < vectors else scalar_index(i, vectors)
    if j >= x.size:
        return
    c, s = _set_of(j, C, L, M, G)
    scale, offset, center = weight[c] if weighted else ONE, bias[c] if biased else ZERO, mean[s]
    scale *= inverse[s]
    if i < vectors:
        x0, x1, x2, x3 = load4(x, j)
        y0, y1 = normalized(x0, center, scale, offset), normalized(x1, center, scale, offset)
        store4(y, j, (y0, y1, normalized(x2, center, scale, offset), normalized(x3, center, scale, offset)))
    else:
        y[j] = normalized(x[j], center, scale, offset)


@cuda.jit(cache=True)
def input_grad_kernel(dy, x, dx, vectors, mean, inverse, weight, weighted, mean_dy, mean_dyx, C, L, M, G):
    """dx = (weight dy - mean_dy - xhat mean_dyx) inverse. Bytes: 3 x.nbytes."""
    i, f = uint32(cuda.grid(1)), normalized_grad
    j = uint32(i * uint32(FOUR)) if i < vectors else scalar_index(i, vectors)
    if j >= x.size:
        return
    c, s = _set_of(j, C, L, M, G)
    inverse_std, channel_weight = inverse[s], weight[c] if weighted else ONE
    center, dy_mean, dyx_mean = mean[s], mean_dy[s], mean_dyx[s]
    if i < vectors:
        (d0, d1, d2, d3), (x0, x1, x2, x3) = load4(dy, j), load4(x, j)
        dx0 = f(d0, x0, center, inverse_std, channel_weight, dy_mean, dyx_mean)
        dx1 = f(d1, x1, center, inverse_std, channel_weight, dy_mean, dyx_mean)
        dx2 = f(d2, x2, center, inverse_std, channel_weight, dy_mean, dyx_mean)
        store4(dx, j, (dx0, dx1, dx2, f(d3, x3, center, inverse_std, channel_weight, dy_mean, dyx_mean)))
    else:
        dx[j] = f(dy[j], x[j], center, inverse_std, channel_weight, dy_mean, dyx_mean)
