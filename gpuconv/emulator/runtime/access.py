"""Memory access of one lane: translate the address, check bounds and alignment, then races (races.py)."""

from numba import boolean, int64, njit, types

from . import state as s
from .core import MISALIGNED, OUT_OF_BOUNDS, UNINITIALIZED, WRITE_TO_CONSTANT, fault, get
from .races import check_access
from .raw import lazily, read_u8, write_i64, write_u8
from .stamps import stamp_of

shared_access = types.ExternalFunction("emulator.access.shared", int64(*[int64] * 7, boolean))
local_access = types.ExternalFunction("emulator.access.local", int64(*[int64] * 7))
global_access = types.ExternalFunction("emulator.access.global", int64(*[int64] * 7))
"""The functions at the end of this file, linked by name so that each is compiled once instead of into every caller."""


@njit
def land_shared(core, warp, lane, offset, size):
    """Record the completion of a cp.async: it now counts as a write by its thread."""
    shift = get(core, s.SHARED_GRANULE)
    for granule in range(offset >> shift, ((offset + size - 1) >> shift) + 1):
        stamp = stamp_of(get(warp, s.TIME), get(core, s.BLOCK_ID), get(warp, s.INDEX), lane, 0)
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
    host = get(core, s.SHARED) + offset
    if get(core, s.CHECK):
        shadows = get(core, s.WRITES), get(core, s.STRONG), get(core, s.READS), get(core, s.SYNC)
        shift = get(core, s.SHARED_GRANULE)
        fine = check_access(core, warp, lane, shadows, shift, offset, address, size, site, kind, pending, True, host)
        return host if fine else 0
    return host


@lazily(int64(*[int64] * 7))
def _local_access(core, warp, lane, address, size, site, kind):
    """Host address of a thread's local memory, 0 after a fault."""
    address &= 0xFFFFFFFF
    if address & (size - 1):
        return fault(core, warp, lane, MISALIGNED, site, address, size, -1)
    bytes_, named = get(core, s.LOCAL_BYTES), (s.LOCAL_WINDOW << s.SPACE_SHIFT) | address
    if address + size > bytes_:
        return fault(core, warp, lane, OUT_OF_BOUNDS, site, named, size, -1)
    offset = (get(warp, s.INDEX) * s.LANES + lane) * bytes_ + address
    initialized = get(core, s.LOCAL_INIT)
    if initialized and not _check_initialized(core, warp, lane, initialized, offset, named, size, site, kind):
        return 0
    return get(core, s.LOCAL) + offset


@njit
def _check_initialized(core, warp, lane, initialized, offset, address, size, site, kind):
    """Whether all bytes that an access reads were written; marks those that it writes."""
    for i in range(offset, offset + size):
        if kind in (s.READ, s.ATOMIC, s.STRONG_READ) and not read_u8(initialized + i):
            fault(core, warp, lane, UNINITIALIZED, site, address, size, -1)
            return False
        if kind != s.READ:
            write_u8(initialized + i, 1)
    return True


@njit
def _check_global(core, warp, lane, row, offset, address, size, site, kind, host):
    """Check an access to global memory for uninitialized reads and for races."""
    initialized, plain = get(row, s.REGION_INIT), kind & (s.SCATTERED_ATOMIC - 1)
    if initialized and not _check_initialized(core, warp, lane, initialized, offset, address, size, site, plain):
        return False
    writes = get(row, s.REGION_WRITES)
    if writes == 0:
        return True
    shadows = writes, get(row, s.REGION_STRONG), get(row, s.REGION_READS), get(row, s.REGION_SYNC)
    shift = get(core, s.GLOBAL_GRANULE)
    return check_access(core, warp, lane, shadows, shift, offset, address, size, site, kind, False, False, host) != 0


@lazily(int64(*[int64] * 7))
def _global_access(core, warp, lane, address, size, site, kind):
    """Host address of a global, constant or generic address, 0 after a fault."""
    region = address >> s.SPACE_SHIFT
    if region == s.SHARED_WINDOW:
        return shared_access(core, warp, lane, address, size, site, kind, False)
    if region == s.LOCAL_WINDOW:
        return local_access(core, warp, lane, address, size, site, kind & (s.SCATTERED_ATOMIC - 1))
    if region < s.FIRST_REGION or region >= get(core, s.REGION_COUNT):
        return fault(core, warp, lane, OUT_OF_BOUNDS, site, address, size, -1)
    row = get(core, s.REGIONS) + 8 * s.REGION_SLOTS * region
    low = get(row, s.REGION_LOW)
    if address < low or address + size > get(row, s.REGION_HIGH):
        return fault(core, warp, lane, OUT_OF_BOUNDS, site, address, size, -1)
    if address & (size - 1):
        return fault(core, warp, lane, MISALIGNED, site, address, size, -1)
    if kind not in (s.READ, s.STRONG_READ) and get(row, s.REGION_FLAGS) & s.READ_ONLY:
        return fault(core, warp, lane, WRITE_TO_CONSTANT, site, address, size, -1)
    offset = address - low
    host = get(row, s.REGION_HOST) + offset
    if get(core, s.CHECK) and not _check_global(core, warp, lane, row, offset, address, size, site, kind, host):
        return 0
    return host


LINKED = {
    shared_access.symbol: _shared_access,
    local_access.symbol: _local_access,
    global_access.symbol: _global_access,
}
"""Functions that the rest of the runtime links by name; the last one calls the others."""
