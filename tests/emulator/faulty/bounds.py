"""Accesses out of bounds, and reads of uninitialized memory."""

from numba import cuda, float32, int32, uint32

from tests.emulator.faulty.entries import case, correct, floats, integers, unwritten


@case("out-of-bounds", 2, 64, floats(100), floats(128))
def guard_missing(x, y):
    """No guard for the last block."""
    i = uint32(cuda.grid(1))
    y[i] = x[i]  # FAULT


@correct(2, 64, floats(100), floats(100))
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
    """Every second element, of an array that is too short."""
    i = uint32(cuda.threadIdx.x)
    y[i] = x[uint32(uint32(2) * i)]  # FAULT


@correct(1, 32, floats(64), floats(32))
def stride(x, y):
    """Every second element."""
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


@correct(1, 64, floats(64))
def shared_array(x):
    """A reversal through shared memory."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    tile[i] = x[i]
    cuda.syncthreads()
    x[i] = tile[uint32(uint32(63) - i)]


@case("out-of-bounds", 1, 32, floats(32))
def into_the_neighboring_shared_array(x):
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
    """Eight elements and a run-time index of nine."""
    row = cuda.local.array(8, float32)
    i = uint32(cuda.threadIdx.x)
    for k in range(8):
        row[k] = x[i]
    row[where[i] + int32(9)] = float32(1)  # FAULT
    x[i] = row[where[i]]


@correct(1, 32, floats(32), integers(32))
def local_array(x, where):
    """A run-time index within bounds."""
    row = cuda.local.array(8, float32)
    i = uint32(cuda.threadIdx.x)
    for k in range(8):
        row[k] = x[i]
    row[where[i] + int32(7)] = float32(1)
    x[i] = row[where[i]]


@case("uninitialized", 1, 64, floats(64))
def shared_memory_read_before_written(x):
    """Half of the array is never filled."""
    tile = cuda.shared.array(64, float32)
    i = uint32(cuda.threadIdx.x)
    if i < uint32(32):
        tile[i] = x[i]
    cuda.syncthreads()
    x[i] = tile[uint32(uint32(63) - i)]  # FAULT


@case("uninitialized", 1, 32, unwritten(32), floats(32))
def global_memory_read_before_written(x, y):
    """An accumulator that was never initialized."""
    i = uint32(cuda.threadIdx.x)
    x[i] += y[i]  # FAULT


@correct(1, 32, unwritten(32), floats(32))
def global_memory_written_first(x, y):
    """An accumulator that starts at zero."""
    i = uint32(cuda.threadIdx.x)
    x[i] = float32(0)
    x[i] += y[i]
