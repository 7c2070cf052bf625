"""Kernels with a planted fault each, on the line with the mark `# FAULT`, and the same kernels done right.

`case(kind, grid, block, *arguments)` enters a kernel in FAULTS, `right(...)` in RIGHT. Arguments are functions that
make them, so that each run has fresh arrays.
"""

import numpy as np
from numba import cuda, float32, int32, uint32

from gpuconv import emulator

FAULTS = {}
RIGHT = {}


def case(kind, grid, block, *arguments):
    """Enter a kernel whose fault is of a kind."""

    def enter(kernel):
        FAULTS[kernel.__name__] = (kind, kernel, grid, block, arguments)
        return kernel

    return enter


def right(grid, block, *arguments):
    """Enter a kernel that does nothing wrong."""

    def enter(kernel):
        RIGHT[kernel.__name__] = (kernel, grid, block, arguments)
        return kernel

    return enter


def floats(n):
    """An array of 0, 1, 2, ..."""
    return lambda: np.arange(n, dtype=np.float32)


def integers(n):
    """An array of int32 zeros."""
    return lambda: np.zeros(n, np.int32)


def unwritten(n):
    """Device memory that nothing has been written to."""
    return lambda: emulator.empty(n, np.float32)


# ---- bounds


@case("out-of-bounds", 2, 64, floats(100), floats(128))
def guard_missing(x, y):
    """No guard for the last block."""
    i = uint32(cuda.grid(1))
    y[i] = x[i]  # FAULT


@right(2, 64, floats(100), floats(100))
def guard(x, y):
    """Threads past the end do nothing."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        y[i] = x[i]


@case("out-of-bounds", 1, 32, floats(32))
def index_wraps_below_zero(x):
    """0 - 1 in uint32."""
    i = uint32(cuda.threadIdx.x)
    x[uint32(i - uint32(1))] = float32(0)  # FAULT


@case("out-of-bounds", 1, 32, floats(32), floats(32))
def stride_twice_too_long(x, y):
    """Every other element of an array that has not so many."""
    i = uint32(cuda.threadIdx.x)
    y[i] = x[uint32(uint32(2) * i)]  # FAULT


@right(1, 32, floats(64), floats(32))
def stride(x, y):
    """Every other element."""
    i = uint32(cuda.threadIdx.x)
    y[i] = x[uint32(uint32(2) * i)]


@case("out-of-bounds", 1, 64, floats(64))
def shared_array_too_small(x):
    """48 elements for 64 threads."""
    tile = cuda.shared.array(48, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]  # FAULT
    cuda.syncthreads()
    x[i] = tile[uint32(uint32(63) - i)]


@right(1, 64, floats(64))
def shared_array(x):
    """A reversal through shared memory."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    cuda.syncthreads()
    x[i] = tile[uint32(uint32(63) - i)]


@case("out-of-bounds", 1, 32, floats(32))
def into_the_neighbouring_shared_array(x):
    """The index runs from one array of shared memory into the next."""
    a = cuda.shared.array(32, float32)
    b = cuda.shared.array(32, float32)
    i = uint32(cuda.threadIdx.x)
    a[i] = x[i]
    b[i] = x[i]
    cuda.syncwarp()
    x[i] = a[uint32(i + uint32(1))] + b[i]  # FAULT


@case("out-of-bounds", 1, 32, floats(32), integers(32))
def local_array_too_small(x, where):
    """Eight elements, and an index of nine that only the launch knows."""
    row = cuda.local.array(8, float32)
    i = uint32(cuda.threadIdx.x)
    for k in range(8):
        row[k] = x[i]
    row[where[i] + int32(9)] = float32(1)  # FAULT
    x[i] = row[where[i]]


@right(1, 32, floats(32), integers(32))
def local_array(x, where):
    """An index that only the launch knows."""
    row = cuda.local.array(8, float32)
    i = uint32(cuda.threadIdx.x)
    for k in range(8):
        row[k] = x[i]
    row[where[i] + int32(7)] = float32(1)
    x[i] = row[where[i]]


# ---- memory never written


@case("uninitialised", 1, 64, floats(64))
def shared_memory_read_before_written(x):
    """Half of the array is never filled."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    if i < uint32(32):
        tile[i] = x[i]
    cuda.syncthreads()
    x[i] = tile[uint32(uint32(63) - i)]  # FAULT


@case("uninitialised", 1, 32, unwritten(32), floats(32))
def global_memory_read_before_written(x, y):
    """An accumulator that nobody cleared."""
    i = uint32(cuda.threadIdx.x)
    x[i] += y[i]  # FAULT


@right(1, 32, unwritten(32), floats(32))
def global_memory_written_first(x, y):
    """An accumulator that starts at zero."""
    i = uint32(cuda.threadIdx.x)
    x[i] = float32(0)
    x[i] += y[i]


# ---- races in shared memory between warps


@case("race-shared", 1, 64, floats(64))
def barrier_missing_before_the_read(x):
    """Read after write."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    tile[uint32(uint32(63) - i)] = x[i]  # FAULT: one of the two
    tile[i] = x[i]  # FAULT
    cuda.syncthreads()
    x[i] = tile[i]


