"""Thread mapping of the tensor-core tiles: the swizzled offsets that a thread copies to, loads from and stages at.

Four warps compute a tile, two by two. All functions are inlined; tensor_core.py describes the lines in shared memory.
"""

from typing import NamedTuple

from . import tensor_core as core
from .launch import cuda, uint32

LINE, VECTORS, VECTOR_BYTES = core.LINE, core.VECTORS, core.LINE // core.VECTORS
MMA_ROWS, MMA_COLUMNS = core.MMA_ROWS, core.MMA_COLUMNS
WARPS_PER_SIDE = 2
"""Warps down and across a tile."""

THREADS = 32 * WARPS_PER_SIDE * WARPS_PER_SIDE
STAGES = 3
"""Chunks in shared memory: one is multiplied while the next two are copied."""


class TensorCoreTile(NamedTuple):
    """A block tile of results, computed by four warps, and the blocks that are to be resident on a multiprocessor."""

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
        return self.rows // WARPS_PER_SIDE, self.columns // WARPS_PER_SIDE

    @property
    def products(self):
        """mma of a warp, down and across."""
        return self.rows // WARPS_PER_SIDE // MMA_ROWS, self.columns // WARPS_PER_SIDE // MMA_COLUMNS

    @property
    def registers(self):
        """Registers of one slot of either operand, and of the results."""
        rows, columns = self.products
        return 4 * rows, 2 * columns, 4 * rows * columns

    @property
    def staging(self):
        """(floats from one staged line to the next, lines, lines from one of a thread's to its next).

        Four lines of eight floats cover all banks.
        """
        return self.columns + MMA_COLUMNS, WARPS_PER_SIDE * MMA_ROWS, THREADS // self.columns


LARGE, SMALL = TensorCoreTile(128, 128, 2), TensorCoreTile(64, 64, 4)


@cuda.jit(device=True, inline="always")
def swizzled_offset(line, vector):
    """Byte offset of a vector of a line."""
    swizzled = uint32(vector ^ uint32(uint32(line >> uint32(1)) & uint32(VECTORS - 1)))
    return uint32(uint32(line * uint32(LINE)) + uint32(swizzled * uint32(VECTOR_BYTES)))


@cuda.jit(device=True, inline="always")
def warp_of(thread):
    """(row, column of the thread's warp, lane)."""
    warp = uint32(thread >> uint32(5))
    return uint32(warp // uint32(WARPS_PER_SIDE)), uint32(warp % uint32(WARPS_PER_SIDE)), uint32(thread & uint32(31))


@cuda.jit(device=True, inline="always")
def a_fragment_offset(thread, warp_rows):
    """Byte offset of the line that the lane addresses in `load_matrices` of the first operand, whose rows are lines.

    The four matrices are two of eight rows, then the second vectors of these rows.
    """
    row, _, lane = warp_of(thread)
    line = uint32(uint32(row * uint32(warp_rows)) + uint32(lane & uint32(15)))
    return swizzled_offset(line, uint32(lane >> uint32(4)))


@cuda.jit(device=True, inline="always")
def b_fragment_offset(thread, warp_columns):
    """As `a_fragment_offset`, of the second operand: eight columns, their second vectors, then the next eight."""
    _, column, lane = warp_of(thread)
    line = uint32(uint32(column * uint32(warp_columns)) + uint32(lane & uint32(7)))
    line = uint32(line + uint32(uint32(lane >> uint32(4)) * uint32(MMA_COLUMNS)))
    return swizzled_offset(line, uint32(uint32(lane >> uint32(3)) & uint32(1)))


@cuda.jit(device=True, inline="always")
def transposed_offset(line, vector):
    """As `swizzled_offset`, for tf32 whose depth runs across the lines: two vectors of four lines cover all banks."""
    swizzled = uint32(vector ^ uint32(line & uint32(2)))
    return uint32(uint32(line * uint32(LINE)) + uint32(swizzled * uint32(VECTOR_BYTES)))


@cuda.jit(device=True, inline="always")
def transposed_a_offset(thread, panels, panel, is_tf32):
    """Byte offset that the lane addresses in `load_transposed`; a warp has panels of channels, whose lines are pixels.

    The four matrices are two of eight channels, then their next eight pixels. Of tf32 a lane has a pair.
    """
    row, _, lane = warp_of(thread)
    first = uint32(row * uint32(panels * panel))
    if is_tf32:
        pair = uint32(lane >> uint32(2))
        at = transposed_offset(uint32(lane & uint32(3)), uint32(pair >> uint32(1)))
        return uint32(uint32(first + at) + uint32(uint32(pair & uint32(1)) * uint32(8)))
    line = uint32(uint32(lane & uint32(7)) + uint32(uint32(lane >> uint32(4)) * uint32(8)))
    return uint32(first + swizzled_offset(line, uint32(uint32(lane >> uint32(3)) & uint32(1))))


@cuda.jit(device=True, inline="always")
def staging_offset(thread, warp_columns, pitch):
    """Byte offset of the lane's first results in the staging buffer, where every warp stores one row of its mma."""
    row, column, lane = warp_of(thread)
    line = uint32(uint32(row * uint32(MMA_ROWS)) + uint32(lane >> uint32(2)))
    at = uint32(uint32(column * uint32(warp_columns)) + uint32(uint32(lane & uint32(3)) * uint32(2)))
    return uint32(uint32(uint32(line * uint32(pitch)) + at) * uint32(4))


@cuda.jit(device=True, inline="always")
def staged_row(line, i, warp_rows):
    """The row of the tile in a line of the staging buffer, when the warps have stored row i of their mma."""
    below = uint32(uint32(line // uint32(MMA_ROWS)) * uint32(warp_rows))
    return uint32(uint32(below + uint32(i * uint32(MMA_ROWS))) + uint32(line % uint32(MMA_ROWS)))


@cuda.jit(device=True, inline="always")
def transposed_staged_row(line, i, warp_rows):
    """As `staged_row`, where a lane's pair of neighbors is rows l // 4 and l // 4 + 8 of an mma."""
    within = uint32(line % uint32(MMA_ROWS))
    row = uint32(uint32(uint32(within & uint32(7)) << uint32(1)) | uint32(within >> uint32(3)))
    return uint32(staged_row(uint32(line - within), i, warp_rows) + row)
