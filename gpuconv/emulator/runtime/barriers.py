"""Barriers of a block: arrival, release, and threads that exit instead of arriving.

A barrier waits for every thread of the block that has not exited (CUDA C++ Programming Guide, compute capability 7.x:
bar.sync "will not succeed until reached by all non-exited threads in the block"). So `return` before a barrier is fine.
A thread that has gone past a barrier in other threads' way is not: the source or the line of its last access tells.
"""

from numba import int32, int64, njit, uint32

from . import state as s
from .core import BARRIER_DIVERGENCE, fault, flushed, get, put, seen, settle
from .raw import lazily, read_i32, read_i64, read_u32, write_i32, write_i64
from .releases import join_fences

EXIT_ALLOWED, RETURN_FOLLOWS = 1, 2
"""Bits of an entry of the table of sites; the line is in the higher ones. The source has a `return` ahead of a barrier
or in a loop around it, so that threads may have left; it has one after an access."""


@njit(inline="always")
def frame_of(core, index):
    """Address of a warp's frame."""
    return get(core, s.FRAMES) + index * get(core, s.FRAME_BYTES)


@njit(inline="always")
def barrier_row(core, index):
    """Address of a barrier's row in the table."""
    return get(core, s.BARRIERS) + 8 * s.BARRIER_SLOTS * index


@njit
def first_lane(mask):
    """The lowest lane of a mask that is not empty."""
    lane = 0
    while not (mask >> lane) & 1:
        lane += 1
    return lane


@njit
def park(core, warp, mask, pc, site, barrier):
    """Park lanes at their program counter until other lanes of the warp arrive."""
    put(warp, s.PARKED, get(warp, s.PARKED) | mask)
    put(warp, s.SITE, site)
    put(warp, s.BARRIER, barrier)
    for lane in range(s.LANES):
        if (mask >> lane) & 1:
            write_i32(warp + s.PC + 4 * lane, int32(pc))
    return int32(s.SCATTERED)


@njit
def release(core, row):
    """Release the warps that wait at a barrier and join their vector clocks."""
    now, waiters, all_waited = get(core, s.NOW), get(row, s.WAITERS), True
    for index in range(get(core, s.WARPS)):
        warp = frame_of(core, index)
        all_waited = all_waited and ((waiters >> index) & 1 or get(warp, s.LIVE) == 0)
        if (waiters >> index) & 1:
            put(warp, s.STATUS, s.RUNNING)
            put(warp, s.BARRIER, 0)
            put(warp, s.RESULT, get(row, s.VALUE))
            for other in range(get(core, s.WARPS)):
                clock = seen(core, index, other)
                # a warp that waited, or has exited, has done nothing since
                idle = (waiters >> other) & 1 or get(frame_of(core, other), s.LIVE) == 0
                write_i64(clock, now if idle else max(read_i64(clock), get(row, s.BARRIER_CLOCK + other)))
                if get(core, s.POOL):
                    for scope in range(2):
                        entry = flushed(core, scope, index, other)
                        joined = get(row, s.BARRIER_CLOCK + s.LANES * (1 + scope) + other)
                        write_i64(entry, max(read_i64(entry), joined))
    for slot in range(s.BARRIER_SLOTS):
        put(row, slot, 0)
    put(core, s.LAST_SYNC, now)
    if all_waited:
        put(core, s.LAST_BARRIER, now)
    settle(core)


@njit
def left_behind(core, warp, site):
    """Whether threads of a warp have exited without the barrier at a site, other than by an early return."""
    table = get(core, s.SITE_LINES)
    if table == 0:
        return False
    here, gone = get(table, site), get(warp, s.INITIAL) & ~get(warp, s.LIVE)
    for lane in range(s.LANES):
        if (gone >> lane) & 1:
            # code after the barrier, which it did not reach
            left_at = int64(read_i32(warp + s.EXIT_SITE + 4 * lane))
            last = get(table, left_at) if left_at >= 0 else 0
            if not here & EXIT_ALLOWED or (last >> 2 > here >> 2 and not last & RETURN_FOLLOWS):
                return True
    return False


@njit
def _elsewhere(core, row, site):
    """Whether another warp waits at a barrier on another line: all threads must come to the same one."""
    table, first = get(core, s.SITE_LINES), get(row, s.ARRIVED_AT)
    if first == 0:
        put(row, s.ARRIVED_AT, site + 1)
        return False
    if table == 0:
        return False
    here, there = get(table, site) >> 2, get(table, first - 1) >> 2
    return here != there and here > 0 and there > 0


