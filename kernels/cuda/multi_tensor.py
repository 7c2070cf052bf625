"""Any number of arrays in one launch: a table holds where each starts, a block finds its own there.

A row for each parameter: its first block, its elements, whether 128-bit accesses reach all of its arrays, and the
arrays' addresses. A block takes THREADS vectors of four elements, or THREADS elements where there are no vectors.
"""

from collections import OrderedDict

import numpy as np
from numba import types

from . import driver_launch
from .launch import THREADS, address, cuda, tiles, uint32, uint64, upload
from .ptx import VECTOR_BYTES
from .vectorized import FOUR

FIELDS, MOST = 3, 5
"""Numbers of a row in front of the addresses; addresses at most."""

COLUMNS = FIELDS + MOST

_uploaded = OrderedDict()
KEPT = 64
"""Tables that stay on the device: arrays have the same addresses from step to step."""


class TensorTable:
    """An argument of a launch: arrays of several parameters, a tuple for each. None stands for its second array."""

    _numba_type_ = types.Array(types.uint64, 1, "C")

    def __init__(self, several):
        self.rows = [tuple(arrays[1] if a is None else a for a in arrays) for arrays in several]
        self.dtype = self.rows[0][0].dtype
        self.size = COLUMNS * len(self.rows)
        self.addresses = [tuple(map(address, row)) for row in self.rows]
        self.numbers, self.blocks = [], 0
        for row, addresses in zip(self.rows, self.addresses, strict=True):
            size = row[0].size
            vectors = not any(place % VECTOR_BYTES for place in addresses)
            self.numbers.append((self.blocks, size, vectors))
            self.blocks += -(-size // (THREADS * FOUR if vectors else THREADS))

    def table(self, address_of=None):
        """The table as a NumPy array, flat; address_of says where an array lies for who is not at its own address."""
        places = self.addresses if address_of is None else [map(address_of, row) for row in self.rows]
        table = np.zeros((len(self.rows), COLUMNS), np.uint64)
        for line, numbers, row, addresses in zip(table, self.numbers, self.rows, places, strict=True):
            line[: FIELDS + len(row)] = (*numbers, *addresses)
        return table.reshape(-1)

    def on_device(self):
        """The table beside the arrays, uploaded if no launch had the same one lately."""
        first = self.rows[0][0]
        _, device = driver_launch.place_of(first)
        key = device, tuple(self.numbers), tuple(self.addresses)  # what the table holds
        if key not in _uploaded:
            _uploaded[key] = upload(first, self.table())
            while len(_uploaded) > KEPT:
                _uploaded.popitem(last=False)
        _uploaded.move_to_end(key)
        return _uploaded[key]


def multi_tensor_apply(kernel, several, *arguments):
    """Launch a kernel once for the arrays of all parameters: kernel(table, rows, *arguments)."""
    segments = TensorTable([arrays for arrays in several if arrays[0].size])
    tiles(kernel, segments.blocks, THREADS, segments, len(segments.rows), *arguments)


@cuda.jit(device=True, inline="always")
def chunk_of_thread(table, rows):
    """(where the thread's row starts in the table, its first element, how many: four, one or none)."""
    block, thread = uint64(cuda.blockIdx.x), uint32(cuda.threadIdx.x)
    low, high = uint32(0), uint32(rows)
    while uint32(low + uint32(1)) < high:
        middle = uint32(uint32(low + high) // uint32(2))
        if table[uint32(middle * uint32(COLUMNS))] <= block:
            low = middle
        else:
            high = middle
    at = uint32(low * uint32(COLUMNS))
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
