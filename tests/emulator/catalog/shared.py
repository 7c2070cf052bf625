"""Tiles of shared memory in loops: reuse, two buffers, halves of a block."""

import numpy as np
from numba import cuda, float32

from tests.emulator.catalog.entries import buggy, correct, ramp, zeros


@buggy("race-shared", 1, 64, ramp(256), zeros(64, np.float32))
def tile_refilled_without_a_barrier(x, y):
    """The next tile overwrites what others still read."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    total = float32(0)
    for k in range(4):
        tile[t] = x[64 * k + t]  # FAULT: one of the two
        cuda.syncthreads()
        total += tile[63 - t]  # FAULT
    y[t] = total


@correct(1, 64, ramp(256), zeros(64, np.float32), result=lambda: np.arange(256).reshape(4, 64)[:, ::-1].sum(0))
def tile_refilled(x, y):
    """The same with both barriers."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    total = float32(0)
    for k in range(4):
        tile[t] = x[64 * k + t]
        cuda.syncthreads()
        total += tile[63 - t]
        cuda.syncthreads()
    y[t] = total


@correct(1, 64, ramp(256), zeros(64, np.float32), result=lambda: np.arange(256).reshape(4, 64)[:, ::-1].sum(0))
def two_buffers(x, y):
    """With two buffers one barrier a round is enough."""
    tile = cuda.shared.array((2, 64), float32)
    t = cuda.threadIdx.x
    total = float32(0)
    for k in range(4):
        tile[k % 2, t] = x[64 * k + t]
        cuda.syncthreads()
        total += tile[k % 2, 63 - t]
    y[t] = total


@buggy("race-shared", 1, 64, ramp(256), zeros(64, np.float32))
def two_buffers_mixed_up(x, y):
    """The buffer that is being filled is read."""
    tile = cuda.shared.array((2, 64), float32)
    t = cuda.threadIdx.x
    total = float32(0)
    tile[0, t] = x[t]
    tile[1, t] = x[t]
    cuda.syncthreads()
    for k in range(1, 4):
        tile[k % 2, t] = x[64 * k + t]  # FAULT: one of the two
        total += tile[k % 2, 63 - t]  # FAULT
        cuda.syncthreads()
    y[t] = total


@buggy("race-shared", 1, 64, ramp(64), zeros(64, np.float32))
def neighbor_read_without_a_barrier(x, y):
    """Each thread reads what its neighbor may not have stored."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]  # FAULT: one of the two
    y[t] = tile[(t + 1) % 64]  # FAULT


@buggy("race-warp", 1, 64, ramp(64), zeros(64, np.float32))
def neighbor_in_the_warp_read_without_a_barrier(x, y):
    """The neighbor is in the same warp: syncwarp would do."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]  # FAULT: one of the two
    y[t] = tile[t ^ 1]  # FAULT


@buggy("race-shared", 1, 64, ramp(64), zeros(64, np.float32))
def syncwarp_for_a_block(x, y):
    """A barrier of the warp where one of the block is needed."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]  # FAULT: one of the two
    cuda.syncwarp()
    y[t] = tile[63 - t]  # FAULT


@buggy("uninitialized", 1, 64, ramp(64), zeros(64, np.float32))
def tile_filled_by_half(x, y):
    """Half of the tile is never filled."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    if t < 32:
        tile[t] = x[t]
    cuda.syncthreads()
    y[t] = tile[t]  # FAULT


@correct(1, 96, ramp(96), zeros(1, np.float32), result=lambda: [1])
def threads_store_one_value(x, y):
    """Threads of several warps set the same flag."""
    found = cuda.shared.array(1, float32)
    t = cuda.threadIdx.x
    if t == 0:
        found[0] = 0
    cuda.syncthreads()
    if x[t] > 10:
        found[0] = 1
    cuda.syncthreads()
    if t == 0:
        y[0] = found[0]


@buggy("race-shared", 1, 96, ramp(96), zeros(1, np.float32))
def threads_store_their_own_value(x, y):
    """The first threads of the warps store different values."""
    found = cuda.shared.array(1, float32)
    t = cuda.threadIdx.x
    if t % 32 == 0:
        found[0] = x[t]  # FAULT
    cuda.syncthreads()
    if t == 0:
        y[0] = found[0]


@buggy("out-of-bounds", 1, 64, ramp(64), zeros(64, np.float32))
def tile_too_small(x, y):
    """The tile ends before the block does."""
    tile = cuda.shared.array(63, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]  # FAULT
    cuda.syncthreads()
    y[t] = tile[0]


@correct((2, 2), (8, 8), lambda: np.arange(256, dtype=np.float32).reshape(16, 16),
         lambda: np.ones((16, 16), np.float32), lambda: np.zeros((16, 16), np.float32),
         result=lambda: np.arange(256.0).reshape(16, 16) @ np.ones((16, 16)))  # fmt: skip
def matrix_product(a, b, c):
    """Tiles of both factors, two barriers a step."""
    left, right = cuda.shared.array((8, 8), float32), cuda.shared.array((8, 8), float32)
    i, j = cuda.threadIdx.y, cuda.threadIdx.x
    row, column = cuda.blockIdx.y * 8 + i, cuda.blockIdx.x * 8 + j
    total = float32(0)
    for k in range(0, 16, 8):
        left[i, j] = a[row, k + j]
        right[i, j] = b[k + i, column]
        cuda.syncthreads()
        for m in range(8):
            total += left[i, m] * right[m, j]
        cuda.syncthreads()
    c[row, column] = total