@case("race-shared", 1, 64, floats(64))
def barrier_missing_before_the_next_tile(x):
    """Write after read: the loop fills the tile again while others still read."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    total = float32(0)
    for _ in range(2):
        tile[i] = x[i]  # FAULT: one of the two
        cuda.syncthreads()
        total += tile[uint32(uint32(63) - i)]  # FAULT
    x[i] = total


@right(1, 64, floats(64))
def two_barriers_a_tile(x):
    """The loop waits before it fills the tile again."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    total = float32(0)
    for _ in range(2):
        tile[i] = x[i]
        cuda.syncthreads()
        total += tile[uint32(uint32(63) - i)]
        cuda.syncthreads()
    x[i] = total


@case("race-shared", 1, 64, floats(64))
def two_warps_write_one_element(x):
    """Write after write."""
    tile = cuda.shared.array(32, float32)
    i = uint32(cuda.threadIdx.x)
    tile[uint32(i & uint32(31))] = x[i]  # FAULT
    cuda.syncthreads()
    x[i] = tile[uint32(i & uint32(31))]


@case("race-shared", 1, 128, floats(128))
def reduction_without_its_last_barriers(x):
    """The classic warp-synchronous tail, begun one step too early."""
    tile = cuda.shared.array(128, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    cuda.syncthreads()
    if i < uint32(64):
        tile[i] += tile[uint32(i + uint32(64))]  # FAULT: one of the two
    if i < uint32(32):
        tile[i] += tile[uint32(i + uint32(32))]  # FAULT
    cuda.syncthreads()
    if i == 0:
        x[0] = tile[0]


@right(1, 128, floats(128))
def reduction(x):
    """A tree with a barrier for each step."""
    tile = cuda.shared.array(128, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    cuda.syncthreads()
    half = uint32(64)
    while half:
        if i < half:
            tile[i] += tile[uint32(i + half)]
        cuda.syncthreads()
        half = uint32(half // uint32(2))
    if i == 0:
        x[0] = tile[0]


@right(1, 256, floats(256), integers(8))
def shared_histogram(x, bins):
    """Atomics on shared memory are no race."""
    counts = cuda.shared.array(8, int32)
    i = uint32(cuda.threadIdx.x)
    if i < uint32(8):
        counts[i] = int32(0)
    cuda.syncthreads()
    cuda.atomic.add(counts, uint32(int32(x[i])) & uint32(7), int32(1))
    cuda.syncthreads()
    if i < uint32(8):
        bins[i] = counts[i]


@case("race-shared", 1, 64, floats(64), integers(1))
def atomic_and_plain_access(x, total):
    """One thread clears the counter while others already add to it."""
    count = cuda.shared.array(1, int32)
    i = uint32(cuda.threadIdx.x)
    if i == uint32(0):
        count[0] = int32(0)
    if x[i] >= float32(32):
        cuda.atomic.add(count, 0, int32(1))  # FAULT
    cuda.syncthreads()
    if i == uint32(0):
        total[0] = count[0]


# ---- races within a warp


@case("race-warp", 1, 32, floats(32))
def warp_exchange_without_a_sync(x):
    """A neighbour's value, hoping that the warp runs in step."""
    tile = cuda.shared.array(32, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    x[i] = tile[uint32(i ^ uint32(1))]  # FAULT


@right(1, 32, floats(32))
def warp_exchange(x):
    """A neighbour's value after syncwarp."""
    tile = cuda.shared.array(32, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    cuda.syncwarp()
    x[i] = tile[uint32(i ^ uint32(1))]


@case("race-warp", 1, 32, floats(32))
def overwritten_before_the_neighbour_has_read(x):
    """Write after read in one warp."""
    tile = cuda.shared.array(32, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    cuda.syncwarp()
    y = tile[uint32(i ^ uint32(1))]
    tile[i] = y * float32(2)  # FAULT
    cuda.syncwarp()
    x[i] = tile[i]


@right(1, 32, floats(32))
def overwritten_after_the_neighbour_has_read(x):
    """The same with a sync between read and write."""
    tile = cuda.shared.array(32, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    cuda.syncwarp()
    y = tile[uint32(i ^ uint32(1))]
    cuda.syncwarp()
    tile[i] = y * float32(2)
    cuda.syncwarp()
    x[i] = tile[i]


@case("race-warp", 1, 32, floats(32))
def lanes_write_different_values_to_one_element(x):
    """Which lane wins is nobody's promise."""
    tile = cuda.shared.array(1, float32)
    i = uint32(cuda.threadIdx.x)
    tile[0] = x[i]  # FAULT
    cuda.syncwarp()
    x[i] = tile[0]


@right(1, 32, floats(32))
def lanes_write_one_value_to_one_element(x):
    """All lanes write the same."""
    tile = cuda.shared.array(1, float32)
    i = uint32(cuda.threadIdx.x)
    tile[0] = x[3]
    cuda.syncwarp()
    x[uint32(i + uint32(0))] = tile[0]


@case("race-warp", 1, 32, floats(32))
def threads_write_different_values_to_one_global_element(x):
    """A sum that forgets all but one."""
    i = uint32(cuda.threadIdx.x)
    x[0] = float32(i)  # FAULT


# ---- races between blocks


@case("race-global", 4, 32, floats(64))
def overlapping_blocks(y):
    """Blocks of 32 threads that lie 16 apart."""
    i = uint32(uint32(cuda.blockIdx.x) * uint32(16) + uint32(cuda.threadIdx.x))
    if i < y.size:
        y[i] = float32(1)  # FAULT


@right(4, 16, floats(64))
def blocks_side_by_side(y):
    """Blocks of 16 threads that lie 16 apart."""
    i = uint32(uint32(cuda.blockIdx.x) * uint32(16) + uint32(cuda.threadIdx.x))
    if i < y.size:
        y[i] = float32(1)


@case("race-global", 4, 32, floats(128))
def reads_what_the_next_block_writes(x):
    """A stencil in place."""
    i = uint32(cuda.grid(1))
    if i + uint32(1) < x.size:
        x[i] = x[uint32(i + uint32(1))]  # FAULT


@right(4, 32, floats(128), floats(128))
def stencil(x, y):
    """A stencil from one array to another."""
    i = uint32(cuda.grid(1))
    if i + uint32(1) < x.size:
        y[i] = x[uint32(i + uint32(1))]


@case("race-global", 8, 1, floats(8), floats(1))
def sum_of_blocks_without_atomics(x, total):
    """Read, add, write: between blocks."""
    total[0] += x[uint32(cuda.blockIdx.x)]  # FAULT


@right(8, 1, floats(8), floats(1))
def sum_of_blocks_with_atomics(x, total):
    """The same in one step."""
    cuda.atomic.add(total, 0, x[uint32(cuda.blockIdx.x)])


# ---- barriers and warps that part


@case("barrier-divergence", 1, 32, floats(32))
def barrier_for_half_a_warp(x):
    """Half of the warp never comes."""
    i = uint32(cuda.threadIdx.x)
    if i < uint32(16):
        x[i] = float32(0)
        cuda.syncthreads()  # FAULT
        x[uint32(i + uint32(16))] = x[i]


@case("barrier-divergence", 1, 64, floats(40))
def barrier_after_threads_have_left(x):
    """An early return in front of a barrier."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    if i >= x.size:
        return
    tile[i] = x[i]
    cuda.syncthreads()  # FAULT
    x[i] = tile[uint32(uint32(39) - i)]


@right(1, 64, floats(40))
def barrier_for_all(x):
    """The guard stands around the work, not around the barrier."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    if i < x.size:
        tile[i] = x[i]
    cuda.syncthreads()
    if i < x.size:
        x[i] = tile[uint32(uint32(39) - i)]


@case("barrier-divergence", 1, 64, floats(64))
def barrier_for_one_warp(x):
    """The second warp goes by."""
    i = uint32(cuda.threadIdx.x)
    if i < uint32(32):
        cuda.syncthreads()  # FAULT
    x[i] = float32(0)


@case("warp-divergence", 1, 32, floats(32))
def shuffle_in_a_branch(x):
    """All lanes are named, half of them are there."""
    i = uint32(cuda.threadIdx.x)
    if i < uint32(16):
        x[i] = cuda.shfl_down_sync(0xFFFFFFFF, x[i], 1)  # FAULT


@right(1, 32, floats(32))
def shuffle_of_half_a_warp(x):
    """The lanes that are there are those that are named."""
    i = uint32(cuda.threadIdx.x)
    if i < uint32(16):
        x[i] = cuda.shfl_down_sync(0xFFFF, x[i], 1)


@case("warp-divergence", 1, 32, floats(32))
def syncwarp_in_a_branch(x):
    """All lanes are named, one is there."""
    i = uint32(cuda.threadIdx.x)
    if i == uint32(5):
        cuda.syncwarp(0xFFFFFFFF)  # FAULT
        x[i] = float32(0)


@right(1, 32, floats(32))
def warp_sum(x):
    """A butterfly of shuffles."""
    i = uint32(cuda.threadIdx.x)
    total = x[i]
    step = 16
    while step:
        total += cuda.shfl_xor_sync(0xFFFFFFFF, total, step)
        step //= 2
    x[i] = total


@right(1, 32, floats(32))
def lanes_part_and_meet_again(x):
    """Branches and loops of different lengths, then an exchange of the whole warp."""
    i = int32(cuda.threadIdx.x)
    total = float32(0)
    for k in range(i):
        if k % 3 == 0:
            continue
        total += x[k]
    cuda.syncwarp()
    x[i] = total + float32(cuda.ballot_sync(0xFFFFFFFF, i & 1))


@case("hang", 1, 32, integers(1))
def waits_for_nobody(flag):
    """A flag that no block will ever set."""
    while cuda.atomic.add(flag, 0, 0) == 0:
        pass
