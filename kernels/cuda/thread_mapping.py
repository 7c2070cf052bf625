"""Where a block's tile lies in the product, a thread's results in the tile, and a pixel in its image.

Inlined where they are called; `bytes_each` and `vector` are an element's bytes and the elements of 128 bits.
"""

from . import gemm_tile
from .launch import cuda, uint32
from .ptx import divide

LANES, ROW_LANES, COLUMN_LANES = 32, gemm_tile.ROW_LANES, gemm_tile.COLUMN_LANES
WARP_ROWS, WARP_COLUMNS = gemm_tile.WARP_ROWS, gemm_tile.WARP_COLUMNS
VECTOR_BYTES = 16


@cuda.jit(device=True, inline="always")
def tile_of(block, filters, rows_tile, pixels, columns_tile):
    """(group, first filter, first pixel) of a block: blocks of the same pixels are neighbours."""
    filter_blocks = uint32(uint32(filters) // uint32(rows_tile))
    pixel_blocks = uint32(uint32(uint32(pixels) + uint32(columns_tile - 1)) // uint32(columns_tile))
    rest = uint32(block // filter_blocks)
    k0, pixel0 = uint32(block % filter_blocks) * rows_tile, uint32(rest % pixel_blocks) * columns_tile
    return uint32(rest // pixel_blocks), uint32(k0), uint32(pixel0)


@cuda.jit(device=True, inline="always")
def position_of(pixel, UV, uv_factor, uv_shift, V, v_factor, v_shift):
    """(n, u, v) of a pixel, with the reciprocals of UV and V."""
    n = divide(pixel, uv_factor, uv_shift)
    uv = uint32(pixel - uint32(n * uint32(UV)))
    u = divide(uv, v_factor, v_shift)
    return n, u, uint32(uv - uint32(u * uint32(V)))


@cuda.jit(device=True, inline="always")
def fragments_of(thread, warps, bytes_each):
    """Bytes from the start of a row of each operand to the thread's first vector, `warps` side by side in a tile."""
    warp, lane = uint32(thread // uint32(LANES)), uint32(thread % uint32(LANES))
    a = uint32(uint32(warp // uint32(warps)) * uint32(WARP_ROWS * bytes_each))
    b = uint32(uint32(warp % uint32(warps)) * uint32(WARP_COLUMNS * bytes_each))
    a = uint32(a + uint32(lane // uint32(COLUMN_LANES)) * uint32(VECTOR_BYTES))
    return a, uint32(b + uint32(lane % uint32(COLUMN_LANES)) * uint32(VECTOR_BYTES))


@cuda.jit(device=True, inline="always")
def staging_of(thread, warps, bytes_each):
    """Bytes to where the thread stores one row of its results: the rows of all threads below each other."""
    warp, lane = uint32(thread // uint32(LANES)), uint32(thread % uint32(LANES))
    row = uint32(uint32(warp // uint32(warps)) * uint32(ROW_LANES) + lane // uint32(COLUMN_LANES))
    at = uint32(row * uint32(warps * WARP_COLUMNS * bytes_each))
    at = uint32(at + uint32(warp % uint32(warps)) * uint32(WARP_COLUMNS * bytes_each))
    return uint32(at + uint32(lane % uint32(COLUMN_LANES)) * uint32(VECTOR_BYTES))


@cuda.jit(device=True, inline="always")
def staged_row(line, i, vector):
    """The row of the tile that lies in a line of the staging, when the threads store their row i."""
    within = uint32(uint32(i // uint32(vector)) * uint32(vector * ROW_LANES) + uint32(i % uint32(vector)))
    below = uint32(uint32(line // uint32(ROW_LANES)) * uint32(WARP_ROWS))
    return uint32(uint32(below + within) + uint32(line % uint32(ROW_LANES)) * uint32(vector))