@njit
def _arrive(core, warp, row):
    """Join the clock of a warp to a barrier's."""
    me = get(warp, s.INDEX)
    write_i64(seen(core, me, me), get(warp, s.TIME))
    for other in range(get(core, s.WARPS)):
        clock = s.BARRIER_CLOCK + other
        put(row, clock, max(get(row, clock), read_i64(seen(core, me, other))))
    if get(core, s.POOL):
        join_fences(core, me)
        for scope in range(2):
            for other in range(get(core, s.WARPS)):
                clock = s.BARRIER_CLOCK + s.LANES * (1 + scope) + other
                put(row, clock, max(get(row, clock), read_i64(flushed(core, scope, me, other))))


@lazily(int32(int64, int64, int64, int64, uint32, uint32, int32, int32, int32))
def bar_sync(core, warp, barriers, counts, predicates, mask, kind, site, pc):
    """A warp arrives at a block-wide barrier and waits; pc is the current basic block.

    kind: 0 sync, 1 arrive, 2 red.popc, 3 red.and, 4 red.or.
    """
    mask = int64(mask)
    if mask != get(warp, s.LIVE):
        return park(core, warp, mask, pc, site, 1)
    # barrier number and thread count, checked
    lane = first_lane(mask)
    index, expected = int64(read_u32(barriers + 4 * lane)), int64(read_u32(counts + 4 * lane))
    put(warp, s.SITE, site)
    short = get(core, s.CHECK) and expected == 0 and left_behind(core, warp, int64(site))
    short = short or index >= s.BARRIER_COUNT or expected & 31 != 0
    row = barrier_row(core, index)
    if short or (get(core, s.CHECK) and expected == 0 and _elsewhere(core, row, int64(site))):
        fault(core, warp, lane, BARRIER_DIVERGENCE, site, 0, 0, -1)
        return int32(s.YIELD)
    for other in range(s.LANES):
        if (mask >> other) & 1:
            write_i32(warp + s.PC + 4 * other, int32(pc + 1))
    # arrive: reduction, count, vector clock
    _combine(row, int64(predicates) & mask, mask, kind)
    put(row, s.ARRIVED, get(row, s.ARRIVED) + s.LANES)
    put(row, s.EXPECTED, expected)
    _arrive(core, warp, row)
    # wait, unless this is bar.arrive; the last arrival releases all
    if kind != 1:
        put(warp, s.STATUS, s.WAITING)
        put(warp, s.BARRIER, index + 1)
        put(row, s.WAITERS, get(row, s.WAITERS) | (int64(1) << get(warp, s.INDEX)))
    if get(row, s.ARRIVED) == (expected if expected else s.LANES * get(core, s.WARPS)):
        release(core, row)
    return int32(s.SCATTERED) if kind == 1 else int32(s.YIELD)


@njit
def _combine(row, predicates, mask, kind):
    """Combine a warp's predicates into the reduction of a barrier."""
    value = get(row, s.VALUE)
    if kind == 2:
        for lane in range(s.LANES):
            value += (predicates >> lane) & 1
    elif kind == 3:
        all_before = get(row, s.ARRIVED) == 0 or value
        value = int64(bool(all_before) and predicates == mask)
    elif kind == 4:
        value = int64(value != 0 or predicates != 0)
    put(row, s.VALUE, value)


@njit
def _waiting(core):
    """A barrier with a waiting warp, and that warp; -1 if none waits."""
    for index in range(get(core, s.WARPS)):
        warp = frame_of(core, index)
        if get(warp, s.STATUS) == s.WAITING:
            return get(warp, s.BARRIER) - 1, index
    return int64(-1), int64(-1)


@njit
def stuck(core):
    """Whether the block is finished, or deadlocked at a barrier that some threads never reach."""
    barrier, index = _waiting(core)
    if barrier < 0:
        settle(core)
        return True
    row, warp = barrier_row(core, barrier), frame_of(core, index)
    # threads that have exited are not waited for
    complete = get(row, s.EXPECTED) == 0
    for other in range(get(core, s.WARPS)):
        frame = frame_of(core, other)
        if not (get(row, s.WAITERS) >> other) & 1:
            behind = get(core, s.CHECK) and left_behind(core, frame, get(warp, s.SITE))
            complete = complete and get(frame, s.STATUS) == s.DONE and not behind
    if complete:
        release(core, row)
        return False
    fault(core, warp, first_lane(get(warp, s.LIVE)), BARRIER_DIVERGENCE, get(warp, s.SITE), 0, 0, -1)
    return True
