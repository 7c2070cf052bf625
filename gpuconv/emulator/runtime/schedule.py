"""Scheduler of warps and blocks.

The lanes of a warp with the lowest program counter execute together, so that diverged lanes reconverge at the first
basic block that both reach. A warp runs until it waits at a barrier, ends, or has used up its turn.
"""

from numba import int32, int64, njit, uint32

from . import state as s
from .barriers import first_lane, frame_of, left_behind, stuck
from .core import BARRIER_DIVERGENCE, HANG, PATIENCE, WARP_DIVERGENCE, fault, get, put
from .raw import call_advance, lazily, read_i32, read_i64, write_i32, write_i64

TURN = 1 << 16
"""Basic blocks that a warp executes before it yields to other warps."""


@njit
def _low_32(value):
    return int64(uint32(value))


@njit
def lanes_at_lowest(warp, preferred):
    """Lowest program counter of a runnable lane, and the mask of all live lanes at it; preferred lanes come first."""
    live, parked = get(warp, s.LIVE), get(warp, s.PARKED)
    ready, pc, mask = live & ~parked, 2**31 - 1, int64(0)
    if ready & preferred:
        ready &= preferred
    for lane in range(s.LANES):
        if (ready >> lane) & 1:
            pc = min(pc, int64(read_i32(warp + s.PC + 4 * lane)))
    if ready:
        for lane in range(s.LANES):
            if (live >> lane) & 1 and read_i32(warp + s.PC + 4 * lane) == pc:
                mask |= int64(1) << lane
    return pc, mask


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
def _run_warp(core, warp):
    """Run a warp until it waits, ends, has used up its turn or faults; returns the basic blocks that it has executed.

    Warps that may talk to each other have turns of random length if seeded.
    """
    turn = TURN
    if get(core, s.SEED) and get(core, s.STRONG):
        turn = 1 << (_random(core) % 8)
    put(core, s.TURN_LEFT, turn)
    _run_turn(core, warp)
    return turn - get(core, s.TURN_LEFT) - get(core, s.CUT)


@njit
def _run_turn(core, warp):
    put(core, s.CUT, 0)
    put(core, s.POLLS, 0)
    preferred = get(warp, s.PREFERRED)
    while get(core, s.ERROR) == 0:
        live = get(warp, s.LIVE)
        if live == 0:
            put(warp, s.STATUS, s.DONE)
            return
        pc, mask = lanes_at_lowest(warp, preferred)
        # lanes that wait may have waited for some that have exited since
        if mask == 0 and get(warp, s.RETRIED) != live and not left_behind(core, warp, get(warp, s.SITE)):
            put(warp, s.RETRIED, live)
            put(warp, s.PARKED, 0)
            continue
        if mask == 0:  # every live lane waits: deadlock
            kind = BARRIER_DIVERGENCE if get(warp, s.BARRIER) else WARP_DIVERGENCE
            fault(core, warp, first_lane(live), kind, get(warp, s.SITE), 0, 0, -1)
            return
        put(warp, s.PARKED, get(warp, s.PARKED) & ~mask)
        # execute the lanes at the lowest program counter
        next_pc = call_advance(get(core, s.ADVANCE), core, warp, int32(pc), int32(_low_32(mask)), int32(mask == live))
        if next_pc == s.YIELD:
            return
        if next_pc >= 0:
            for lane in range(s.LANES):
                if (mask >> lane) & 1:
                    write_i32(warp + s.PC + 4 * lane, next_pc)
        if get(core, s.TURN_LEFT) <= 0:
            # the turn of lanes further on comes next: one of them may hold the lock that these poll
            further = int64(0)
            for lane in range(s.LANES):
                further |= int64((live >> lane) & 1 and int64(read_i32(warp + s.PC + 4 * lane)) > pc) << lane
            put(warp, s.PREFERRED, further & ~mask if get(core, s.POLLS) else 0)
            return


