"""Values published through flags, counters and queues: fences, and polls that follow them."""

import numpy as np
from numba import cuda, float32, int32

from tests.emulator.catalog.entries import buggy, correct, ramp, zeros


@correct(8, 64, ramp(512), zeros(8, np.float32), zeros(1), zeros(1, np.float32), result=lambda: [511 * 256])
def last_block_reduction(x, partial, ticket, y):
    """The block that finishes last adds up what the others have published."""
    tile = cuda.shared.array(64, float32)
    last = cuda.shared.array(1, int32)
    t = cuda.threadIdx.x
    tile[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    if t == 0:
        total = float32(0)
        for k in range(64):
            total += tile[k]
        partial[cuda.blockIdx.x] = total
        cuda.threadfence()
        last[0] = cuda.atomic.add(ticket, 0, 1) == cuda.gridDim.x - 1
    cuda.syncthreads()
    if last[0] and t < 8:
        cuda.atomic.add(y, 0, partial[t])
    if last[0] and t == 0:
        ticket[0] = 0


@buggy("race-global", 8, 64, ramp(512), zeros(8, np.float32), zeros(1), zeros(1, np.float32))
def last_block_reduction_without_a_fence(x, partial, ticket, y):
    """The counter may be seen before the sum."""
    t = cuda.threadIdx.x
    if t == 0:
        partial[cuda.blockIdx.x] = x[cuda.grid(1)]  # FAULT: one of the two
        if cuda.atomic.add(ticket, 0, 1) == cuda.gridDim.x - 1:
            total = float32(0)
            for k in range(8):
                total += partial[k]  # FAULT
            y[0] = total


@buggy("race-global", 8, 64, ramp(512), zeros(8, np.float32), zeros(1), zeros(1, np.float32))
def last_block_reduction_with_a_fence_too_early(x, partial, ticket, y):
    """The fence comes before what it should publish."""
    t = cuda.threadIdx.x
    if t == 0:
        cuda.threadfence()
        partial[cuda.blockIdx.x] = x[cuda.grid(1)]  # FAULT: one of the two
        if cuda.atomic.add(ticket, 0, 1) == cuda.gridDim.x - 1:
            total = float32(0)
            for k in range(8):
                total += partial[k]  # FAULT
            y[0] = total


@buggy("race-global", 8, 64, ramp(512), zeros(8, np.float32), zeros(1), zeros(1, np.float32))
def last_block_reduction_with_a_fence_of_the_block(x, partial, ticket, y):
    """A fence of the block publishes nothing to other blocks."""
    t = cuda.threadIdx.x
    if t == 0:
        partial[cuda.blockIdx.x] = x[cuda.grid(1)]  # FAULT: one of the two
        cuda.threadfence_block()
        if cuda.atomic.add(ticket, 0, 1) == cuda.gridDim.x - 1:
            total = float32(0)
            for k in range(8):
                total += partial[k]  # FAULT
            y[0] = total


@buggy("race-global", 4, 64, ramp(256), zeros(256, np.float32), zeros(1), zeros(1, np.float32))
def published_by_one_thread_for_all(x, partial, ticket, y):
    """Thread 0 publishes what the other threads may not have stored yet."""
    t = cuda.threadIdx.x
    partial[cuda.grid(1)] = x[cuda.grid(1)]  # FAULT: one of the two
    if t == 0:
        cuda.threadfence()
        if cuda.atomic.add(ticket, 0, 1) == cuda.gridDim.x - 1:
            total = float32(0)
            for k in range(256):
                total += partial[k]  # FAULT
            y[0] = total


@correct(4, 64, ramp(256), zeros(256, np.float32), zeros(1), zeros(1, np.float32), result=lambda: [255 * 128])
def published_by_one_thread_after_a_barrier(x, partial, ticket, y):
    """After the barrier thread 0 can publish for all."""
    partial[cuda.grid(1)] = x[cuda.grid(1)]
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cuda.threadfence()
        if cuda.atomic.add(ticket, 0, 1) == cuda.gridDim.x - 1:
            total = float32(0)
            for k in range(256):
                total += partial[k]
            y[0] = total


@correct(4, 64, ramp(256), zeros(256, np.float32), zeros(1), zeros(1, np.float32), result=lambda: [255 * 128])
def published_by_each_thread(x, partial, ticket, y):
    """Each thread has a fence of its own, then the barrier."""
    partial[cuda.grid(1)] = x[cuda.grid(1)]
    cuda.threadfence()
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        if cuda.atomic.add(ticket, 0, 1) == cuda.gridDim.x - 1:
            total = float32(0)
            for k in range(256):
                total += partial[k]
            y[0] = total


@correct(1, 64, zeros(1), zeros(1, np.float32), zeros(1, np.float32), result=lambda: [42])
def message_between_warps(flag, box, y):
    """Warp 1 polls a flag that warp 0 sets."""
    t = cuda.threadIdx.x
    if t == 32:
        while cuda.atomic.add(flag, 0, 0) == 0:
            pass
        cuda.threadfence_block()
        y[0] = box[0]
    if t == 0:
        box[0] = 42
        cuda.threadfence_block()
        cuda.atomic.exch(flag, 0, 1)


@buggy("race-global", 1, 64, zeros(1), zeros(1, np.float32), zeros(1, np.float32))
def message_without_a_fence(flag, box, y):
    """The flag may be seen before the message."""
    t = cuda.threadIdx.x
    if t == 32:
        while cuda.atomic.add(flag, 0, 0) == 0:
            pass
        y[0] = box[0]  # FAULT
    if t == 0:
        box[0] = 42
        cuda.atomic.exch(flag, 0, 1)


@correct(1, 64, zeros(1, np.float32), result=lambda: [7])
def message_in_shared_memory(y):
    """The same with flag and message in shared memory."""
    flag = cuda.shared.array(1, int32)
    box = cuda.shared.array(1, float32)
    t = cuda.threadIdx.x
    if t == 0:
        flag[0] = 0
    cuda.syncthreads()
    if t == 0:
        box[0] = 7
        cuda.threadfence_block()
        cuda.atomic.exch(flag, 0, 1)
    if t == 32:
        while cuda.atomic.add(flag, 0, 0) == 0:
            pass
        y[0] = box[0]


@buggy("hang", 1, 64, zeros(1), seeds=(0, 1))
def flag_that_nobody_sets(flag):
    """A poll without end."""
    t = cuda.threadIdx.x
    if t == 32:
        while cuda.atomic.add(flag, 0, 0) == 0:  # FAULT: one of the two
            pass  # FAULT


@buggy("hang", 2, 32, zeros(1), seeds=(0,))
def grid_barrier_without_a_cooperative_launch(count):
    """Nothing promises that block 1 runs while block 0 waits for it."""
    if cuda.threadIdx.x == 0:
        cuda.atomic.add(count, 0, 1)
        while cuda.atomic.add(count, 0, 0) < 2:  # FAULT: one of the two
            pass  # FAULT


@correct(4, 32, zeros(1), zeros(4, np.float32), zeros(4, np.float32), result=lambda: [1, 2, 3, 0], cooperative=True)
def grid_barrier(count, x, y):
    """In a cooperative launch all blocks run together."""
    b = cuda.blockIdx.x
    if cuda.threadIdx.x == 0:
        x[b] = b
        cuda.threadfence()
        cuda.atomic.add(count, 0, 1)
        while cuda.atomic.add(count, 0, 0) < 4:
            pass
        cuda.threadfence()
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        y[b] = x[(b + 1) % 4]


@correct(1, 64, zeros(8), zeros(2), zeros(1), result=lambda: [sum(range(40))])
def ring_buffer(ring, heads, y):
    """A producer and a consumer, and a ring of 8 places."""
    t = cuda.threadIdx.x
    if t == 0:
        for k in range(40):
            while k - cuda.atomic.add(heads, 1, 0) >= 8:
                pass
            ring[k % 8] = k
            cuda.threadfence()
            cuda.atomic.add(heads, 0, 1)
    if t == 32:
        total = 0
        for k in range(40):
            while cuda.atomic.add(heads, 0, 0) <= k:
                pass
            total += ring[k % 8]
            cuda.threadfence()
            cuda.atomic.add(heads, 1, 1)
        y[0] = total


@buggy("race-global", 1, 64, zeros(8), zeros(2), zeros(1), seeds=(1, 2, 3))
def ring_buffer_that_overtakes(ring, heads, y):
    """The producer does not wait for free places."""
    t = cuda.threadIdx.x
    if t == 0:
        for k in range(1000):
            ring[k % 8] = k  # FAULT: one of the two
            cuda.threadfence()
            cuda.atomic.add(heads, 0, 1)
    if t == 32:
        total = 0
        for k in range(1000):
            while cuda.atomic.add(heads, 0, 0) <= k:
                pass
            total += ring[k % 8]  # FAULT
        y[0] = total


@buggy("race-global", 2, 32, zeros(1), zeros(1, np.float32), zeros(1, np.float32))
def message_by_a_plain_flag(flag, box, y):
    """The compiler loads the flag once: block 0 hangs if it comes first."""
    if cuda.threadIdx.x == 0:
        if cuda.blockIdx.x == 0:
            while flag[0] == 0:  # FAULT: one of the two
                pass
            y[0] = box[0]
        else:
            box[0] = 42
            flag[0] = 1  # FAULT
