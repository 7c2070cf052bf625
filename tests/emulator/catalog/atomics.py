"""Atomics beside plain accesses: histograms, counters, maxima, lost updates."""

import numpy as np
from numba import cuda, float32, int32

from tests.emulator.catalog.entries import buggy, correct, ramp, spread, zeros


@buggy("race-shared", 1, 64, spread(64, 16), zeros(64))
def bins_zeroed_without_a_barrier(x, y):
    """Some bins are zeroed after they have been counted in."""
    bins = cuda.shared.array(64, int32)
    t = cuda.threadIdx.x
    bins[t] = 0  # FAULT: one of the two
    cuda.atomic.add(bins, x[t], 1)  # FAULT
    cuda.syncthreads()
    y[t] = bins[t]


@buggy("race-shared", 1, 64, ramp(64, np.int32), zeros(64))
def bins_zeroed_without_a_barrier_unnoticed(x, y):
    """With these numbers each thread counts in its own bin; with others it would not."""
    bins = cuda.shared.array(64, int32)
    t = cuda.threadIdx.x
    bins[t] = 0  # FAULT: one of the two
    cuda.atomic.add(bins, x[t], 1)  # FAULT
    cuda.syncthreads()
    y[t] = bins[t]


@correct(1, 64, spread(64, 16), zeros(64), result=lambda: np.where(np.arange(64) < 16, 4, 0))
def bins_zeroed_with_a_barrier(x, y):
    """The same with the barrier."""
    bins = cuda.shared.array(64, int32)
    t = cuda.threadIdx.x
    bins[t] = 0
    cuda.syncthreads()
    cuda.atomic.add(bins, x[t], 1)
    cuda.syncthreads()
    y[t] = bins[t]


@buggy("race-shared", 1, 96, spread(96, 16), zeros(16))
def bins_read_without_a_barrier(x, y):
    """The counts are read while others still count."""
    bins = cuda.shared.array(16, int32)
    t = cuda.threadIdx.x
    if t < 16:
        bins[t] = 0
    cuda.syncthreads()
    cuda.atomic.add(bins, x[t], 1)  # FAULT: one of the two
    if t < 16:
        y[t] = bins[t]  # FAULT


@buggy("race-shared", 1, 64, zeros(1))
def counter_zeroed_by_one_thread(y):
    """Its own atomic must not hide what thread 0 has stored."""
    count = cuda.shared.array(1, int32)
    t = cuda.threadIdx.x
    if t == 0:
        count[0] = 0  # FAULT: one of the two
    cuda.atomic.add(count, 0, 1)  # FAULT
    cuda.syncthreads()
    if t == 0:
        y[0] = count[0]


@correct(1, 64, zeros(1), result=lambda: [64])
def counter_started_by_one_thread(y):
    """Thread 0 stores and counts, the others count after the barrier."""
    count = cuda.shared.array(1, int32)
    t = cuda.threadIdx.x
    if t == 0:
        count[0] = 0
        cuda.atomic.add(count, 0, 1)
    cuda.syncthreads()
    if t > 0:
        cuda.atomic.add(count, 0, 1)
    cuda.syncthreads()
    if t == 0:
        y[0] = count[0]


@buggy("race-global", 4, 64, spread(256, 16), zeros(16))
def global_bins_zeroed_by_the_first_block(x, y):
    """No block waits for the first one."""
    i = cuda.grid(1)
    if i < 16:
        y[i] = 0  # FAULT: one of the two
    cuda.syncthreads()
    cuda.atomic.add(y, x[i], 1)  # FAULT


@buggy("race-global", 1, 64, spread(64, 16), zeros(16))
def global_bins_zeroed_in_one_block(x, y):
    """The barrier is missing, in global memory too."""
    t = cuda.threadIdx.x
    if t < 16:
        y[t] = 0  # FAULT: one of the two
    cuda.atomic.add(y, x[t], 1)  # FAULT


