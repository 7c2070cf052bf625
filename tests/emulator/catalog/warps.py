"""Within a warp: shuffles, votes, exchanges through memory."""

import numpy as np
from numba import cuda, float32, int32

from tests.emulator.catalog.entries import buggy, correct, ramp, zeros


@correct(1, 128, ramp(128), zeros(1, np.float32), result=lambda: [128 * 127 / 2])
def sum_by_shuffles(x, y):
    """Each warp sums by shuffles, the first warp sums the sums."""
    sums = cuda.shared.array(4, float32)
    t = cuda.threadIdx.x
    total = x[t]
    step = 16
    while step > 0:
        total += cuda.shfl_down_sync(0xFFFFFFFF, total, step)
        step //= 2
    if t % 32 == 0:
        sums[t // 32] = total
    cuda.syncthreads()
    if t < 32:
        total = sums[t] if t < 4 else float32(0)
        total += cuda.shfl_down_sync(0xFFFFFFFF, total, 2)
        total += cuda.shfl_down_sync(0xFFFFFFFF, total, 1)
        if t == 0:
            y[0] = total


@buggy("race-shared", 1, 128, ramp(128), zeros(1, np.float32))
def sum_by_shuffles_without_a_barrier(x, y):
    """The first warp reads the sums of the others too soon."""
    sums = cuda.shared.array(4, float32)
    t = cuda.threadIdx.x
    total = x[t]
    step = 16
    while step > 0:
        total += cuda.shfl_down_sync(0xFFFFFFFF, total, step)
        step //= 2
    if t % 32 == 0:
        sums[t // 32] = total  # FAULT: one of the two
    if t == 0:
        for k in range(4):
            total += sums[k]  # FAULT
        y[0] = total


@correct(1, 32, ramp(32, np.int32), zeros(32), result=lambda: np.cumsum(np.arange(32)))
def scan_by_shuffles(x, y):
    """A prefix sum in a warp."""
    t = cuda.threadIdx.x
    total, step = x[t], 1
    while step < 32:
        other = cuda.shfl_up_sync(0xFFFFFFFF, total, step)
        if t >= step:
            total += other
        step *= 2
    y[t] = total


@buggy("warp-divergence", 1, 32, ramp(32, np.int32), zeros(32))
def shuffle_for_some(x, y):
    """The mask names lanes that do not come."""
    t = cuda.threadIdx.x
    if t >= 4:
        y[t] = cuda.shfl_up_sync(0xFFFFFFFF, x[t], 4)  # FAULT


@correct(1, 64, ramp(64, np.int32), zeros(64), zeros(1), result=lambda: [32])
def compaction_by_ballots(x, y, count):
    """A warp takes places for all its odd numbers by one atomic."""
    t = cuda.threadIdx.x
    lane = t % 32
    odd = x[t] % 2 == 1
    votes = cuda.ballot_sync(0xFFFFFFFF, odd)
    first = int32(0)
    if lane == 0:
        first = cuda.atomic.add(count, 0, cuda.popc(votes))
    first = cuda.shfl_sync(0xFFFFFFFF, first, 0)
    if odd:
        y[first + cuda.popc(votes & ((1 << lane) - 1))] = x[t]


@buggy("race-global", 1, 64, ramp(64, np.int32), zeros(64), zeros(1))
def compaction_without_atomics(x, y, count):
    """Warps take the same places."""
    t = cuda.threadIdx.x
    lane = t % 32
    odd = x[t] % 2 == 1
    votes = cuda.ballot_sync(0xFFFFFFFF, odd)
    first = int32(0)
    if lane == 0:
        first = count[0]  # FAULT: one of these
        count[0] = first + cuda.popc(votes)  # FAULT
    first = cuda.shfl_sync(0xFFFFFFFF, first, 0)
    if odd:
        y[first + cuda.popc(votes & ((1 << lane) - 1))] = x[t]  # FAULT


@correct(1, 64, ramp(64, np.int32), zeros(2), result=lambda: [0x7FFFFFFF, 1])
def votes(x, y):
    """all, any, activemask in branches."""
    t = cuda.threadIdx.x
    if t < 31:
        mask = cuda.activemask()
        if t == 0:
            y[0] = mask
    if t >= 32:
        every = cuda.all_sync(0xFFFFFFFF, x[t] >= 32)
        if t == 32:
            y[1] = every


@correct(1, 64, ramp(64), zeros(64, np.float32), result=lambda: np.arange(64) ^ 1)
def exchange_in_a_warp(x, y):
    """Through shared memory, with a barrier of the warp."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]
    cuda.syncwarp()
    y[t] = tile[t ^ 1]


@buggy("race-warp", 1, 32, ramp(32), zeros(32, np.float32))
def exchange_ordered_by_a_shuffle(x, y):
    """A shuffle orders no memory accesses (PTX ISA)."""
    tile = cuda.shared.array(32, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]  # FAULT: one of the two
    other = cuda.shfl_xor_sync(0xFFFFFFFF, x[t], 1)
    y[t] = tile[t ^ 1] + other  # FAULT


@buggy("race-warp", 1, 32, ramp(32), zeros(32, np.float32))
def exchange_across_halves(x, y):
    """Each half of the warp waits for itself, and reads from the other."""
    tile = cuda.shared.array(32, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]  # FAULT: one of the two
    cuda.syncwarp(0xFFFF if t < 16 else 0xFFFF0000)
    y[t] = tile[t ^ 16]  # FAULT


@buggy("race-warp", 1, 32, ramp(32), zeros(32, np.float32))
def exchange_with_a_mask_of_one(x, y):
    """Each lane waits for itself alone."""
    tile = cuda.shared.array(32, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]  # FAULT: one of the two
    cuda.syncwarp(1 << t)
    y[t] = tile[31 - t]  # FAULT


@correct(1, 64, ramp(64), zeros(64, np.float32), result=lambda: np.arange(64) ^ 5)
def exchange_within_halves(x, y):
    """Each half of a warp waits for itself, and the tile is used again."""
    tile = cuda.shared.array(64, float32)
    t = cuda.threadIdx.x
    mask = 0xFFFF if t % 32 < 16 else 0xFFFF0000
    for k in range(3):
        tile[t] = x[t] + float32(2 - k)
        cuda.syncwarp(mask)
        y[t] = tile[t ^ 5]
        cuda.syncwarp(mask)


@correct(1, 32, ramp(32), zeros(32, np.float32), result=lambda: np.full(32, 496))
def sum_by_growing_groups(x, y):
    """Groups of 2, 4, ..., 32 lanes: what a group has seen, the next one has."""
    tile = cuda.shared.array(32, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]
    step = 1
    while step < 32:
        members = ((1 << (2 * step)) - 1) << (t // (2 * step) * 2 * step)
        cuda.syncwarp(members)
        total = tile[t] + tile[t ^ step]
        cuda.syncwarp(members)
        tile[t] = total
        step *= 2
    y[t] = tile[t]


@buggy("warp-divergence", 1, 32, ramp(32), zeros(32, np.float32))
def shuffle_from_lanes_that_are_elsewhere(x, y):
    """The mask names the lanes that come; four of them read from others."""
    t = cuda.threadIdx.x
    if t < 16:
        y[t] = cuda.shfl_down_sync(0xFFFF, x[t], 4) + x[t]  # FAULT


@buggy("warp-divergence", 1, 48, ramp(48), zeros(2, np.float32))
def sum_of_half_a_warp_by_shuffles_of_a_whole(x, y):
    """The second warp has 16 threads: the first step adds what lanes without a thread hold."""
    total = x[cuda.threadIdx.x]
    step = 16
    while step > 0:
        total += cuda.shfl_down_sync(0xFFFFFFFF, total, step)  # FAULT
        step //= 2
    if cuda.threadIdx.x % 32 == 0:
        y[cuda.threadIdx.x // 32] = total


@correct(1, 32, ramp(32), zeros(1, np.float32), result=lambda: [6])
def sum_of_four_lanes_by_shuffles(x, y):
    """Lanes 2 and 3 receive undefined values, which nobody uses."""
    t = cuda.threadIdx.x
    if t < 4:
        total = x[t]
        total += cuda.shfl_down_sync(0xF, total, 2)
        total += cuda.shfl_down_sync(0xF, total, 1)
        if t == 0:
            y[0] = total
