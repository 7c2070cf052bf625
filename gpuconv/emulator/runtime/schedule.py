"""Scheduler of warps and blocks.

The lanes of a warp with the lowest program counter execute together, so that diverged lanes reconverge at the first
basic block that both reach. A warp runs until it waits at a barrier, ends, or has used up its turn.
"""

from numba import int32, int64, njit, types, uint32

from . import state as s
from .access import BARRIER_DIVERGENCE, HANG, WARP_DIVERGENCE, fault, get, put, seen
from .raw import call_advance, lazily, read_i32, read_i64, read_u32, write_i32, write_i64

TURN = 1 << 16
"""Basic blocks that a warp executes before it yields to other warps."""


@njit(inline="always")
def frame_of(core, index):
    """Address of a warp's frame."""
    return get(core, s.FRAMES) + index * get(core, s.FRAME_BYTES)


@njit(inline="always")
def barrier_row(core, index):
    """Address of a barrier's row in the table."""
    return get(core, s.BARRIERS) + 8 * s.BARRIER_SLOTS * index


@njit
def _low_32(value):
    return int64(uint32(value))


@njit
def lanes_at_lowest(warp):
    """Lowest program counter of a runnable lane, and the mask of all live lanes at it."""
    live, parked = get(warp, s.LIVE), get(warp, s.PARKED)
    ready, pc, mask = live & ~parked, 2**31 - 1, int64(0)
    for lane in range(s.LANES):
        if (ready >> lane) & 1:
            pc = min(pc, int64(read_i32(warp + s.PC + 4 * lane)))
    if ready:
        for lane in range(s.LANES):
            if (live >> lane) & 1 and read_i32(warp + s.PC + 4 * lane) == pc:
                mask |= int64(1) << lane
    return pc, mask


@njit
def _run_warp(core, warp):
    """Run a warp until it waits, ends, has used up its turn or faults."""
    put(core, s.TURN_LEFT, TURN)
    while get(core, s.ERROR) == 0:
        live = get(warp, s.LIVE)
        if live == 0:
            put(warp, s.STATUS, s.DONE)
            return
        pc, mask = lanes_at_lowest(warp)
        if mask == 0:  # every live lane waits: deadlock
            lane = 0
            while not (live >> lane) & 1:
                lane += 1
            kind = BARRIER_DIVERGENCE if get(warp, s.BARRIER) else WARP_DIVERGENCE
            fault(core, warp, lane, kind, get(warp, s.SITE), 0, 0, -1)
            return
        put(warp, s.PARKED, get(warp, s.PARKED) & ~mask)
        # execute the lanes at the lowest program counter
        after = call_advance(get(core, s.ADVANCE), core, warp, int32(pc), int32(_low_32(mask)), int32(mask == live))
        if after == s.YIELD:
            return
        if after >= 0:
            for lane in range(s.LANES):
                if (mask >> lane) & 1:
                    write_i32(warp + s.PC + 4 * lane, after)
        if get(core, s.TURN_LEFT) <= 0:
            return


