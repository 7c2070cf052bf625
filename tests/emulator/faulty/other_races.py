"""Races within a warp, and between the blocks of a launch."""

from numba import cuda, float32, uint32

from tests.emulator.faulty.entries import case, correct, floats


@case("race-warp", 1, 32, floats(32))
def warp_exchange_without_a_sync(x):
    """Reads a neighbor's value, assuming lockstep execution."""
    tile = cuda.shared.array(32, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    x[i] = tile[uint32(i ^ uint32(1))]  # FAULT


@correct(1, 32, floats(32))
def warp_exchange(x):
    """Reads a neighbor's value after syncwarp."""
    tile = cuda.shared.array(32, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    cuda.syncwarp()
    x[i] = tile[uint32(i ^ uint32(1))]


@case("race-warp", 1, 32, floats(32))
def overwritten_before_the_neighbor_has_read(x):
    """Write after read in one warp."""
    tile = cuda.shared.array(32, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    cuda.syncwarp()
    y = tile[uint32(i ^ uint32(1))]
    tile[i] = y * float32(2)  # FAULT
    cuda.syncwarp()
    x[i] = tile[i]


@correct(1, 32, floats(32))
def overwritten_after_the_neighbor_has_read(x):
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
    """Which lane's value remains is undefined."""
    tile = cuda.shared.array(1, float32)
    i = uint32(cuda.threadIdx.x)
    tile[0] = x[i]  # FAULT
    cuda.syncwarp()
    x[i] = tile[0]


@correct(1, 32, floats(32))
def lanes_write_one_value_to_one_element(x):
    """All lanes write the same."""
    tile = cuda.shared.array(1, float32)
    i = uint32(cuda.threadIdx.x)
    tile[0] = x[3]
    cuda.syncwarp()
    x[uint32(i + uint32(0))] = tile[0]


@case("race-warp", 1, 32, floats(32))
def threads_write_different_values_to_one_global_element(x):
    """Different values to one element of global memory."""
    i = uint32(cuda.threadIdx.x)
    x[0] = float32(i)  # FAULT


@case("race-global", 4, 32, floats(64))
def overlapping_blocks(y):
    """Blocks of 32 threads at a stride of 16 elements."""
    i = uint32(uint32(cuda.blockIdx.x) * uint32(16) + uint32(cuda.threadIdx.x))
    if i < y.size:
        y[i] = float32(cuda.blockIdx.x)  # FAULT


@correct(4, 32, floats(64))
def overlapping_blocks_that_store_one_value(y):
    """It does not matter which block comes last."""
    i = uint32(uint32(cuda.blockIdx.x) * uint32(16) + uint32(cuda.threadIdx.x))
    if i < y.size:
        y[i] = float32(1)


@correct(4, 16, floats(64))
def blocks_side_by_side(y):
    """Blocks of 16 threads at a stride of 16 elements."""
    i = uint32(uint32(cuda.blockIdx.x) * uint32(16) + uint32(cuda.threadIdx.x))
    if i < y.size:
        y[i] = float32(1)


@case("race-global", 4, 32, floats(128))
def reads_what_the_next_block_writes(x):
    """A stencil that updates its input."""
    i = uint32(cuda.grid(1))
    if i + uint32(1) < x.size:
        x[i] = x[uint32(i + uint32(1))]  # FAULT


@correct(4, 32, floats(128), floats(128))
def stencil(x, y):
    """A stencil from one array to another."""
    i = uint32(cuda.grid(1))
    if i + uint32(1) < x.size:
        y[i] = x[uint32(i + uint32(1))]


@case("race-global", 8, 1, floats(8), floats(1))
def sum_of_blocks_without_atomics(x, total):
    """Non-atomic read-modify-write by several blocks."""
    total[0] += x[uint32(cuda.blockIdx.x)]  # FAULT


@correct(8, 1, floats(8), floats(1))
def sum_of_blocks_with_atomics(x, total):
    """Atomic read-modify-write."""
    cuda.atomic.add(total, 0, x[uint32(cuda.blockIdx.x)])
