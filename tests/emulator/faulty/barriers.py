"""Barriers and warp exchanges that some of their threads never reach."""

from numba import cuda, float32, int32, uint32

from tests.emulator.faulty.entries import case, correct, floats, integers


@case("barrier-divergence", 1, 32, floats(32))
def barrier_for_half_a_warp(x):
    """Half of the warp never reaches the barrier."""
    i = uint32(cuda.threadIdx.x)
    if i < uint32(16):
        x[i] = float32(0)
        cuda.syncthreads()  # FAULT
        x[uint32(i + uint32(16))] = x[i]


@correct(1, 64, floats(40))
def barrier_after_threads_have_left(x):
    """An early return before a barrier, which waits for the threads that are left."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    if i >= x.size:
        return
    tile[i] = x[i]
    cuda.syncthreads()
    x[i] = tile[uint32(uint32(39) - i)]


@correct(1, 64, floats(40))
def barrier_for_all(x):
    """The guard encloses the work, not the barrier."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    if i < x.size:
        tile[i] = x[i]
    cuda.syncthreads()
    if i < x.size:
        x[i] = tile[uint32(uint32(39) - i)]


@case("barrier-divergence", 1, 64, floats(64))
def barrier_for_one_warp(x):
    """The second warp skips the barrier."""
    i = uint32(cuda.threadIdx.x)
    if i < uint32(32):
        cuda.syncthreads()  # FAULT
    x[i] = float32(0)


@case("warp-divergence", 1, 32, floats(32))
def shuffle_in_a_branch(x):
    """The mask names all lanes, half of them execute the shuffle."""
    i = uint32(cuda.threadIdx.x)
    if i < uint32(16):
        x[i] = cuda.shfl_down_sync(0xFFFFFFFF, x[i], 1)  # FAULT


@correct(1, 32, floats(32))
def shuffle_of_half_a_warp(x):
    """The mask names exactly the lanes that execute the shuffle; what the last one reads beyond them is not used."""
    i = uint32(cuda.threadIdx.x)
    if i < uint32(16):
        below = cuda.shfl_down_sync(0xFFFF, x[i], 1)
        if i < uint32(15):
            x[i] = below


@case("warp-divergence", 1, 32, floats(32))
def shuffle_from_beyond_half_a_warp(x):
    """The last lane stores what it read from one that does not execute the shuffle."""
    i = uint32(cuda.threadIdx.x)
    if i < uint32(16):
        x[i] = cuda.shfl_down_sync(0xFFFF, x[i], 1)  # FAULT


@case("warp-divergence", 1, 32, floats(32))
def syncwarp_in_a_branch(x):
    """The mask names all lanes, one executes the barrier."""
    i = uint32(cuda.threadIdx.x)
    if i == uint32(5):
        cuda.syncwarp(0xFFFFFFFF)  # FAULT
        x[i] = float32(0)


@correct(1, 32, floats(32))
def warp_sum(x):
    """A butterfly of shuffles."""
    i = uint32(cuda.threadIdx.x)
    total = x[i]
    step = 16
    while step:
        total += cuda.shfl_xor_sync(0xFFFFFFFF, total, step)
        step //= 2
    x[i] = total


@correct(1, 32, floats(32))
def lanes_diverge_and_reconverge(x):
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