@correct(1, 64, spread(64, 16), zeros(16), result=lambda: np.full(16, 4))
def global_bins_zeroed_before_a_barrier(x, y):
    """The same with the barrier."""
    t = cuda.threadIdx.x
    if t < 16:
        y[t] = 0
    cuda.syncthreads()
    cuda.atomic.add(y, x[t], 1)


@buggy("race-global", 1, 64, zeros(64), zeros(4))
def lost_updates_in_one_block(x, y):
    """Read, add, write without an atomic."""
    t = cuda.threadIdx.x
    y[x[t]] += 1  # FAULT


@buggy("race-global", 8, 1, zeros(1))
def lost_updates_of_blocks(y):
    """The same between blocks."""
    y[0] += 1  # FAULT


@buggy("race-shared", 1, 64, zeros(1))
def lost_updates_in_shared_memory(y):
    """The first threads of two warps add to one number."""
    total = cuda.shared.array(1, int32)
    t = cuda.threadIdx.x
    if t == 0:
        total[0] = 0
    cuda.syncthreads()
    if t % 32 == 0:
        total[0] += t + 1  # FAULT
    cuda.syncthreads()
    if t == 0:
        y[0] = total[0]


@correct(4, 64, spread(256, 16), zeros(16), result=lambda: np.full(16, 16))
def private_bins(x, y):
    """A histogram for each block, then one atomic for each of its bins."""
    bins = cuda.shared.array(16, int32)
    t = cuda.threadIdx.x
    if t < 16:
        bins[t] = 0
    cuda.syncthreads()
    cuda.atomic.add(bins, x[cuda.grid(1)], 1)
    cuda.syncthreads()
    if t < 16:
        cuda.atomic.add(y, t, bins[t])


@correct(4, 64, ramp(256), lambda: np.full(4, 50, np.float32), result=lambda: [255, 0, 50 - 32640, 50 + 32640])
def float_atomics(x, y):
    """Maximum, minimum and difference are loops of compare-and-swap in Numba."""
    i = cuda.grid(1)
    cuda.atomic.max(y, 0, x[i])
    cuda.atomic.min(y, 1, x[i])
    cuda.atomic.sub(y, 2, x[i])
    cuda.atomic.add(y, 3, x[i])


@correct(4, 64, ramp(256, np.float64), lambda: np.full(3, 50, np.float64), result=lambda: [255, 0, 50 + 32640])
def double_atomics(x, y):
    """The same in float64."""
    i = cuda.grid(1)
    cuda.atomic.max(y, 0, x[i])
    cuda.atomic.nanmin(y, 1, x[i])
    cuda.atomic.add(y, 2, x[i])


@correct(4, 64, ramp(256, np.uint32), lambda: np.array([0, 255, 0, 255, 0, 0], np.uint32),
         result=lambda: [255, 0, 255, 0, 0, 252])  # fmt: skip
def integer_atomics(x, y):
    """Bits, exchange, increments that wrap around."""
    i = cuda.grid(1)
    cuda.atomic.max(y, 0, x[i])
    cuda.atomic.min(y, 1, x[i])
    cuda.atomic.or_(y, 2, x[i])
    cuda.atomic.and_(y, 3, x[i])
    cuda.atomic.xor(y, 4, x[i])
    cuda.atomic.inc(y, 5, 1000)
    if i < 4:
        cuda.atomic.dec(y, 5, 1000)


@correct(1, 128, ramp(128), zeros(1, np.float32), result=lambda: [127])
def shared_float_maximum(x, y):
    """The same loop in shared memory."""
    largest = cuda.shared.array(1, float32)
    t = cuda.threadIdx.x
    if t == 0:
        largest[0] = 0
    cuda.syncthreads()
    cuda.atomic.max(largest, 0, x[t])
    cuda.syncthreads()
    if t == 0:
        y[0] = largest[0]
