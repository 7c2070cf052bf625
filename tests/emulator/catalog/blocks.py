"""Global memory between threads and blocks: who writes what others access."""

import numpy as np
from numba import cuda, float32

from tests.emulator.catalog.entries import buggy, correct, ramp, unwritten, zeros


@buggy("race-global", 1, 64, ramp(64))
def neighbor_in_another_warp(x):
    """In place, and half of the threads read what the other half writes."""
    i = cuda.threadIdx.x
    x[i] = x[(i + 32) % 64] + float32(1)  # FAULT


@buggy("race-global", 1, 32, ramp(32))
def neighbor_in_the_same_warp(x):
    """Lanes of a warp need not run together either."""
    i = cuda.threadIdx.x
    x[i] = x[i ^ 1]  # FAULT


@correct(1, 64, ramp(64), result=lambda: np.roll(np.arange(64), -32) + 1)
def neighbor_after_a_barrier(x):
    """All have read before any writes."""
    i = cuda.threadIdx.x
    value = x[(i + 32) % 64]
    cuda.syncthreads()
    x[i] = value + float32(1)


@correct(1, 32, ramp(32), result=lambda: np.arange(32) ^ 1)
def neighbor_after_a_syncwarp(x):
    """A barrier of the warp is enough within it."""
    i = cuda.threadIdx.x
    value = x[i ^ 1]
    cuda.syncwarp()
    x[i] = value


@buggy("race-global", 4, 64, ramp(257))
def stencil_in_place_across_blocks(x):
    """The last thread of a block reads what the next block writes."""
    i = cuda.grid(1)
    value = x[i + 1]  # FAULT: one of the two
    cuda.syncthreads()
    x[i] = value  # FAULT


@correct(4, 64, ramp(257), zeros(256, np.float32), result=lambda: np.arange(256) * 2 + 1)
def stencil_with_a_halo(x, y):
    """A tile with one element more than threads."""
    tile = cuda.shared.array(65, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    tile[t] = x[i]
    if t == 0:
        tile[64] = x[i + 64]
    cuda.syncthreads()
    y[i] = tile[t] + tile[t + 1]


@buggy("uninitialized", 4, 64, ramp(257), zeros(256, np.float32))
def stencil_without_its_halo(x, y):
    """The element behind the tile is never loaded."""
    tile = cuda.shared.array(65, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    tile[t] = x[i]
    cuda.syncthreads()
    y[i] = tile[t] + tile[t + 1]  # FAULT


@buggy("race-global", 4, 64, zeros(1, np.float32))
def blocks_store_different_values(y):
    """Which one remains is anyone's guess."""
    if cuda.threadIdx.x == 0:
        y[0] = cuda.blockIdx.x  # FAULT


@correct(4, 64, ramp(256), zeros(1), result=lambda: [1])
def blocks_store_one_value(x, y):
    """A flag that several blocks set."""
    if x[cuda.grid(1)] > 10:
        y[0] = 1


@buggy("race-global", 4, 64, ramp(256), zeros(1), zeros(4))
def flag_read_by_other_blocks(x, flag, y):
    """A plain flag is no way to tell other blocks."""
    if x[cuda.grid(1)] == 10:
        flag[0] = 1  # FAULT: one of the two
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        y[cuda.blockIdx.x] = flag[0]  # FAULT


@buggy("uninitialized", 1, 64, unwritten(64), zeros(64, np.float32))
def input_never_written(x, y):
    """Nobody has filled the input."""
    i = cuda.threadIdx.x
    y[i] = x[i]  # FAULT


@buggy("uninitialized", 1, 64, unwritten(1))
def sum_never_zeroed(y):
    """An atomic reads what it adds to."""
    cuda.atomic.add(y, 0, 1)  # FAULT


@buggy("out-of-bounds", 2, 64, ramp(100))
def guard_off_by_one(x):
    """One element too many."""
    i = cuda.grid(1)
    if i <= x.size:
        x[i] = 0  # FAULT


@correct(3, 64, ramp(500), zeros(500, np.float32), result=lambda: np.arange(500) * 2)
def grid_stride_loop(x, y):
    """Each thread takes every 192nd element."""
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = x[i] * float32(2)


@correct((2, 2), (32, 8), lambda: np.arange(4096, dtype=np.float32).reshape(64, 64),
         lambda: np.zeros((64, 64), np.float32), result=lambda: np.arange(4096).reshape(64, 64).T)  # fmt: skip
def transpose_with_padding(x, y):
    """A tile of 32 x 33."""
    tile = cuda.shared.array((32, 33), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    row, column = cuda.blockIdx.y * 32, cuda.blockIdx.x * 32
    for k in range(0, 32, 8):
        tile[j + k, i] = x[row + j + k, column + i]
    cuda.syncthreads()
    for k in range(0, 32, 8):
        y[column + j + k, row + i] = tile[i, j + k]


@buggy("race-shared", (2, 2), (32, 8), lambda: np.zeros((64, 64), np.float32), lambda: np.zeros((64, 64), np.float32))
def transpose_without_a_barrier(x, y):
    """Columns are read before their rows are there."""
    tile = cuda.shared.array((32, 33), float32)
    i, j = cuda.threadIdx.x, cuda.threadIdx.y
    row, column = cuda.blockIdx.y * 32, cuda.blockIdx.x * 32
    for k in range(0, 32, 8):
        tile[j + k, i] = x[row + j + k, column + i]  # FAULT: one of the two
    for k in range(0, 32, 8):
        y[column + j + k, row + i] = tile[i, j + k]  # FAULT