@njit
def _start_block(core, block):
    """Reset the state of a block and set every warp to its first instruction."""
    x, y = get(core, s.GRID), get(core, s.GRID + 1)
    put(core, s.CTAID, block % x)
    put(core, s.CTAID + 1, block // x % y)
    put(core, s.CTAID + 2, block // (x * y))
    put(core, s.BLOCK_ID, block + 1)
    # barriers, clocks, shadow memory
    for i in range(s.BARRIER_SLOTS * s.BARRIER_COUNT):
        put(get(core, s.BARRIERS), i, 0)
    for i in range(s.LANES * s.LANES):
        put(get(core, s.SEEN), i, 0)
    if get(core, s.CHECK):
        for i in range((get(core, s.SHARED_BYTES) >> get(core, s.SHARED_GRANULE)) + 1):
            put(get(core, s.WRITES), i, 0)
            put(get(core, s.READS), i, 0)
            put(get(core, s.OTHER_READS), i, 0)
    # warps: program counters, thread indices, live lanes
    threads, bx, by = get(core, s.THREADS), get(core, s.BLOCK), get(core, s.BLOCK + 1)
    for index in range(get(core, s.WARPS)):
        warp, live = frame_of(core, index), int64(0)
        for lane in range(s.LANES):
            thread = s.LANES * index + lane
            live |= int64(thread < threads) << lane
            write_i32(warp + s.PC + 4 * lane, int32(0))
            write_i32(warp + s.GROUP + 4 * lane, int32(0))
            write_i32(warp + s.TID_X + 4 * lane, int32(thread % bx))
            write_i32(warp + s.TID_Y + 4 * lane, int32(thread // bx % by))
            write_i32(warp + s.TID_Z + 4 * lane, int32(thread // (bx * by)))
        put(warp, s.INDEX, index)
        put(warp, s.LIVE, live)
        put(warp, s.INITIAL, live)
        for slot in (s.PARKED, s.STATUS, s.TIME, s.BARRIER, s.RESULT, s.PENDING_FIRST, s.PENDING_END, s.SITE):
            put(warp, slot, 0)


@njit
def release(core, row):
    """Release the warps that wait at a barrier and join their vector clocks."""
    for index in range(get(core, s.WARPS)):
        if (get(row, s.WAITERS) >> index) & 1:
            warp = frame_of(core, index)
            put(warp, s.STATUS, s.RUNNING)
            put(warp, s.BARRIER, 0)
            put(warp, s.RESULT, get(row, s.VALUE))
            for other in range(get(core, s.WARPS)):
                clock = seen(core, index, other)
                write_i64(clock, max(read_i64(clock), get(row, s.BARRIER_CLOCK + other)))
    for slot in range(s.BARRIER_SLOTS):
        put(row, slot, 0)


@njit
def _waiting(core):
    """A barrier with a waiting warp, and that warp; -1 if none waits."""
    for index in range(get(core, s.WARPS)):
        warp = frame_of(core, index)
        if get(warp, s.STATUS) == s.WAITING:
            return get(warp, s.BARRIER) - 1, index
    return int64(-1), int64(-1)


@njit
def _stuck(core):
    """Whether the block is finished, or deadlocked at a barrier that some threads never reach."""
    barrier, index = _waiting(core)
    if barrier < 0:
        return True
    row = barrier_row(core, barrier)
    if get(core, s.CHECK) == 0 and get(row, s.EXPECTED) == 0:  # as on hardware, exited threads are not waited for
        release(core, row)
        return False
    warp = frame_of(core, index)
    lane = 0
    while not (get(warp, s.LIVE) >> lane) & 1:
        lane += 1
    fault(core, warp, lane, BARRIER_DIVERGENCE, get(warp, s.SITE), 0, 0, -1)
    return True


@njit
def _random(core):
    """One step of Marsaglia's xorshift64."""
    x = get(core, s.SEED)
    x ^= x << 13
    x ^= (x >> 7) & 0x1FFFFFFFFFFFFFF
    x ^= x << 17
    put(core, s.SEED, x)
    return (x >> 33) & 0x7FFFFFFF


@njit
def _run_block(core, block):
    _start_block(core, block)
    warps = get(core, s.WARPS)
    budget = get(core, s.BUDGET)
    while get(core, s.ERROR) == 0:
        ran = False
        # one round over the warps, in shuffled order if seeded
        start = _random(core) % warps if get(core, s.SEED) else 0
        step = 1 if get(core, s.SEED) == 0 or _random(core) & 1 else warps - 1
        for k in range(warps):
            warp = frame_of(core, (start + step * k) % warps)
            if get(warp, s.STATUS) == s.RUNNING and get(core, s.ERROR) == 0:
                _run_warp(core, warp)
                ran = True
                budget -= TURN - get(core, s.TURN_LEFT)
        if budget <= 0 and get(core, s.ERROR) == 0:
            fault(core, frame_of(core, 0), 0, HANG, get(frame_of(core, 0), s.SITE), 0, 0, -1)
        if not ran and _stuck(core):
            return


@lazily(types.void(int64, int64, int64))
def run_blocks(core, order, count):
    """Run blocks order[0], order[1], ... until one faults."""
    for i in range(count):
        block = read_i64(order + 8 * i)
        if block > read_i64(get(core, s.FIRST_ERROR)):
            continue
        _run_block(core, block)
        if get(core, s.ERROR):
            first = get(core, s.FIRST_ERROR)
            write_i64(first, min(read_i64(first), block))
            return


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


@lazily(int32(int64, int64, int64, int64, uint32, uint32, int32, int32, int32))
def bar_sync(core, warp, barriers, counts, predicates, mask, kind, site, pc):
    """A warp arrives at a block-wide barrier and waits; pc is the current basic block.

    kind: 0 sync, 1 arrive, 2 red.popc, 3 red.and, 4 red.or.
    """
    mask = int64(mask)
    if mask != get(warp, s.LIVE):
        return park(core, warp, mask, pc, site, 1)
    # barrier number and thread count, checked
    lane = 0
    while not (mask >> lane) & 1:
        lane += 1
    index, expected = int64(read_u32(barriers + 4 * lane)), int64(read_u32(counts + 4 * lane))
    put(warp, s.SITE, site)
    short = get(core, s.CHECK) and expected == 0 and mask != get(warp, s.INITIAL)
    if index >= s.BARRIER_COUNT or expected & 31 or short:
        fault(core, warp, lane, BARRIER_DIVERGENCE, site, 0, 0, -1)
        return int32(s.YIELD)
    for other in range(s.LANES):
        if (mask >> other) & 1:
            write_i32(warp + s.PC + 4 * other, int32(pc + 1))
    # arrive: reduction, count, vector clock
    row = barrier_row(core, index)
    _combine(row, int64(predicates) & mask, mask, kind)
    put(row, s.ARRIVED, get(row, s.ARRIVED) + s.LANES)
    put(row, s.EXPECTED, expected)
    me = get(warp, s.INDEX)
    write_i64(seen(core, me, me), get(warp, s.TIME))
    for other in range(get(core, s.WARPS)):
        clock = s.BARRIER_CLOCK + other
        put(row, clock, max(get(row, clock), read_i64(seen(core, me, other))))
    # wait, unless this is bar.arrive; the last arrival releases all
    if kind != 1:
        put(warp, s.STATUS, s.WAITING)
        put(warp, s.BARRIER, index + 1)
        put(row, s.WAITERS, get(row, s.WAITERS) | (int64(1) << me))
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
