"""Races in shared memory between warps."""

from numba import cuda, float32, int32, uint32

from tests.emulator.faulty.entries import case, correct, floats, integers


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


@correct(1, 64, floats(64))
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
    """A warp-synchronous tail that starts one step too early."""
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


@correct(1, 128, floats(128))
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


@correct(1, 256, floats(256), integers(8))
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
