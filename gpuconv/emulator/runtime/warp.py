"""Warp-level primitives: synchronization, shuffle, match, redux."""

from numba import int32, int64, njit, types, uint32

from . import state as s
from .barriers import first_lane, left_behind, park
from .core import TRAP, WARP_DIVERGENCE, fault, get, lane_seen, put, seen
from .raw import lazily, read_f32, read_i32, read_i64, read_u32, write_f32, write_i32, write_i64, write_u32
from .releases import join_fences

UNDEFINED = 0x7FFBCBCB
"""What a shuffle from a lane without a value gives: a NaN as float32 and as half of a float64."""


@lazily(int32(int64, int64, int64, uint32, int32, int32, uint32))
def wait_for(core, warp, members, mask, site, pc, active):
    """Return 0 if all lanes named in the member masks are active; else park the active lanes and return 1."""
    wanted = int64(0)
    for lane in range(s.LANES):
        if (mask >> uint32(lane)) & uint32(1):
            members_of_lane = int64(read_u32(members + 4 * lane))
            wanted |= members_of_lane
            if not (members_of_lane >> lane) & 1:
                fault(core, warp, lane, WARP_DIVERGENCE, site, 0, 0, -1)
                return int32(1)
    gone = wanted & get(warp, s.INITIAL) & ~get(warp, s.LIVE)
    if gone and mask and get(core, s.CHECK) and left_behind(core, warp, int64(site)):
        fault(core, warp, first_lane(int64(mask)), WARP_DIVERGENCE, site, 0, 0, -1)
        return int32(1)
    if mask == uint32(0) or wanted & get(warp, s.LIVE) & ~int64(mask) == 0:
        return int32(0)
    park(core, warp, int64(active), pc, site, 0)
    return int32(1)


@njit
def _synchronize_lanes(core, warp, members, mask):
    """Join the clocks of lanes that name the same members."""
    me = get(warp, s.INDEX)
    if get(core, s.LANE_SEEN) == 0:
        for k in range(s.LANES * s.LANES * get(core, s.WARPS)):
            put(get(core, s.LANE_CLOCKS), k, 0)
        put(core, s.LANE_SEEN, get(core, s.LANE_CLOCKS))
    done = int64(0)
    for lane in range(s.LANES):
        if not (mask & ~done) >> lane & 1:
            continue
        # the lanes that wait for each other, and what any of them has seen
        group = int64(0)
        for other in range(s.LANES):
            same = read_u32(members + 4 * other) == read_u32(members + 4 * lane)
            group |= int64(same and mask >> other & 1 and read_u32(members + 4 * lane) >> uint32(other) & 1) << other
        for known in range(s.LANES):
            latest = get(warp, s.TIME) if group >> known & 1 else int64(0)
            for other in range(s.LANES):
                if group >> other & 1:
                    latest = max(latest, read_i64(lane_seen(core, me, other, known)))
            for other in range(s.LANES):
                if group >> other & 1:
                    write_i64(lane_seen(core, me, other, known), latest)
        done |= group


@lazily(types.void(int64, int64, int64, uint32))
def synchronize_warp(core, warp, members, mask):
    """bar.warp.sync: earlier accesses of the lanes named are ordered before later ones of all of them."""
    me, whole = get(warp, s.INDEX), True
    for lane in range(s.LANES):
        if (mask >> uint32(lane)) & uint32(1):
            whole = whole and get(warp, s.LIVE) & ~int64(read_u32(members + 4 * lane)) == 0
    if whole:
        write_i64(seen(core, me, me), get(warp, s.TIME))
    elif get(core, s.LANE_CLOCKS):
        _synchronize_lanes(core, warp, members, int64(mask))
    put(core, s.LAST_SYNC, get(core, s.NOW))
    if get(core, s.POOL):
        join_fences(core, me)


@lazily(types.void(int64, int64, uint32, int32))
def trap(core, warp, mask, site):
    """trap: the kernel aborts if any lane is active."""
    for lane in range(s.LANES):
        if (mask >> uint32(lane)) & uint32(1):
            fault(core, warp, lane, TRAP, site, 0, 0, -1)
            return


