"""Slots of the state of a running block, its first fault, its clock."""

from numba import njit

from . import state as s
from .raw import read_i64, write_i64

OUT_OF_BOUNDS, MISALIGNED, WRITE_TO_CONSTANT, UNINITIALIZED = 1, 2, 3, 4
RACE_SHARED, RACE_WARP, RACE_GLOBAL, RACE_ASYNC = 5, 6, 7, 8
BARRIER_DIVERGENCE, WARP_DIVERGENCE, TRAP, HANG, LIMIT = 9, 10, 11, 12, 13

PATIENCE, POLLS_A_TURN = 1 << 12, 64
"""Polls after which a block gives way to other blocks, and a warp to other warps."""


@njit(inline="always")
def get(record, slot):
    """Read a slot of a core, a warp or a table row."""
    return read_i64(record + 8 * slot)


@njit(inline="always")
def put(record, slot, value):
    """Write a slot of a core, a warp or a table row."""
    write_i64(record + 8 * slot, value)


@njit(inline="always")
def tick(core, warp, site):
    """Advance the clock of the block: the time of a memory instruction of a warp."""
    now = get(core, s.NOW) + 1
    put(core, s.NOW, now)
    put(warp, s.TIME, now)
    put(warp, s.LAST_SITE, site)


@njit
def note_poll(core, fruitful):
    """Count strong accesses that change nothing: a warp that polls gives way to others soon."""
    if fruitful:
        put(core, s.FRUITLESS, 0)
        put(core, s.PAUSE, PATIENCE)
        put(core, s.POLLS, 0)
        return
    put(core, s.FRUITLESS, get(core, s.FRUITLESS) + 1)
    put(core, s.POLLS, get(core, s.POLLS) + 1)
    left = get(core, s.TURN_LEFT)
    if get(core, s.POLLS) >= POLLS_A_TURN and left > 1:
        put(core, s.CUT, left - 1)
        put(core, s.TURN_LEFT, 1)


@njit(inline="always")
def seen(core, warp, other):
    """Address of entry `other` in the vector clock of warp `warp`."""
    return get(core, s.SEEN) + 8 * (s.LANES * warp + other)


@njit(inline="always")
def lane_seen(core, warp, lane, other):
    """Address of entry `other` in the vector clock of a lane: lanes of its warp that it has synchronized with."""
    return get(core, s.LANE_SEEN) + 8 * (s.LANES * (s.LANES * warp + lane) + other)


@njit(inline="always")
def flushed(core, scope, warp, other):
    """Like `seen`: the latest time of warp `other` that a fence of a scope has made visible, as `warp` knows."""
    return get(core, s.FLUSHED) + 8 * (s.LANES * (s.LANES * scope + warp) + other)


@njit
def fault(core, warp, lane, kind, site, address, size, other):
    """Record the first fault of a block; returns 0, the null host address.

    A suspicion that has been noted comes first, unless a race explains it.
    """
    if get(core, s.SOFT) and kind == RACE_SHARED and get(core, s.SOFT + 5) == RACE_WARP:
        return blame(core, kind, get(warp, s.INDEX) * s.LANES + lane)
    if get(core, s.SOFT) and kind not in (RACE_SHARED, RACE_WARP):
        settle(core)
    if get(core, s.ERROR) == 0:
        put(core, s.ERROR, kind)
        put(core, s.ERROR_SITE, site)
        put(core, s.ERROR_THREAD, get(warp, s.INDEX) * s.LANES + lane)
        put(core, s.ERROR_ADDRESS, address)
        put(core, s.ERROR_BYTES, size)
        put(core, s.ERROR_OTHER, other)
    return 0


@njit
def suspect(core, warp, lane, kind, site, address, size, other):
    """Note a fault that a later one, before the next barrier, may show to be a race of the block; returns 1.

    It is a read of unwritten shared memory, which another thread may be about to write, or a race within a warp, which
    is one of the block if threads of other warps take part.
    """
    if get(core, s.SOFT) == 0:
        put(core, s.SOFT, 1)
        put(core, s.SOFT + 1, site)
        put(core, s.SOFT + 2, get(warp, s.INDEX) * s.LANES + lane)
        put(core, s.SOFT + 3, address)
        put(core, s.SOFT + 4, size)
        put(core, s.SOFT + 5, kind)
        put(core, s.SOFT + 6, other)
    return 1


@njit
def blame(core, kind, other):
    """Report what has been noted, as a fault of a kind with another thread; returns 0."""
    if get(core, s.ERROR) == 0:
        put(core, s.ERROR, kind)
        put(core, s.ERROR_SITE, get(core, s.SOFT + 1))
        put(core, s.ERROR_THREAD, get(core, s.SOFT + 2))
        put(core, s.ERROR_ADDRESS, get(core, s.SOFT + 3))
        put(core, s.ERROR_BYTES, get(core, s.SOFT + 4))
        put(core, s.ERROR_OTHER, other)
    return 0


@njit
def settle(core):
    """Report what has been noted, if anything, as what it seemed to be."""
    if get(core, s.SOFT):
        blame(core, get(core, s.SOFT + 5), get(core, s.SOFT + 6))