@njit
def _reset_shadows(core):
    """Reset barriers, clocks and shadow memory."""
    for slot in (s.NOW, s.LAST_SYNC, s.LAST_BARRIER, s.SOFT, s.ACQUIRED, s.RELEASE_SLOT, s.FRUITLESS, s.LANE_SEEN):
        put(core, slot, 0)
    for i in range(s.BARRIER_SLOTS * s.BARRIER_COUNT):
        put(get(core, s.BARRIERS), i, 0)
    for i in range(s.LANES * s.LANES):
        put(get(core, s.SEEN), i, 0)
    if get(core, s.CHECK):
        for slot in (s.WRITES, s.READS, s.STRONG, s.SYNC):
            if get(core, slot):
                for i in range((get(core, s.SHARED_BYTES) >> get(core, s.SHARED_GRANULE)) + 1):
                    put(get(core, slot), i, 0)
    if get(core, s.POOL):
        for i in range(2 * s.LANES * s.LANES):
            put(get(core, s.FLUSHED), i, 0)
            put(get(core, s.FENCES), i, 0)
    if get(core, s.LOCAL_INIT):
        for i in range(get(core, s.LOCAL_BYTES) * s.LANES * get(core, s.WARPS) // 8 + 1):
            put(get(core, s.LOCAL_INIT), i, 0)


@njit
def _start_block(core, block):
    """Reset the state of a block and set every warp to its first instruction."""
    x, y = get(core, s.GRID), get(core, s.GRID + 1)
    put(core, s.CTAID, block % x)
    put(core, s.CTAID + 1, block // x % y)
    put(core, s.CTAID + 2, block // (x * y))
    put(core, s.BLOCK_ID, block + 1)
    _reset_shadows(core)
    # warps: program counters, thread indices, live lanes
    threads, bx, by = get(core, s.THREADS), get(core, s.BLOCK), get(core, s.BLOCK + 1)
    for index in range(get(core, s.WARPS)):
        warp, live = frame_of(core, index), int64(0)
        for lane in range(s.LANES):
            thread = s.LANES * index + lane
            live |= int64(thread < threads) << lane
            write_i32(warp + s.PC + 4 * lane, int32(0))
            write_i32(warp + s.GROUP + 4 * lane, int32(0))
            write_i32(warp + s.EXIT_SITE + 4 * lane, int32(0))
            write_i32(warp + s.TID_X + 4 * lane, int32(thread % bx))
            write_i32(warp + s.TID_Y + 4 * lane, int32(thread // bx % by))
            write_i32(warp + s.TID_Z + 4 * lane, int32(thread // (bx * by)))
        put(warp, s.INDEX, index)
        put(warp, s.LIVE, live)
        put(warp, s.INITIAL, live)
        for slot in (s.PARKED, s.STATUS, s.TIME, s.BARRIER, s.RESULT, s.PENDING_FIRST, s.PENDING_END, s.SITE,
                     s.PREFERRED, s.RETRIED):  # fmt: skip
            put(warp, slot, 0)
        put(warp, s.LAST_SITE, -1)


@njit
def _run_block(core):
    """Run the warps of a block in turn; returns whether they are done. A block that only waits gives way to others."""
    warps = get(core, s.WARPS)
    while get(core, s.ERROR) == 0:
        ran = False
        # one round over the warps, in shuffled order if seeded
        start = _random(core) % warps if get(core, s.SEED) else 0
        step = 1 if get(core, s.SEED) == 0 or _random(core) & 1 else warps - 1
        for k in range(warps):
            warp = frame_of(core, (start + step * k) % warps)
            if get(warp, s.STATUS) == s.RUNNING and get(core, s.ERROR) == 0:
                put(core, s.LEFT, get(core, s.LEFT) - _run_warp(core, warp))
                ran = True
        # a block that has used up its budget, or only asks again and again for what never comes
        fruitless, most = get(core, s.FRUITLESS), max(get(core, s.BUDGET) >> 6, 2 * PATIENCE)
        if (get(core, s.LEFT) <= 0 or fruitless > most) and get(core, s.ERROR) == 0:
            warp = frame_of(core, 0)
            for k in range(warps):
                if get(warp, s.STATUS) == s.DONE:
                    warp = frame_of(core, k)
            fault(core, warp, first_lane(get(warp, s.LIVE)), HANG, get(warp, s.LAST_SITE), 0, 0, -1)
        if not ran and stuck(core):
            return True
        if fruitless >= get(core, s.PAUSE):
            put(core, s.PAUSE, fruitless + PATIENCE)
            return False
    return True


@lazily(int64(int64, int64, int64, int64))
def run_blocks(core, order, first, count):
    """Run blocks order[first], order[first + 1], ... until one faults or waits; returns the number of the next one.

    With `first` equal to -1, the block of the core, which has waited, goes on.
    """
    i = max(first, 0)
    while i < count:
        block = read_i64(order + 8 * i)
        if first >= 0:
            if block > read_i64(get(core, s.FIRST_ERROR)):
                i += 1
                continue
            _start_block(core, block)
            put(core, s.LEFT, get(core, s.BUDGET))
            put(core, s.PAUSE, PATIENCE)
        put(core, s.WAITS, 0 if _run_block(core) else 1)
        i += 1
        if get(core, s.ERROR):
            lowest = get(core, s.FIRST_ERROR)
            write_i64(lowest, min(read_i64(lowest), block))
            return count
        if get(core, s.WAITS):
            return i
    return count
