"""What a thread copies, reads and stages of a tensor core's tile; see tensor_core.py for the lines in shared memory.

Inlined where they are called. Four warps compute a tile, two below and two beside each other.
"""

from . import tensor_core as core
from .launch import cuda, uint32

LINE, VECTORS, VECTOR_BYTES = core.LINE, core.VECTORS, core.LINE // core.VECTORS
ROWS, COLUMNS = core.ROWS, core.COLUMNS
WARPS = 2
"""Of a tile, below and beside each other."""

THREADS = 32 * WARPS * WARPS
BANKS = 32


@cuda.jit(device=True, inline="always")
def place_of(line, vector):
    """Bytes to a line's vector."""
    turned = uint32(vector ^ uint32(uint32(line >> uint32(1)) & uint32(VECTORS - 1)))
    return uint32(uint32(line * uint32(LINE)) + uint32(turned * uint32(VECTOR_BYTES)))


@cuda.jit(device=True, inline="always")
def warp_of(thread):
    """(row of the thread's warp, column of the warp, lane)."""
    warp = uint32(thread >> uint32(5))
    return uint32(warp // uint32(WARPS)), uint32(warp % uint32(WARPS)), uint32(thread & uint32(31))


@cuda.jit(device=True, inline="always")
def operands_of(thread, warp_rows, warp_columns, a_bytes):
    """Bytes to the line that the lane names in `ldmatrix`, of both operands: A's rows and B's columns are lines.

    A's four matrices are two of eight rows, then their second vectors; B's one of eight columns and its second vector,
    then the next one.
    """
    row, column, lane = warp_of(thread)
    line = uint32(uint32(row * uint32(warp_rows)) + uint32(lane & uint32(15)))
    a = place_of(line, uint32(lane >> uint32(4)))
    line = uint32(uint32(column * uint32(warp_columns)) + uint32(lane & uint32(7)))
    line = uint32(line + uint32(uint32(lane >> uint32(4)) * uint32(COLUMNS)))
    b = place_of(line, uint32(uint32(lane >> uint32(3)) & uint32(1)))
    return a, uint32(b + uint32(a_bytes))


def staging_pitch(columns):
    """Floats from a line of staged results to the next: four lines of eight floats fill all banks."""
    return columns + COLUMNS


@cuda.jit(device=True, inline="always")
def staged_of(thread, warp_columns, pitch):
    """Bytes to the lane's first results when all warps stage one row of their products below each other."""
    row, column, lane = warp_of(thread)
    line = uint32(uint32(row * uint32(ROWS)) + uint32(lane >> uint32(2)))
    at = uint32(uint32(column * uint32(warp_columns)) + uint32(uint32(lane & uint32(3)) * uint32(2)))
    return uint32(uint32(uint32(line * uint32(pitch)) + at) * uint32(4))


@cuda.jit(device=True, inline="always")
def row_of(line, i, warp_rows):
    """The row of the tile in a staged line, when all warps stage row i of their products."""
    below = uint32(uint32(line // uint32(ROWS)) * uint32(warp_rows))
    return uint32(uint32(below + uint32(i * uint32(ROWS))) + uint32(line % uint32(ROWS)))


@cuda.jit(device=True, inline="always")
def turned_place_of(line, vector):
    """As `place_of`, for tf32 whose depth runs across the lines: the first eight channels of four lines fill all banks."""
    turned = uint32(vector ^ uint32(uint32(line) & uint32(2)))
    return uint32(uint32(line * uint32(LINE)) + uint32(turned * uint32(VECTOR_BYTES)))


@cuda.jit(device=True, inline="always")
def turned_operands_of(thread, a_panels, b_panels, panel, a_bytes, single):
    """Bytes to the lane's place in `load_turned`, of both operands: pixels are lines, in panels of channels.

    A's four matrices are two of eight channels, then their next eight pixels; B's one of eight channels and its next
    pixels, then the next one. A `single` lane has its own channel and pixel.
    """
    row, column, lane = warp_of(thread)
    a, b = uint32(row * uint32(a_panels * panel)), uint32(uint32(column * uint32(b_panels * panel)) + uint32(a_bytes))
    if single:
        channel = uint32(lane >> uint32(2))
        at = turned_place_of(uint32(lane & uint32(3)), uint32(channel >> uint32(2)))
        at = uint32(at + uint32(uint32(channel & uint32(3)) * uint32(4)))
        return uint32(a + at), uint32(b + at)
    line, low, high = uint32(lane & uint32(7)), uint32(uint32(lane >> uint32(3)) & uint32(1)), uint32(lane >> uint32(4))
    a = uint32(a + place_of(uint32(line + uint32(high * uint32(8))), low))
    return a, uint32(b + place_of(uint32(line + uint32(low * uint32(8))), high))
