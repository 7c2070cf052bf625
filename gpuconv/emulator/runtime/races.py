"""The race detector: FastTrack (Flanagan and Freund, 2009) with one clock for each warp.

For every granule of shared and of global memory (the smallest access of the kernel) a shadow holds the stamps of the
last plain write, of the last strong access and of the plain reads since. A race is a write and another access of two
threads that nothing orders, unless both are strong, or both store the same value.
"""

from numba import int64, njit

from . import state as s
from .core import (
    RACE_ASYNC,
    RACE_GLOBAL,
    RACE_SHARED,
    RACE_WARP,
    UNINITIALIZED,
    blame,
    fault,
    get,
    put,
    suspect,
)
from .raw import exchange, read_i64, read_u8, write_i64
from .releases import acquire
from .stamps import (
    PENDING_BIT,
    SEVERAL_BLOCKS,
    SEVERAL_LANES,
    SEVERAL_WARPS,
    STRONG_WRITE_BIT,
    block_of,
    lane_of,
    ordered,
    same_instruction,
    stamp_of,
    time_of,
    warp_of,
)

_BLOCK, _WARP, _LANE = SEVERAL_BLOCKS << 14, 63 << 8, 63 << 2
_THREAD, _WARP_MANY, _LANE_MANY = _WARP | _LANE, SEVERAL_WARPS << 8, SEVERAL_LANES << 2
"""Fields of a stamp."""


@njit
def _kind(core, warp, stamp, atomic):
    """Kind of a race in shared memory. A warp alone does not share a counter: an atomic asks for a barrier."""
    same_warp = warp_of(stamp) == get(warp, s.INDEX)
    return RACE_WARP if same_warp and not (atomic and get(core, s.WARPS) > 1) else RACE_SHARED


@njit
def _race(core, warp, lane, site, address, size, stamp, shared, atomic):
    """Report a race with the access of a stamp; returns whether to go on, to see if other warps take part in it."""
    other = warp_of(stamp) * s.LANES + lane_of(stamp) if lane_of(stamp) < SEVERAL_LANES else -1
    if not shared:
        put(core, s.ERROR_BLOCK, block_of(stamp))
        return fault(core, warp, lane, RACE_GLOBAL, site, address, size, other)
    kind = _kind(core, warp, stamp, atomic)
    if kind == RACE_WARP and get(core, s.WARPS) > 1:
        return suspect(core, warp, lane, kind, site, address, size, other)
    return fault(core, warp, lane, kind, site, address, size, other)


@njit
def _same_value(core, lane, host, size):
    """Whether a lane stores the bytes that the memory holds already."""
    data, element = get(core, s.DATA), get(core, s.ELEMENT)
    for i in range(size):
        k, byte = i // element, i % element
        if read_u8(host + i) != read_u8(data + element * (s.LANES * k + lane) + byte):
            return False
    return True


@njit(inline="always")
def _settled(stamp, current, barrier):
    """Whether an access is by the same thread, or before the block's last barrier: the usual cases of `ordered`."""
    return (stamp ^ current) & _BLOCK == 0 and (time_of(stamp) <= barrier or (stamp ^ current) & _THREAD == 0)


@njit
def _readers(core, me, lane, old, current):
    """The stamp for earlier readers and this one."""
    if ordered(core, me, lane, old):
        return current
    if (old ^ current) & _BLOCK:
        return current | _BLOCK | _WARP_MANY | _LANE_MANY
    return current & ~_LANE | _LANE_MANY if (old ^ current) & _WARP == 0 else current & ~_LANE | _WARP_MANY | _LANE_MANY


@njit(inline="always")
def _note_reader(core, me, lane, entry, current, barrier, sync, shared):
    """Record a plain read: the shadow stands for the latest readers that are not ordered."""
    old, new = read_i64(entry), current
    if old:
        same = (old ^ current) & _BLOCK == 0
        if same and time_of(old) > sync:  # nothing has been ordered since
            if (old ^ current) & _WARP == 0:
                new = old if (old ^ current) & _LANE == 0 or old & _LANE_MANY else current & ~_LANE | _LANE_MANY
            else:
                new = old if old & _WARP == _WARP_MANY else current & ~_LANE | _WARP_MANY | _LANE_MANY
        elif not (same and time_of(old) <= barrier):
            new = _readers(core, me, lane, old, current)
    if new != old:
        if shared:
            write_i64(entry, new)
        elif exchange(entry, new) != old:  # another block has read it in the meantime
            exchange(entry, current | _BLOCK | _WARP_MANY | _LANE_MANY)


@njit
def _pending(core, warp, lane, site, address, size, stamp):
    thread = warp_of(stamp) * s.LANES + lane_of(stamp)
    return fault(core, warp, lane, RACE_ASYNC, site, address, size, thread)


@njit(inline="always")
def check_read(core, warp, lane, shadows, granules, address, size, site, shared):
    """Check a plain read of granules from granules[0] to granules[1] - 1 and record it."""
    writes, strong, reads, _ = shadows
    me, sync, barrier = get(warp, s.INDEX), get(core, s.LAST_SYNC), get(core, s.LAST_BARRIER)
    current = stamp_of(get(warp, s.TIME), get(core, s.BLOCK_ID), me, lane, 0)
    fine = int64(1)
    for granule in range(granules[0], granules[1]):
        at = 8 * granule
        # the reader must be seen before the writer is looked for: another CPU thread may write
        _note_reader(core, me, lane, reads + at, current, barrier, sync, shared)
        written = read_i64(writes + at)
        atomic = read_i64(strong + at) if strong else int64(0)
        if written & PENDING_BIT:
            fine = _pending(core, warp, lane, site, address, size, written)
        elif written and not _settled(written, current, barrier) and not ordered(core, me, lane, written):
            fine = _race(core, warp, lane, site, address, size, written, shared, False)
        elif atomic & STRONG_WRITE_BIT and not ordered(core, me, lane, atomic):
            fine = _race(core, warp, lane, site, address, size, atomic, shared, True)
        elif shared and written == 0 and atomic == 0:
            suspect(core, warp, lane, UNINITIALIZED, site, address, size, -1)
    return fine


