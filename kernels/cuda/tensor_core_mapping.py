"""What a thread copies, reads and stages of a tensor core's tile; see tensor_core.py for the lines in shared memory.

Inlined where they are called. Four warps compute a tile, two below and two beside each other.
"""

from typing import NamedTuple

from . import tensor_core as core
from .launch import cuda, uint32

LINE, VECTORS, VECTOR_BYTES = core.LINE, core.VECTORS, core.LINE // core.VECTORS
ROWS, COLUMNS = core.ROWS, core.COLUMNS
WARPS = 2
"""Of a tile, below and beside each other."""

THREADS = 32 * WARPS * WARPS
STAGES = 3
"""Chunks in shared memory."""


class TensorCoreTile(NamedTuple):
    """A tile of results, computed by four warps, and the blocks a multiprocessor is to hold at once."""

    rows: int
    columns: int
    resident: int

    @property
    def stage(self):
        """Bytes of a chunk: a line for each row and column."""
        return (self.rows + self.columns) * LINE

    @property
    def warp(self):
        """Rows and columns of a warp."""
        return self.rows // WARPS, self.columns // WARPS

    @property
    def products(self):
        """Of a warp, below and beside each other."""
        return self.rows // WARPS // ROWS, self.columns // WARPS // COLUMNS

    @property
    def registers(self):
        """Of one slot of both operands, and of the results."""
        rows, columns = self.products
        return 4 * rows, 2 * columns, 4 * rows * columns

    @property
    def staging(self):
        """Floats from a line of staged results to the next, lines, and lines from a thread's to its next.

        Four lines of eight floats fill all banks.
        """
        return self.columns + COLUMNS, WARPS * ROWS, THREADS // self.columns


LARGE, SMALL = TensorCoreTile(128, 128, 2), TensorCoreTile(64, 64, 4)


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
def rows_of(thread, warp_rows):
    """Bytes to the line that the lane names in `load_matrices` of the first operand, whose rows are lines.

    The four matrices are two of eight rows, then their second vectors.
    """
    row, _, lane = warp_of(thread)
    line = uint32(uint32(row * uint32(warp_rows)) + uint32(lane & uint32(15)))
    return place_of(line, uint32(lane >> uint32(4)))


@cuda.jit(device=True, inline="always")
def columns_of(thread, warp_columns):
    """As `rows_of`, of the second operand: one of eight columns and its second vector, then the next one."""
    _, column, lane = warp_of(thread)
    line = uint32(uint32(column * uint32(warp_columns)) + uint32(lane & uint32(7)))
    line = uint32(line + uint32(uint32(lane >> uint32(4)) * uint32(COLUMNS)))
    return place_of(line, uint32(uint32(lane >> uint32(3)) & uint32(1)))


@cuda.jit(device=True, inline="always")
def turned_place_of(line, vector):
    """As `place_of`, for tf32 whose depth runs across the lines: two vectors of four lines fill all banks."""
    turned = uint32(vector ^ uint32(line & uint32(2)))
    return uint32(uint32(line * uint32(LINE)) + uint32(turned * uint32(VECTOR_BYTES)))


@cuda.jit(device=True, inline="always")
def turned_rows_of(thread, panels, panel, single):
    """Bytes to the lane's place in `load_turned`; a warp has some panels of channels, whose pixels are lines.

    The four matrices are two of eight channels, then their next eight pixels. Of tf32 (`single`) a lane has a pair.
    """
    row, _, lane = warp_of(thread)
    first = uint32(row * uint32(panels * panel))
    if single:
        own = uint32(lane >> uint32(2))
        at = turned_place_of(uint32(lane & uint32(3)), uint32(own >> uint32(1)))
        return uint32(uint32(first + at) + uint32(uint32(own & uint32(1)) * uint32(8)))
    line = uint32(uint32(lane & uint32(7)) + uint32(uint32(lane >> uint32(4)) * uint32(8)))
    return uint32(first + place_of(line, uint32(uint32(lane >> uint32(3)) & uint32(1))))


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
def turned_row_of(line, i, warp_rows):
    """As `row_of`, where a lane's pair of neighbours is rows l // 4 and l // 4 + 8 of a product."""
    within = uint32(line % uint32(ROWS))
    own = uint32(uint32(uint32(within & uint32(7)) << uint32(1)) | uint32(within >> uint32(3)))
    return uint32(row_of(uint32(line - within), i, warp_rows) + own)
