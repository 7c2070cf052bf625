"""Locks: compare-and-swap to take them, an exchange to give them back, fences in between."""

import numpy as np
from numba import cuda

from tests.emulator.catalog.entries import buggy, correct, zeros


@correct(4, 64, zeros(1), zeros(1), result=lambda: [8])
def lock_between_blocks(lock, y):
    """The first thread of each warp adds under a lock."""
    if cuda.threadIdx.x % 32 == 0:
        while cuda.atomic.cas(lock, 0, 0, 1) != 0:
            pass
        cuda.threadfence()
        y[0] += 1
        cuda.threadfence()
        cuda.atomic.exch(lock, 0, 0)


@correct(2, 64, zeros(1), zeros(1), result=lambda: [128])
def lock_within_a_warp(lock, y):
    """All threads compete: on compute capability 7 and later the holder runs on while others poll."""
    done = False
    while not done:
        if cuda.atomic.cas(lock, 0, 0, 1) == 0:
            cuda.threadfence()
            y[0] += 1
            cuda.threadfence()
            cuda.atomic.exch(lock, 0, 0)
            done = True


@correct(1, 32, zeros(1), zeros(1), result=lambda: [32])
def lock_polled_by_lanes(lock, y):
    """The loop of the waiting lanes comes before the holder's code."""
    while cuda.atomic.cas(lock, 0, 0, 1) != 0:
        pass
    cuda.threadfence()
    y[0] += 1
    cuda.threadfence()
    cuda.atomic.exch(lock, 0, 0)


@buggy("race-global", 4, 32, zeros(1), zeros(1))
def lock_without_fences(lock, y):
    """The sum may be stored after the lock is given back."""
    if cuda.threadIdx.x == 0:
        while cuda.atomic.cas(lock, 0, 0, 1) != 0:
            pass
        y[0] += 1  # FAULT
        cuda.atomic.exch(lock, 0, 0)


@buggy("race-global", 4, 32, zeros(4), zeros(1))
def lock_of_each_block(lock, y):
    """Each block takes a lock of its own."""
    b = cuda.blockIdx.x
    if cuda.threadIdx.x == 0:
        while cuda.atomic.cas(lock, b, 0, 1) != 0:
            pass
        cuda.threadfence()
        y[0] += 1  # FAULT
        cuda.threadfence()
        cuda.atomic.exch(lock, b, 0)


@buggy("race-global", 4, 32, zeros(1), zeros(1), zeros(4))
def read_beside_a_lock(lock, y, z):
    """One access keeps out of the lock."""
    if cuda.threadIdx.x == 0:
        z[cuda.blockIdx.x] = y[0]  # FAULT: one of the two
        while cuda.atomic.cas(lock, 0, 0, 1) != 0:
            pass
        cuda.threadfence()
        y[0] += 1  # FAULT
        cuda.threadfence()
        cuda.atomic.exch(lock, 0, 0)


@buggy("hang", 1, 32, zeros(1), zeros(1), seeds=(0, 1))
def lock_never_given_back(lock, y):
    """The second thread waits for ever."""
    if cuda.threadIdx.x < 2:
        while cuda.atomic.cas(lock, 0, 0, 1) != 0:  # FAULT: one of the two
            pass  # FAULT
        y[0] = 1


@correct(4, 32, zeros(2), zeros(1), result=lambda: [4])
def ticket_lock(counters, y):
    """A number for each, and a display of whose turn it is."""
    if cuda.threadIdx.x == 0:
        mine = cuda.atomic.add(counters, 0, 1)
        while cuda.atomic.add(counters, 1, 0) != mine:
            pass
        cuda.threadfence()
        y[0] += 1
        cuda.threadfence()
        cuda.atomic.add(counters, 1, 1)


@correct(4, 32, zeros(1), zeros(64), zeros(64), result=lambda: np.arange(64) ** 2)
def persistent_blocks(head, done, y):
    """Blocks take numbers from a queue until it is empty."""
    slot = cuda.shared.array(1, np.int32)
    t = cuda.threadIdx.x
    while True:
        cuda.syncthreads()
        if t == 0:
            slot[0] = cuda.atomic.add(head, 0, 1)
        cuda.syncthreads()
        k = slot[0]
        if k >= y.size:
            break
        if t == 0:
            y[k] = k * k


@buggy("race-shared", 4, 64, zeros(1), zeros(64), zeros(64))
def persistent_blocks_without_their_second_barrier(head, done, y):
    """The next number is taken while others still read the last."""
    slot = cuda.shared.array(1, np.int32)
    t = cuda.threadIdx.x
    while True:
        if t == 0:
            slot[0] = cuda.atomic.add(head, 0, 1)  # FAULT: one of the two
        cuda.syncthreads()
        k = slot[0]  # FAULT
        if k >= y.size:
            break
        if t == 0:
            y[k] = k * k