@njit
def _check_with_others(core, warp, lane, stamp, written, address, size, site, shared, is_strong):
    """Check a plain write with the last strong access or with the last reads."""
    me = get(warp, s.INDEX)
    if ordered(core, me, lane, stamp):
        return 1
    if written == 0 and shared and get(core, s.SOFT):
        return blame(core, _kind(core, warp, stamp, is_strong), me * s.LANES + lane)
    return _race(core, warp, lane, site, address, size, stamp, shared, is_strong)


@njit
def _check_with_writer(core, warp, lane, written, address, size, site, pending, shared, host):
    """Check a plain write with the last one."""
    if written & PENDING_BIT:
        return _pending(core, warp, lane, site, address, size, written)
    if ordered(core, get(warp, s.INDEX), lane, written) or (not pending and _same_value(core, lane, host, size)):
        return 1
    return _race(core, warp, lane, site, address, size, written, shared, False)


@njit(inline="always")
def check_write(core, warp, lane, shadows, granules, address, size, site, pending, shared, host):
    """Check a plain write and record it."""
    writes, strong, reads, _ = shadows
    barrier = get(core, s.LAST_BARRIER)
    current = stamp_of(
        get(warp, s.TIME), get(core, s.BLOCK_ID), get(warp, s.INDEX), lane, PENDING_BIT if pending else 0
    )
    fine = int64(1)
    for granule in range(granules[0], granules[1]):
        at = 8 * granule
        # with the last plain write
        if shared:
            written = read_i64(writes + at)
            write_i64(writes + at, current)
        else:
            written = exchange(writes + at, current)
        usual = not written & PENDING_BIT and (
            _settled(written, current, barrier) or same_instruction(written, current)
        )
        if written and not usual:
            fine &= _check_with_writer(core, warp, lane, written, address, size, site, pending, shared, host)
        # with strong accesses and with reads
        atomic, reader = read_i64(strong + at) if strong else int64(0), read_i64(reads + at)
        if atomic and not _settled(atomic, current, barrier):
            fine &= _check_with_others(core, warp, lane, atomic, written, address, size, site, shared, True)
        if reader and not _settled(reader, current, barrier):
            fine &= _check_with_others(core, warp, lane, reader, written, address, size, site, shared, False)
    return fine


@njit
def _check_strong(core, warp, lane, entries, address, size, site, kind, scattered, shared):
    writes, strong, reads, releases = entries
    me = get(warp, s.INDEX)
    written, atomic = read_i64(writes), read_i64(strong)
    # it may read what was released at the address
    if releases and kind != s.STRONG_WRITE:
        acquire(core, warp, lane, releases)
    # with the last plain write; the thread's, if no barrier shows it to the threads that other data would send here
    if written & PENDING_BIT:
        return _pending(core, warp, lane, site, address, size, written)
    if written:
        hidden = scattered and block_of(written) == get(core, s.BLOCK_ID) and time_of(written) > get(core, s.LAST_SYNC)
        if hidden or not ordered(core, me, lane, written):
            return _race(core, warp, lane, site, address, size, written, shared, True)
    # with plain reads
    bits = int64(0)
    if kind != s.STRONG_READ:
        bits = int64(STRONG_WRITE_BIT)
        reader = read_i64(reads)
        if reader and not ordered(core, me, lane, reader):
            return _race(core, warp, lane, site, address, size, reader, shared, True)
    elif atomic & STRONG_WRITE_BIT and not ordered(core, me, lane, atomic):
        bits = int64(STRONG_WRITE_BIT)
    write_i64(strong, stamp_of(get(warp, s.TIME), get(core, s.BLOCK_ID), me, lane, bits))
    if shared and written == 0 and atomic == 0 and kind in (s.ATOMIC, s.STRONG_READ):
        suspect(core, warp, lane, UNINITIALIZED, site, address, size, -1)
    return 1


@njit
def check_strong(core, warp, lane, shadows, granules, address, size, site, kind, shared):
    """Check a strong access and record it; notes where it would release."""
    writes, strong, reads, releases = shadows
    scattered = kind & s.SCATTERED_ATOMIC != 0
    kind &= s.SCATTERED_ATOMIC - 1
    for granule in range(granules[0], granules[1]):
        at = 8 * granule
        entries = writes + at, strong + at, reads + at, releases + at if releases else int64(0)
        if not _check_strong(core, warp, lane, entries, address, size, site, kind, scattered, shared):
            return 0
    if kind != s.STRONG_READ:
        put(core, s.RELEASE_SLOT, releases + 8 * granules[0] if releases else 0)
    return 1


@njit(inline="always")
def check_access(core, warp, lane, shadows, shift, offset, address, size, site, kind, pending, shared, host):
    """Check an access for races, and shared memory for uninitialized reads, and record it in the shadows.

    `shadows`: addresses of the shadows of plain writes, strong accesses, plain reads, releases; 0 for one not kept.
    Returns 0 after a fault.
    """
    granules = offset >> shift, ((offset + size - 1) >> shift) + 1
    if kind == s.READ:
        return check_read(core, warp, lane, shadows, granules, address, size, site, shared)
    if kind == s.WRITE:
        return check_write(core, warp, lane, shadows, granules, address, size, site, pending, shared, host)
    return check_strong(core, warp, lane, shadows, granules, address, size, site, kind, shared)
