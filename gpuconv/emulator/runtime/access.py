"""Memory access of one lane: translate the address, check bounds and alignment, detect races.

The race detector is FastTrack (Flanagan and Freund, 2009) with one clock per warp. For every granule of shared memory
(the smallest access of the kernel) a shadow holds the last writer and two readers since, each a stamp of thread and
clock. `seen[v][w]` is the vector clock of warp v: the latest time of warp w that it has synchronized with; barriers
join the clocks. An access is ordered after an earlier one by the same thread, or by a stamp not newer than the clock.
"""

from numba import boolean, int64, njit, types

from . import state as s
from .raw import exchange_32, lazily, read_i32, read_i64, read_u8, write_i64, write_u8

OUT_OF_BOUNDS, MISALIGNED, WRITE_TO_CONSTANT, UNINITIALIZED = 1, 2, 3, 4
RACE_SHARED, RACE_WARP, RACE_GLOBAL, RACE_ASYNC = 5, 6, 7, 8
BARRIER_DIVERGENCE, WARP_DIVERGENCE, TRAP, HANG, LIMIT = 9, 10, 11, 12, 13

MANY = 2**31 - 1
SEVERAL_LANES = 32
_ATOMIC_BIT, _PENDING_BIT = 1, 2


shared_access = types.ExternalFunction("emulator.access.shared", int64(*[int64] * 7, boolean))
local_access = types.ExternalFunction("emulator.access.local", int64(*[int64] * 6))
global_access = types.ExternalFunction("emulator.access.global", int64(*[int64] * 7))
"""The functions at the end of this file, linked by name so that each is compiled once instead of into every caller."""


@njit(inline="always")
def get(record, slot):
    """Read a slot of a core, a warp or a table row."""
    return read_i64(record + 8 * slot)


@njit(inline="always")
def put(record, slot, value):
    """Write a slot of a core, a warp or a table row."""
    write_i64(record + 8 * slot, value)


@njit
def fault(core, warp, lane, kind, site, address, size, other):
    """Record the first fault of a block; returns 0, the null host address."""
    if get(core, s.ERROR) == 0:
        put(core, s.ERROR, kind)
        put(core, s.ERROR_SITE, site)
        put(core, s.ERROR_THREAD, get(warp, s.INDEX) * s.LANES + lane)
        put(core, s.ERROR_ADDRESS, address)
        put(core, s.ERROR_BYTES, size)
        put(core, s.ERROR_OTHER, other)
    return 0


@njit(inline="always")
def seen(core, warp, other):
    """Address of entry `other` in the vector clock of warp `warp`."""
    return get(core, s.SEEN) + 8 * (s.LANES * warp + other)


@njit(inline="always")
def _stamp(time, warp, lane, bits):
    return (time << 16) | (warp << 8) | (lane << 2) | bits


@njit(inline="always")
def _ordered(core, me, lane, stamp):
    """Whether the access of a stamp happened before the current access of lane `lane` of warp `me`."""
    other = (stamp >> 8) & 255
    if other == me and (stamp >> 2) & 63 == lane:
        return True
    return stamp >> 16 <= read_i64(seen(core, me, other))


@njit
def _race(core, warp, lane, site, address, size, stamp):
    other = (stamp >> 8) & 255
    kind = RACE_WARP if other == get(warp, s.INDEX) else RACE_SHARED
    return fault(core, warp, lane, kind, site, address, size, other * s.LANES + min((stamp >> 2) & 63, 31))


@njit
def _note_reader(core, me, lane, time, granule):
    """Record a reader: the shadow keeps the latest readers of two unordered warps."""
    for slot in (s.READS, s.OTHER_READS):
        entry = get(core, slot) + 8 * granule
        stamp = read_i64(entry)
        if stamp == 0 or _ordered(core, me, lane, stamp):
            write_i64(entry, _stamp(time, me, lane, 0))
            return
        if (stamp >> 8) & 255 == me:
            write_i64(entry, _stamp(time, me, SEVERAL_LANES, 0))
            return


@njit
def check_shared(core, warp, lane, offset, address, size, site, kind, pending):
    """Check an access to shared memory for races and uninitialized reads, and record it in the shadow."""
    me, time = get(warp, s.INDEX), get(warp, s.TIME)
    shift = get(core, s.SHARED_GRANULE)
    for granule in range(offset >> shift, ((offset + size - 1) >> shift) + 1):
        writer_entry = get(core, s.WRITES) + 8 * granule
        stamp = read_i64(writer_entry)
        # read of unfinished or missing data
        if stamp & _PENDING_BIT:
            fault(
                core, warp, lane, RACE_ASYNC, site, address, size, ((stamp >> 8) & 255) * s.LANES + ((stamp >> 2) & 63)
            )
            return False
        if kind != s.WRITE and stamp == 0:
            fault(core, warp, lane, UNINITIALIZED, site, address, size, -1)
            return False
        # unordered with the last write
        both_atomic = kind == s.ATOMIC and stamp & _ATOMIC_BIT
        same_store = kind == s.WRITE and stamp >> 8 == (time << 8) | me  # memory.py compares the values of its lanes
        if stamp and not both_atomic and not same_store and not _ordered(core, me, lane, stamp):
            _race(core, warp, lane, site, address, size, stamp)
            return False
        if kind == s.READ:
            _note_reader(core, me, lane, time, granule)
            continue
        # a write: unordered with an earlier read
        for slot in (s.READS, s.OTHER_READS):
            reader = read_i64(get(core, slot) + 8 * granule)
            if reader and not _ordered(core, me, lane, reader):
                _race(core, warp, lane, site, address, size, reader)
                return False
        bits = (_ATOMIC_BIT if kind == s.ATOMIC else 0) | (_PENDING_BIT if pending else 0)
        write_i64(writer_entry, _stamp(time, me, lane, bits))
    return True


