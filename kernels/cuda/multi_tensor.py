"""Multi-tensor apply: one launch updates the arrays of all parameters through a table of pointers.

The table has a row for each parameter: its first block, its elements, whether all of its arrays are aligned to 128
bits, and the addresses of its arrays. A block processes THREADS vectors of four elements, or THREADS elements where
arrays are not aligned.
"""

from collections import OrderedDict

import numpy as np
from numba import types

from . import driver_launch
from .launch import THREADS, address, cuda, tiles, uint32, uint64, upload
from .ptx import VECTOR_BYTES
from .vectorized import FOUR

FIELDS, MAX_ARRAYS = 3, 5
"""Numbers of a row in front of the addresses; most addresses of a row."""

TABLE_COLUMNS = FIELDS + MAX_ARRAYS

_uploaded = OrderedDict()
MAX_CACHED_TABLES = 64
"""Tables that stay on the device: arrays have the same addresses from step to step."""


class TensorTable:
    """An argument of a launch: arrays of several parameters, a tuple for each; None stands for the second array."""

    _numba_type_ = types.Array(types.uint64, 1, "C")

    def __init__(self, tensor_lists):
        self.rows = [tuple(arrays[1] if a is None else a for a in arrays) for arrays in tensor_lists]
        self.dtype = self.rows[0][0].dtype
        self.size = TABLE_COLUMNS * len(self.rows)
        self.addresses = [tuple(map(address, row)) for row in self.rows]
        self.numbers, self.blocks = [], 0
        for row, addresses in zip(self.rows, self.addresses, strict=True):
            size = row[0].size
            vectors = not any(address % VECTOR_BYTES for address in addresses)
            self.numbers.append((self.blocks, size, vectors))
            self.blocks += -(-size // (THREADS * FOUR if vectors else THREADS))

    def table(self, address_of=None):
        """The table as a flat NumPy array, with the arrays' addresses, or those of a function of the emulator."""
        all_addresses = self.addresses if address_of is None else [map(address_of, row) for row in self.rows]
        table = np.zeros((len(self.rows), TABLE_COLUMNS), np.uint64)
        for line, numbers, row, addresses in zip(table, self.numbers, self.rows, all_addresses, strict=True):
            line[: FIELDS + len(row)] = (*numbers, *addresses)
        return table.reshape(-1)

    def on_device(self):
        """The table on the arrays' device; uploaded unless a recent launch had the same one."""
        first = self.rows[0][0]
        _, device = driver_launch.pointer_and_device(first)
        key = device, tuple(self.numbers), tuple(self.addresses)  # what the table holds
        if key not in _uploaded:
            _uploaded[key] = upload(first, self.table())
            while len(_uploaded) > MAX_CACHED_TABLES:
                _uploaded.popitem(last=False)
        _uploaded.move_to_end(key)
        return _uploaded[key]


def multi_tensor_apply(kernel, tensor_lists, *arguments):
    """Launch a kernel once for the arrays of all parameters: kernel(table, rows, *arguments)."""
    table = TensorTable([arrays for arrays in tensor_lists if arrays[0].size])
    tiles(kernel, table.blocks, THREADS, table, len(table.rows), *arguments)


@cuda.jit(device=True, inline="always")
def chunk_of_thread(table, rows):
    """(offset of the thread's row in the table, its first element, how many elements: four, one or none)."""
    # Binary search for the row of the block.
    block, thread = uint64(cuda.blockIdx.x), uint32(cuda.threadIdx.x)
    low, high = uint32(0), uint32(rows)
    while uint32(low + uint32(1)) < high:
        middle = uint32(uint32(low + high) // uint32(2))
        if table[uint32(middle * uint32(TABLE_COLUMNS))] <= block:
            low = middle
        else:
            high = middle
    at = uint32(low * uint32(TABLE_COLUMNS))
    # The elements of the thread in that row.
    local, size = uint32(block - table[at]), uint32(table[uint32(at + uint32(1))])
    if table[uint32(at + uint32(2))] == 0:
        j = uint32(uint32(local * uint32(THREADS)) + thread)
        return at, j, uint32(1) if j < size else uint32(0)
    first = uint32(local * uint32(THREADS * FOUR))
    vectors = uint32(min(uint32(size - first), uint32(THREADS * FOUR)) // uint32(FOUR))
    if thread < vectors:
        return at, uint32(first + uint32(thread * uint32(FOUR))), uint32(FOUR)
    j = uint32(first + uint32(vectors * uint32(FOUR - 1)) + thread)
    return at, j, uint32(1) if j < size else uint32(0)


@cuda.jit(device=True, inline="always")
def tensor_address(table, at, k):
    """The address of a row's array k."""
    return table[uint32(at + uint32(FIELDS + k))]
