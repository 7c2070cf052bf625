"""Where the threads of the implicit GEMMs store the results of a tile, in the layout of problem_size.py."""

from ...cuda.launch import cuda, uint32
from ...cuda.thread_mapping import position_of


@cuda.jit(device=True, inline="always")
def result_of(thread, tile, columns_tile, pixels, G, K, image, y_strides):
    """What a thread stores: (column of the tile, first line, whether a pixel, first filter, its channel, offset in y).

    `tile` is what tile_of gives, `image` what position_of takes; y is laid out as ProblemSize says.
    """
    g, k0, pixel = tile
    PQ, pq_factor, pq_shift, Q, q_factor, q_shift = image
    y_plane, y_first, y_stride_p, y_stride_q = y_strides
    column, first_line = uint32(thread % uint32(columns_tile)), uint32(thread // uint32(columns_tile))
    pixel, channel0 = uint32(pixel + column), uint32(uint32(g * uint32(K)) + k0)
    n, p, q = position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift)
    y_offset = uint32(uint32(uint32(n * uint32(G * K)) + channel0) * uint32(y_plane) + uint32(y_first))
    y_offset = uint32(y_offset + uint32(p * uint32(y_stride_p)) + uint32(q * uint32(y_stride_q)))
    return column, first_line, pixel < uint32(pixels), k0, channel0, y_offset
