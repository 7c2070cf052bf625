"""Sums and prefix sums: within a block, within a warp, and chained through blocks."""

import numpy as np
from numba import cuda, float32, int32

from tests.emulator.catalog.entries import buggy, correct, ramp, zeros


@correct(4, 128, ramp(512), zeros(4, np.float32), result=lambda: np.arange(512).reshape(4, 128).sum(1))
def tree(x, y):
    """A reduction with a barrier for each step."""
    tile = cuda.shared.array(128, float32)
    t = cuda.threadIdx.x
    tile[t] = x[cuda.grid(1)]
    half = 64
    while half > 0:
        cuda.syncthreads()
        if t < half:
            tile[t] += tile[t + half]
        half //= 2
    if t == 0:
        y[cuda.blockIdx.x] = tile[0]


@buggy("race-shared", 4, 128, ramp(512), zeros(4, np.float32))
def tree_without_barriers(x, y):
    """The steps run into each other."""
    tile = cuda.shared.array(128, float32)
    t = cuda.threadIdx.x
    tile[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    half = 64
    while half > 0:
        if t < half:
            tile[t] += tile[t + half]  # FAULT
        half //= 2
    if t == 0:
        y[cuda.blockIdx.x] = tile[0]


@buggy("barrier-divergence", 1, 128, ramp(128), zeros(1, np.float32))
def tree_with_a_barrier_in_its_branch(x, y):
    """Only the threads that add reach the barrier."""
    tile = cuda.shared.array(128, float32)
    t = cuda.threadIdx.x
    tile[t] = x[t]
    cuda.syncthreads()
    half = 64
    while half > 0:
        if t < half:
            tile[t] += tile[t + half]
            cuda.syncthreads()  # FAULT
        half //= 2
    if t == 0:
        y[0] = tile[0]


@correct(1, 64, ramp(64), zeros(64, np.float32), result=lambda: np.cumsum(np.arange(64)))
def scan_with_two_buffers(x, y):
    """Hillis and Steele: read from one buffer, write to the other."""
    tile = cuda.shared.array((2, 64), float32)
    t, source, step = cuda.threadIdx.x, 0, 1
    tile[0, t] = x[t]
    cuda.syncthreads()
    while step < 64:
        if t >= step:
            tile[1 - source, t] = tile[source, t] + tile[source, t - step]
        else:
            tile[1 - source, t] = tile[source, t]
        source = 1 - source
        cuda.syncthreads()
        step *= 2
    y[t] = tile[source, t]


@buggy("race-shared", 1, 64, ramp(64), zeros(64, np.float32))
def scan_with_one_buffer(x, y):
    """In place, others' numbers change while they are read."""
    tile = cuda.shared.array(64, float32)
    t, step = cuda.threadIdx.x, 1
    tile[t] = x[t]
    cuda.syncthreads()
    while step < 64:
        if t >= step:
            tile[t] += tile[t - step]  # FAULT
        cuda.syncthreads()
        step *= 2
    y[t] = tile[t]


@correct(6, 32, ramp(6, np.int32), zeros(6), zeros(1), zeros(6), zeros(6), result=lambda: np.cumsum(np.arange(6)))
def chained_scan(x, flag, ticket, total, y):
    """Blocks take a number, and each waits for the one before."""
    if cuda.threadIdx.x == 0:
        k = cuda.atomic.add(ticket, 0, 1)
        exclusive = 0
        if k > 0:
            while cuda.atomic.add(flag, k - 1, 0) == 0:
                pass
            cuda.threadfence()
            exclusive = total[k - 1]
        total[k] = exclusive + x[k]
        cuda.threadfence()
        cuda.atomic.exch(flag, k, 1)
        y[k] = exclusive + x[k]


@correct(6, 32, ramp(6, np.int32), zeros(6), zeros(6), zeros(6), result=lambda: np.cumsum(np.arange(6)))
def chained_scan_by_block_number(x, flag, total, y):
    """The same in the order of block numbers, which start in that order."""
    k = cuda.blockIdx.x
    if cuda.threadIdx.x == 0:
        exclusive = 0
        if k > 0:
            while cuda.atomic.add(flag, k - 1, 0) == 0:
                pass
            exclusive = total[k - 1]
        total[k] = exclusive + x[k]
        cuda.threadfence()
        cuda.atomic.exch(flag, k, 1)
        y[k] = exclusive + x[k]


@buggy("race-global", 6, 32, ramp(6, np.int32), zeros(6), zeros(1), zeros(6))
def chained_scan_that_waits_for_itself(x, flag, ticket, total):
    """It polls a flag that says nothing of the block before."""
    if cuda.threadIdx.x == 0:
        k = cuda.atomic.add(ticket, 0, 1)
        exclusive = 0
        cuda.atomic.exch(flag, k, 1)
        if k > 0:
            while cuda.atomic.add(flag, k, 0) == 0:
                pass
            exclusive = total[k - 1]  # FAULT
        total[k] = exclusive + x[k]
        cuda.threadfence()


@correct(6, 32, ramp(192, np.int32), zeros(6), zeros(6), zeros(6), zeros(1), zeros(6),
         result=lambda: np.cumsum(np.arange(192).reshape(6, 32).sum(1)))  # fmt: skip
def decoupled_look_back(x, state, aggregate, through, ticket, y):
    """State 1: the sum of the tile is there; state 2: the sum up to its end."""
    shared = cuda.shared.array(2, int32)
    t = cuda.threadIdx.x
    if t == 0:
        shared[0] = cuda.atomic.add(ticket, 0, 1)
        shared[1] = 0
    cuda.syncthreads()
    k = shared[0]
    cuda.atomic.add(shared, 1, x[k * 32 + t])
    cuda.syncthreads()
    if t == 0:
        aggregate[k] = shared[1]
        cuda.threadfence()
        cuda.atomic.exch(state, k, 1)
        exclusive, j = 0, k - 1
        while j >= 0:
            seen = cuda.atomic.add(state, j, 0)
            if seen == 2:
                exclusive += through[j]
                j = -1
            elif seen == 1:
                exclusive += aggregate[j]
                j -= 1
        through[k] = exclusive + shared[1]
        cuda.threadfence()
        cuda.atomic.exch(state, k, 2)
        y[k] = exclusive + shared[1]


@buggy("race-global", 4, 32, ramp(128), zeros(4, np.float32), zeros(1, np.float32))
def blocks_added_up_too_soon(x, partial, y):
    """Block 0 adds up what the other blocks may not have stored."""
    t, b = cuda.threadIdx.x, cuda.blockIdx.x
    if t == 0:
        partial[b] = x[cuda.grid(1)]  # FAULT: one of the two
        if b == 0:
            total = float32(0)
            for k in range(4):
                total += partial[k]  # FAULT
            y[0] = total
