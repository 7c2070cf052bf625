"""Index arithmetic of pooling windows for the CUDA kernels: device functions of int32 scalars."""

from functools import lru_cache

from numba import int64

from ...cuda.launch import cuda, int32, uint32


@lru_cache(maxsize=1024)
def scalars(g):
    """Scalar arguments of the kernels: D H W, T R S, Z P Q, strides, front top left, dilations."""
    fields = "size", "taps", "windows", "stride", "pad_before", "dilation"
    return tuple(getattr(axis, field) for field in fields for axis in (g.d, g.h, g.w))


def scalars_with_ends(g):
    """The padding after each axis, then `scalars`: what kernels of averages take."""
    return g.d.pad_after, g.h.pad_after, g.w.pad_after, *scalars(g)


@cuda.jit(device=True, inline="always")
def position_of(i, depth, height, width):
    """(plane, d, h, w) of element i of planes of depth x height x width."""
    row = uint32(i // uint32(width))
    layer = uint32(row // uint32(height))
    plane = uint32(layer // uint32(depth))
    return int32(plane), int32(layer % uint32(depth)), int32(row % uint32(height)), int32(i % uint32(width))


@cuda.jit(device=True, inline="always")
def offset_of(plane, d, h, w, depth, height, width):
    """Offset of element (plane, d, h, w) in planes of depth x height x width."""
    layer = uint32(uint32(plane) * uint32(depth) + uint32(d))
    return uint32(uint32(layer * uint32(height) + uint32(h)) * uint32(width) + uint32(w))


@cuda.jit(device=True, inline="always")
def window_at(position, tap, pad_before, stride, dilation, windows):
    """The window whose tap `tap` reads the input position, or -1."""
    start = int32(position + pad_before - tap * dilation)
    window = int32(start // stride)
    return window if start >= 0 and start == window * stride and window < windows else int32(-1)


@cuda.jit(device=True, inline="always")
def counted(start, taps, pad_before, size, pad_after, count_include_pad):
    """Positions of a window along one axis that count in the divisor, at least 1."""
    low = int32(-pad_before if count_include_pad else 0)
    high = int32(size + pad_after if count_include_pad else size)
    return max(int32(1), int32(min(int32(start + taps), high) - max(start, low)))


@cuda.jit(device=True, inline="always")
def counted_dilated(start, taps, dilation, size, pad_after, count_include_pad):
    """As `counted`, for taps that are `dilation` positions from each other."""
    high = int32(size + pad_after if count_include_pad else size)
    first = int32(0 if start >= 0 or count_include_pad else int32(dilation - 1 - start) // dilation)
    return max(int32(1), int32(min(taps, int32(int32(high - start) + dilation - 1) // dilation) - first))


@cuda.jit(device=True, inline="always")
def share_start(i, size, windows):
    """First position of window i of an adaptive pooling, floor(i size / windows), in 64 bits."""
    return int32(int64(i) * int64(size) // int64(windows))


@cuda.jit(device=True, inline="always")
def share_end(i, size, windows):
    """End of window i of an adaptive pooling, ceil((i + 1) size / windows), in 64 bits."""
    return int32((int64(i + 1) * int64(size) + int64(windows - 1)) // int64(windows))
