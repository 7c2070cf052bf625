"""Thread mapping of the implicit GEMMs: block to tile, thread to fragments, pixel to image position.

All are inlined; `bytes_each` is the size of an element, `vector` the elements of a 128-bit access.
"""

from . import gemm_tile
from .launch import cuda, uint32
from .ptx import divide

LANES, ROW_LANES, COLUMN_LANES = 32, gemm_tile.ROW_LANES, gemm_tile.COLUMN_LANES
WARP_ROWS, WARP_COLUMNS = gemm_tile.WARP_ROWS, gemm_tile.WARP_COLUMNS
VECTOR_BYTES = 16


@cuda.jit(device=True, inline="always")
def tile_of(block, filters, rows_tile, pixels, columns_tile):
    """(group, first filter, first pixel) of a block; filters vary fastest, so neighboring blocks share their pixels."""
    filter_blocks = uint32(uint32(filters) // uint32(rows_tile))
    pixel_blocks = uint32(uint32(uint32(pixels) + uint32(columns_tile - 1)) // uint32(columns_tile))
    rest = uint32(block // filter_blocks)
    k0, pixel0 = uint32(block % filter_blocks) * rows_tile, uint32(rest % pixel_blocks) * columns_tile
    return uint32(rest // pixel_blocks), uint32(k0), uint32(pixel0)


@cuda.jit(device=True, inline="always")
def position_of(pixel, PQ, pq_factor, pq_shift, Q, q_factor, q_shift):
    """(n, p, q) of a pixel, by the reciprocals of P Q and Q."""
    n = divide(pixel, pq_factor, pq_shift)
    pq = uint32(pixel - uint32(n * uint32(PQ)))
    p = divide(pq, q_factor, q_shift)
    return n, p, uint32(pq - uint32(p * uint32(Q)))


@cuda.jit(device=True, inline="always")
def fragments_of(thread, warps, bytes_each):
    """Byte offsets of the thread's first vector in a depth row of A and of B; `warps` count those across a tile."""
    warp, lane = uint32(thread // uint32(LANES)), uint32(thread % uint32(LANES))
    a = uint32(uint32(warp // uint32(warps)) * uint32(WARP_ROWS * bytes_each))
    b = uint32(uint32(warp % uint32(warps)) * uint32(WARP_COLUMNS * bytes_each))
    a = uint32(a + uint32(lane // uint32(COLUMN_LANES)) * uint32(VECTOR_BYTES))
    return a, uint32(b + uint32(lane % uint32(COLUMN_LANES)) * uint32(VECTOR_BYTES))


@cuda.jit(device=True, inline="always")
def staging_of(thread, warps, bytes_each):
    """Byte offset of the thread's row in the staging buffer, which holds one row of every thread, lane rows down."""
    warp, lane = uint32(thread // uint32(LANES)), uint32(thread % uint32(LANES))
    row = uint32(uint32(warp // uint32(warps)) * uint32(ROW_LANES) + lane // uint32(COLUMN_LANES))
    at = uint32(row * uint32(warps * WARP_COLUMNS * bytes_each))
    at = uint32(at + uint32(warp % uint32(warps)) * uint32(WARP_COLUMNS * bytes_each))
    return uint32(at + uint32(lane % uint32(COLUMN_LANES)) * uint32(VECTOR_BYTES))


@cuda.jit(device=True, inline="always")
def staged_row(line, i, vector):
    """The row of the tile in a line of the staging buffer, when the threads have stored their row i."""
    within = uint32(uint32(i // uint32(vector)) * uint32(vector * ROW_LANES) + uint32(i % uint32(vector)))
    below = uint32(uint32(line // uint32(ROW_LANES)) * uint32(WARP_ROWS))
    return uint32(uint32(below + within) + uint32(line % uint32(ROW_LANES)) * uint32(vector))
