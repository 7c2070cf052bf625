"""Barriers of a block: threads that leave early, and threads that go another way."""

import numpy as np
from numba import cuda, float32, int32

from tests.emulator.catalog.entries import buggy, correct, ramp, zeros


@correct(2, 64, ramp(100), zeros(100, np.float32), result=lambda: np.r_[63:-1:-1, 99:63:-1])
def early_return(x, y):
    """A barrier does not wait for threads that have returned."""
    tile = cuda.shared.array(64, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    count = min(x.size - cuda.blockIdx.x * 64, 64)
    if i >= x.size:
        return
    tile[t] = x[i]
    cuda.syncthreads()
    y[i] = tile[count - 1 - t]


@correct(1, 128, ramp(128), zeros(128, np.float32), result=lambda: np.r_[63:-1:-1, np.full(64, -1)])
def early_return_of_whole_warps(x, y):
    """Two warps store something and return."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    if t >= 64:
        y[t] = -1
        return
    tile[t] = x[t]
    cuda.syncthreads()
    y[t] = tile[63 - t]


@buggy("barrier-divergence", 1, 64, ramp(64))
def barrier_in_a_branch(x):
    """Half of a warp goes around the barrier and on."""
    t = cuda.threadIdx.x
    if t < 16:
        cuda.syncthreads()  # FAULT
    x[t] = 0


@buggy("barrier-divergence", 1, 64, ramp(64))
def barrier_for_one_warp(x):
    """A whole warp goes around it."""
    t = cuda.threadIdx.x
    if t < 32:
        x[t] += 1
        cuda.syncthreads()  # FAULT
        x[t] += 1


@buggy("barrier-divergence", 1, 64, ramp(64, np.int32))
def barriers_by_thread(x):
    """As many barriers as the thread's number says."""
    t = cuda.threadIdx.x
    for k in range(t % 3):
        x[t] += k
        cuda.syncthreads()  # FAULT
    x[t] += 1


@correct(1, 64, ramp(64), zeros(64, np.float32), result=lambda: np.arange(64) * 0 + 64 * 3)
def barriers_by_argument(x, y):
    """As many barriers as an argument says, the same for all."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    total = float32(0)
    for _ in range(int32(x[3])):
        tile[t] = x[t]
        cuda.syncthreads()
        total += tile[63 - t] + tile[t] + float32(1)
        cuda.syncthreads()
    y[t] = total


@correct(1, 96, zeros(3), result=lambda: [10, 0, 1])
def counted_votes(y):
    """syncthreads_count, _and, _or."""
    t = cuda.threadIdx.x
    count = cuda.syncthreads_count(int32(t < 10))
    every = cuda.syncthreads_and(int32(t < 10))
    some = cuda.syncthreads_or(int32(t < 10))
    if t == 0:
        y[0] = count
        y[1] = every != 0
        y[2] = some != 0


@buggy("barrier-divergence", 1, 64, ramp(64))
def barriers_on_two_lines(x):
    """Each warp comes to a barrier, but not to the same one."""
    t = cuda.threadIdx.x
    if t < 32:
        x[t] += 1
        cuda.syncthreads()  # FAULT
    else:
        x[t] += 2
        cuda.syncthreads()  # FAULT
    x[t] *= 2


@buggy("barrier-divergence", 1, 96, ramp(96))
def one_barrier_too_many(x):
    """One warp is a barrier ahead of the others."""
    t = cuda.threadIdx.x
    if t >= 64:
        x[t] += 1
        cuda.syncthreads()  # FAULT
    x[t] *= 2
    cuda.syncthreads()  # FAULT
    x[t] *= 2


@correct(1, 96, ramp(96), result=lambda: 4 * np.arange(96) + 4)
def barriers_on_many_lines(x):
    """All threads come to all of them, in loops too."""
    t = cuda.threadIdx.x
    for _ in range(2):
        x[t] += x[t]
        cuda.syncthreads()
        x[95 - t] += 1
        cuda.syncthreads()
    cuda.syncthreads()
    x[t] += 1
