"""Means of windows whose sum overflows on CUDA, although they do not."""

from ...cuda.launch import cuda, int32
from .windows import offset_of


@cuda.jit(device=True, inline="always")
def is_finite(value):
    """Whether a value is neither infinite nor NaN."""
    return value - value == 0


@cuda.jit(device=True, inline="always")
def sum_of_quotients(x, count, plane, d0, h0, w0, T, R, S, d_d, d_h, d_w, D, H, W):
    """The sum of x / count over the taps of a window inside planes of D x H x W."""
    total = x.dtype.type(0)
    t = int32(0)
    while t < T * R:
        d, h = int32(d0 + t // R * d_d), int32(h0 + t % R * d_h)
        s = int32(0)
        while s < S and 0 <= d < D and 0 <= h < H:
            w = int32(w0 + s * d_w)
            if 0 <= w < W:
                total += x[offset_of(plane, d, h, w, D, H, W)] / count
            s = int32(s + 1)
        t = int32(t + 1)
    return total
