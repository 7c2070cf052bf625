"""Where the implicit GEMMs store results, in the layout of problem_size.py."""

from ...cuda.launch import cuda, uint32


@cuda.jit(device=True, inline="always")
def offset_of_result(n, p, q, channel, channels, y_plane, y_first, y_stride_p, y_stride_q):
    """Offset in y of a channel's result at (n, p, q); y has so many channels an image."""
    at = uint32(uint32(uint32(n * uint32(channels)) + channel) * uint32(y_plane) + uint32(y_first))
    return uint32(uint32(at + uint32(p * uint32(y_stride_p))) + uint32(q * uint32(y_stride_q)))