@lazily(uint32(int64, int64, int64, int64, int64, int32, uint32, int32))
def shuffle(warp, values, amounts, clamps, results, mode, mask, site):
    """shfl.sync by the formulas of PTX ISA 9.7.9.6; returns the mask of lanes whose source is in range."""
    found = uint32(0)
    for lane in range(s.LANES):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        amount, clamp = int64(read_u32(amounts + 4 * lane)) & 31, int64(read_u32(clamps + 4 * lane))
        segment, limit = (clamp >> 8) & 31, clamp & 31
        most = (lane & segment) | (limit & ~segment)
        if mode == 0:
            source = lane - amount
            inside = source >= most
        elif mode == 1:
            source = lane + amount
            inside = source <= most
        elif mode == 2:
            source = lane ^ amount
            inside = source <= most
        else:
            source = (lane & segment) | (amount & ~segment)
            inside = source <= most
        if inside:
            found |= uint32(1) << uint32(lane)
        else:
            source = lane
        # a lane that does not take part has no value (PTX ISA: "results are undefined")
        active = (mask >> uint32(source)) & uint32(1)
        value = read_u32(values + 4 * source) if active else uint32(UNDEFINED)
        if value == uint32(UNDEFINED):
            write_i32(warp + s.ORIGIN + 4 * lane, read_i32(warp + s.ORIGIN + 4 * source) if active else site + 1)
        write_u32(results + 4 * lane, value)
    return found


@lazily(types.void(int64, int64, uint32, int32))
def report_undefined(core, warp, mask, site):
    """Report the shuffle that read from lanes that take no part, once such a value is stored in global memory.

    Only then: of a reduction by shuffles many lanes receive values that nobody uses.
    """
    if mask and get(core, s.CHECK):
        lane = first_lane(int64(mask))
        origin = read_i32(warp + s.ORIGIN + 4 * lane)
        fault(core, warp, lane, WARP_DIVERGENCE, origin - 1 if origin else site, 0, 0, -1)


def match(mode, bits):
    """Runtime function of match.any or match.all for values of `bits` bits."""
    everyone, wide = mode == "all", bits == 64

    def find(values, results, mask):
        agreed = uint32(0)
        for lane in range(s.LANES):
            if not (mask >> uint32(lane)) & uint32(1):
                continue
            same = uint32(0)
            for other in range(s.LANES):
                if (mask >> uint32(other)) & uint32(1):
                    if wide:
                        equal = read_i64(values + 8 * lane) == read_i64(values + 8 * other)
                    else:
                        equal = read_i32(values + 4 * lane) == read_i32(values + 4 * other)
                    if equal:
                        same |= uint32(1) << uint32(other)
            if everyone and same != mask:
                same = uint32(0)
            if same:
                agreed |= uint32(1) << uint32(lane)
            write_u32(results + 4 * lane, same)
        return agreed

    return lazily(uint32(int64, int64, uint32))(find)()


@njit
def _better(operation, signed, x, y):
    if signed:
        less = int32(x) < int32(y)
    else:
        less = x < y
    return x if less == (operation == 1) else y


def redux(operation, type_):
    """Runtime function of redux.sync: reduce over all lanes and broadcast."""
    kind = {"add": 0, "min": 1, "max": 2, "and": 3, "or": 4, "xor": 5}[operation]
    if type_ == "f32":
        return _redux_float(kind)
    signed = type_ == "s32"

    def reduce(values, results, mask):
        total, first = uint32(0), True
        for lane in range(s.LANES):
            if (mask >> uint32(lane)) & uint32(1):
                x = read_u32(values + 4 * lane)
                if first:
                    total, first = x, False
                elif kind == 0:
                    total = uint32(total + x)
                elif kind == 3:
                    total = total & x
                elif kind == 4:
                    total = total | x
                elif kind == 5:
                    total = total ^ x
                else:
                    total = _better(kind, signed, total, x)
        for lane in range(s.LANES):
            write_u32(results + 4 * lane, total)
        return mask

    return lazily(uint32(int64, int64, uint32))(reduce)()


def _redux_float(kind):
    def reduce(values, results, mask):
        total, first = read_f32(values), True
        for lane in range(s.LANES):
            if (mask >> uint32(lane)) & uint32(1):
                x = read_f32(values + 4 * lane)
                if first or total != total or (x < total if kind == 1 else x > total):
                    total, first = x, False
        for lane in range(s.LANES):
            write_f32(results + 4 * lane, total)
        return mask

    return lazily(uint32(int64, int64, uint32))(reduce)()
