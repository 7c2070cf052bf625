"""Stamps of memory accesses, and the order of an earlier access and the current thread.

A stamp is the time, block, warp and lane of an access. Time counts the memory instructions of a block. `seen[v][w]` is
the vector clock of warp v: the latest time of warp w that it has synchronized with; barriers join the clocks. An access
is ordered after an earlier one by the same thread, or by a stamp not newer than the clock, or by what was published
through memory (releases.py). A stamp can stand for several lanes, for several warps, or for several blocks.
"""

from numba import njit

from . import state as s
from .core import get, lane_seen, seen
from .raw import read_i64
from .releases import published

STRONG_WRITE_BIT, PENDING_BIT = 1, 2
SEVERAL_LANES, SEVERAL_WARPS, SEVERAL_BLOCKS = 32, 63, (1 << 21) - 1
_LATEST = (1 << 28) - 1


@njit(inline="always")
def stamp_of(time, block, warp, lane, bits):
    """The stamp of an access. Beyond 2^28 memory instructions of a block, time stands still and races are missed."""
    return (min(time, _LATEST) << 35) | (block << 14) | (warp << 8) | (lane << 2) | bits


@njit(inline="always")
def time_of(stamp):
    """Time of an access."""
    return stamp >> 35


@njit(inline="always")
def block_of(stamp):
    """Number of the block, from 1."""
    return (stamp >> 14) & SEVERAL_BLOCKS


@njit(inline="always")
def warp_of(stamp):
    """Warp of an access in its block."""
    return (stamp >> 8) & 63


@njit(inline="always")
def lane_of(stamp):
    """Lane of an access in its warp."""
    return (stamp >> 2) & 63


@njit(inline="always")
def same_instruction(one, two):
    """Whether two stamps are of lanes that execute one instruction together."""
    return one >> 8 == two >> 8


@njit
def _seen_by_lane(core, me, lane, stamp):
    """Whether barriers of a part of the warp order an access of it; one that stands for several lanes if any does."""
    if lane_of(stamp) < SEVERAL_LANES:
        return time_of(stamp) <= read_i64(lane_seen(core, me, lane, lane_of(stamp)))
    for other in range(s.LANES):
        if other != lane and time_of(stamp) <= read_i64(lane_seen(core, me, lane, other)):
            return True
    return False


@njit
def ordered(core, me, lane, stamp):
    """Whether the access of a stamp happened before the current access of lane `lane` of warp `me`."""
    block, other = block_of(stamp), warp_of(stamp)
    if block == get(core, s.BLOCK_ID):
        if other == me and lane_of(stamp) == lane:
            return True
        if other != SEVERAL_WARPS:
            if time_of(stamp) <= read_i64(seen(core, me, other)):
                return True
            if other == me and get(core, s.LANE_SEEN) and _seen_by_lane(core, me, lane, stamp):
                return True
        else:
            for v in range(get(core, s.WARPS)):
                if v != me and time_of(stamp) <= read_i64(seen(core, me, v)):
                    return True
    if get(core, s.POOL) == 0:
        return False
    return published(core, me, lane, time_of(stamp), block, other, lane_of(stamp)) != 0