@njit
def land_shared(core, warp, lane, offset, size):
    """Record the completion of a cp.async: it now counts as a write by its thread."""
    shift = get(core, s.SHARED_GRANULE)
    for granule in range(offset >> shift, ((offset + size - 1) >> shift) + 1):
        stamp = _stamp(get(warp, s.TIME), get(warp, s.INDEX), lane, 0)
        write_i64(get(core, s.WRITES) + 8 * granule, stamp)


@lazily(int64(*[int64] * 7, boolean))
def _shared_access(core, warp, lane, address, size, site, kind, pending):
    """Host address of shared memory, 0 after a fault."""
    address &= 0xFFFFFFFF
    if address & (size - 1):
        return fault(core, warp, lane, MISALIGNED, site, address, size, -1)
    variable, offset = address >> s.SHARED_SHIFT, address & s.SHARED_MASK
    if variable >= get(core, s.SHARED_COUNT):
        return fault(core, warp, lane, OUT_OF_BOUNDS, site, address, size, -1)
    row = get(core, s.SHARED_TABLE) + 16 * variable
    if offset < get(row, 0) or offset + size > get(row, 1):
        return fault(core, warp, lane, OUT_OF_BOUNDS, site, address, size, -1)
    if get(core, s.CHECK) and not check_shared(core, warp, lane, offset, address, size, site, kind, pending):
        return 0
    return get(core, s.SHARED) + offset


@lazily(int64(*[int64] * 6))
def _local_access(core, warp, lane, address, size, site):
    """Host address of a thread's local memory, 0 after a fault."""
    address &= 0xFFFFFFFF
    if address & (size - 1):
        return fault(core, warp, lane, MISALIGNED, site, address, size, -1)
    bytes_ = get(core, s.LOCAL_BYTES)
    if address + size > bytes_:
        return fault(core, warp, lane, OUT_OF_BOUNDS, site, address, size, -1)
    return get(core, s.LOCAL) + (get(warp, s.INDEX) * s.LANES + lane) * bytes_ + address


@njit
def check_global(core, warp, lane, row, offset, address, size, site, kind):
    """Check an access to global memory for uninitialized reads and for races between blocks, and record it."""
    # initialized bytes
    initialized = get(row, s.REGION_INIT)
    if initialized:
        for i in range(offset, offset + size):
            if kind == s.READ and not read_u8(initialized + i):
                fault(core, warp, lane, UNINITIALIZED, site, address, size, -1)
                return False
            if kind != s.READ:
                write_u8(initialized + i, 1)
    # one writing block, or readers alone; atomics are entered with a negative block
    writes, reads = get(row, s.REGION_WRITES), get(row, s.REGION_READS)
    if writes == 0:
        return True
    me, shift = get(core, s.BLOCK_ID), get(core, s.GLOBAL_GRANULE)
    for granule in range(offset >> shift, ((offset + size - 1) >> shift) + 1):
        writer_entry, reader_entry = writes + 4 * granule, reads + 4 * granule
        if kind == s.READ:
            reader = read_i32(reader_entry)
            if reader not in (me, MANY):
                exchange_32(reader_entry, me if reader == 0 else MANY)
            writer = read_i32(writer_entry)
        else:
            stamp = -me if kind == s.ATOMIC else me
            writer = read_i32(writer_entry)
            if writer != stamp:
                writer = exchange_32(writer_entry, stamp if kind == s.WRITE or writer in (0, stamp) else -MANY)
            reader = read_i32(reader_entry)
            if reader not in (0, me):
                fault(core, warp, lane, RACE_GLOBAL, site, address, size, reader)
                return False
        if writer not in (0, me, -me) and not (kind == s.ATOMIC and writer < 0):
            fault(core, warp, lane, RACE_GLOBAL, site, address, size, abs(writer))
            return False
    return True


@lazily(int64(*[int64] * 7))
def _global_access(core, warp, lane, address, size, site, kind):
    """Host address of a global, constant or generic address, 0 after a fault."""
    region = address >> s.SPACE_SHIFT
    if region == s.SHARED_WINDOW:
        return shared_access(core, warp, lane, address, size, site, kind, False)
    if region == s.LOCAL_WINDOW:
        return local_access(core, warp, lane, address, size, site)
    if region < s.FIRST_REGION or region >= get(core, s.REGION_COUNT):
        return fault(core, warp, lane, OUT_OF_BOUNDS, site, address, size, -1)
    row = get(core, s.REGIONS) + 8 * s.REGION_SLOTS * region
    low = get(row, s.REGION_LOW)
    if address < low or address + size > get(row, s.REGION_HIGH):
        return fault(core, warp, lane, OUT_OF_BOUNDS, site, address, size, -1)
    if address & (size - 1):
        return fault(core, warp, lane, MISALIGNED, site, address, size, -1)
    if kind != s.READ and get(row, s.REGION_FLAGS) & s.READ_ONLY:
        return fault(core, warp, lane, WRITE_TO_CONSTANT, site, address, size, -1)
    offset = address - low
    if get(core, s.CHECK) and not check_global(core, warp, lane, row, offset, address, size, site, kind):
        return 0
    return get(row, s.REGION_HOST) + offset


LINKED = {
    shared_access.symbol: _shared_access,
    local_access.symbol: _local_access,
    global_access.symbol: _global_access,
}
"""Functions that the rest of the runtime links by name; the last one calls the others."""
