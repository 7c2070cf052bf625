"""cp.async: a queue of copies in flight for each warp.

A copy is checked when it is issued and its destination is marked as pending: an access to it before completion is
reported. The bytes are copied by the wait that covers the group of the copy. Groups are counted per thread.
"""

from numba import int32, int64, njit, types, uint8, uint32

from . import state as s
from .access import global_access, land_shared, shared_access
from .core import LIMIT, MISALIGNED, fault, get, put, tick
from .meter import meter_global
from .raw import lazily, read_i32, read_i64, read_u8, read_u32, write_i32, write_i64, write_u8


@njit
def _entry(warp, index):
    return get(warp, s.PENDING) + (index % s.COPIES) * s.COPY_STRIDE


@njit
def _source(core, warp, lane, address, size, wanted, site):
    """Host address of `wanted` bytes of global memory, aligned for a copy of `size`; 0 after a fault."""
    if address & (size - 1):
        return fault(core, warp, lane, MISALIGNED, site, address, size, -1)
    if wanted == size:
        return global_access(core, warp, lane, address, size, site, s.READ)
    host = global_access(core, warp, lane, address, 1, site, s.READ)
    for i in range(1, wanted):
        if host != 0 and global_access(core, warp, lane, address + i, 1, site, s.READ) == 0:
            return int64(0)
    return host


@lazily(types.void(int64, int64, int64, int64, int64, uint32, int32, int32))
def issue(core, warp, targets, sources, sizes, mask, size, site):
    """`cp.async [target], [source], size, sizes`: copy `sizes` bytes and zero-fill the rest of `size`."""
    tick(core, warp, site)
    if get(core, s.SITE_METER):
        meter_global(core, sources, mask, site, size)
    if mask == uint32(0):
        return
    # take a queue entry
    end = get(warp, s.PENDING_END)
    if end - get(warp, s.PENDING_FIRST) >= s.COPIES:
        fault(core, warp, 0, LIMIT, site, 0, 0, -1)
        return
    entry = _entry(warp, end)
    # check and record every lane's copy
    for lane in range(s.LANES):
        if (mask >> uint32(lane)) & uint32(1):
            target, source = read_i64(targets + 8 * lane), read_i64(sources + 8 * lane)
            wanted = min(int64(read_u32(sizes + 4 * lane)), int64(size))
            host = shared_access(core, warp, lane, target, size, site, s.WRITE, True)
            origin = int64(0)
            if host != 0 and wanted > 0:
                origin = _source(core, warp, lane, source, int64(size), wanted, int64(site))
            if get(core, s.ERROR):
                return
            write_i64(entry + s.COPY_DESTINATION + 8 * lane, target)
            write_i64(entry + s.COPY_SOURCE + 8 * lane, origin)
            write_i64(entry + s.COPY_BYTES + 8 * lane, wanted)
            write_i64(entry + s.COPY_GROUP + 8 * lane, int64(read_i32(warp + s.GROUP + 4 * lane)))
    write_i64(entry + s.COPY_MASK, int64(mask))
    write_i64(entry + s.COPY_SIZE, int64(size))
    put(warp, s.PENDING_END, end + 1)


@lazily(types.void(int64, uint32))
def commit(warp, mask):
    """cp.async.commit_group: close the current group of each lane."""
    for lane in range(s.LANES):
        if (mask >> uint32(lane)) & uint32(1):
            group = warp + s.GROUP + 4 * lane
            write_i32(group, int32(read_i32(group) + 1))


@njit
def _complete(core, warp, entry, lane):
    size = read_i64(entry + s.COPY_SIZE)
    wanted, origin = read_i64(entry + s.COPY_BYTES + 8 * lane), read_i64(entry + s.COPY_SOURCE + 8 * lane)
    offset = read_i64(entry + s.COPY_DESTINATION + 8 * lane) & s.SHARED_MASK
    host = get(core, s.SHARED) + offset
    for i in range(size):
        write_u8(host + i, read_u8(origin + i) if i < wanted else uint8(0))
    if get(core, s.CHECK):
        land_shared(core, warp, lane, offset, size)


@lazily(types.void(int64, int64, uint32, int32))
def wait(core, warp, mask, keep):
    """cp.async.wait_group: complete all but the latest `keep` groups; -1 is wait_all, uncommitted copies included."""
    tick(core, warp, get(warp, s.LAST_SITE))
    first, end = get(warp, s.PENDING_FIRST), get(warp, s.PENDING_END)
    for index in range(first, end):
        entry = _entry(warp, index)
        waiting = read_i64(entry + s.COPY_MASK)
        for lane in range(s.LANES):
            if (waiting & int64(mask)) >> lane & 1:
                limit = int64(read_i32(warp + s.GROUP + 4 * lane)) - keep
                if read_i64(entry + s.COPY_GROUP + 8 * lane) < limit:
                    _complete(core, warp, entry, lane)
                    waiting &= ~(int64(1) << lane)
        write_i64(entry + s.COPY_MASK, waiting)
        if waiting == 0 and index == first:
            first = index + 1
    put(warp, s.PENDING_FIRST, first)
