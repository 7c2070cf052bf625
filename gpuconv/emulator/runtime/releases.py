"""Order through memory: what one thread publishes by a fence and a strong write, another one gets by a strong read.

A strong write (an atomic, or a volatile, relaxed or release store) of a thread that has executed a fence makes a
*release*: what the fences of the block had made visible then, as far as the thread knew. A strong read of that address
makes an *acquisition* of the releases at it. No fence is asked of the reader: its later accesses depend on what it
read, and NVIDIA's threadFenceReduction has none. A fence of the block (`membar.cta`) publishes to threads of the
same block alone.

A query walks from the acquisitions of a thread through releases, and through what their threads had acquired before.
Releases and acquisitions are records in a pool; when it is full, every access counts as ordered.
"""

from numba import int32, int64, njit, types, uint32

from . import state as s
from .core import flushed, get, put, seen
from .raw import lazily, read_i64, write_i64

publish_at = types.ExternalFunction("emulator.publish", types.void(*[int64] * 4))
published = types.ExternalFunction("emulator.published", int64(*[int64] * 7))
"""The functions at the end of this file, linked by name so that each is compiled once instead of into every caller."""

_BLOCK, _WARP, _TIME, _BEFORE, _ACQUIRED, _VISIT, _LAST, _WARPS = range(8)
_LANES, _FENCED, _ROWS = 8, 10, 12
"""A release: its thread; the release before it; the block's acquisitions by then; marks; then, for each scope, the
lanes that released, the time of their fence, and a vector clock."""

_FROM, _BY, _LANES_BY, _AT, _PREVIOUS, _IN_BLOCK = range(6)
"""An acquisition: of which release, by which warp, lanes and when; the block's acquisition before; the block."""


@njit
def _new(core, words):
    """A record of the pool; 0 if the pool is full."""
    pool = get(core, s.POOL)
    record = get(pool, s.POOL_NEXT)
    if record + 8 * words > get(pool, s.POOL_END):
        put(pool, s.POOL_FULL, 1)
        return int64(0)
    put(pool, s.POOL_NEXT, record + 8 * words)
    return record


@njit(inline="always")
def fence_time(core, me, lane, scope):
    """Address of the time of a thread's last fence of a scope."""
    return get(core, s.FENCES) + 8 * (2 * (s.LANES * me + lane) + scope)


@njit
def _flush(core, me, scope):
    for other in range(get(core, s.WARPS)):
        entry = flushed(core, scope, me, other)
        write_i64(entry, max(read_i64(entry), read_i64(seen(core, me, other))))


@njit
def note_fence(core, warp, lane, scope):
    """A fence of a thread: what it knows, and what it did itself, becomes visible to the block or to the device."""
    me, now = get(warp, s.INDEX), get(core, s.NOW)
    for level in range(scope + 1):
        write_i64(fence_time(core, me, lane, level), now)
        _flush(core, me, level)


@lazily(types.void(int64, int64, uint32, int32))
def fence(core, warp, mask, scope):
    """membar and fence of the active lanes."""
    if get(core, s.POOL):
        for lane in range(s.LANES):
            if (mask >> uint32(lane)) & uint32(1):
                note_fence(core, warp, lane, int64(scope))


@njit
def join_fences(core, me):
    """At a barrier of its warp or block, fences of single lanes become known to the whole warp."""
    for scope in range(2):
        latest = int64(0)
        for lane in range(s.LANES):
            latest = max(latest, read_i64(fence_time(core, me, lane, scope)))
        entry = flushed(core, scope, me, me)
        write_i64(entry, max(read_i64(entry), latest))


@njit
def acquire(core, warp, lane, slot):
    """A strong read by a lane: it gets the releases at an address."""
    release, me = read_i64(slot), get(warp, s.INDEX)
    if release == 0:
        return
    # by the same warp, or one that it has already
    same_warp = get(release, _BLOCK) == get(core, s.BLOCK_ID) and get(release, _WARP) == me
    if same_warp and (get(release, _LANES) >> lane) & 1:
        return
    last = get(release, _LAST)
    if last and get(last, _IN_BLOCK) == get(core, s.BLOCK_ID) and get(last, _BY) == me:
        put(last, _LANES_BY, get(last, _LANES_BY) | (int64(1) << lane))
        return
    entry = _new(core, 6)
    if entry:
        put(entry, _FROM, release)
        put(entry, _BY, me)
        put(entry, _LANES_BY, int64(1) << lane)
        put(entry, _AT, get(core, s.NOW))
        put(entry, _PREVIOUS, get(core, s.ACQUIRED))
        put(entry, _IN_BLOCK, get(core, s.BLOCK_ID))
        put(core, s.ACQUIRED, entry)
        put(core, s.LAST_SYNC, get(core, s.NOW))
        put(release, _LAST, entry)


@njit
def _row(release, scope, other):
    return read_i64(release + 8 * (_ROWS + get(release, _WARPS) * scope + other))


@njit
def _nothing_new(core, me, lane, release):
    """Whether a release already says all that a lane could release now."""
    if get(release, _BLOCK) != get(core, s.BLOCK_ID) or get(release, _WARP) != me:
        return False
    if get(release, _ACQUIRED) != get(core, s.ACQUIRED):
        return False
    for scope in range(2):
        if not (get(release, _LANES + scope) >> lane) & 1:
            return False
        if get(release, _FENCED + scope) < read_i64(fence_time(core, me, lane, scope)):
            return False
        for other in range(get(core, s.WARPS)):
            if _row(release, scope, other) < read_i64(flushed(core, scope, me, other)):
                return False
    return True


@lazily(types.void(*[int64] * 4))
def _publish(core, warp, lane, slot):
    """A strong write by a lane: a release of what fences have made visible."""
    me, release = get(warp, s.INDEX), read_i64(slot)
    # a release for all lanes of one instruction, none if nothing is new
    if release and _nothing_new(core, me, lane, release):
        return
    same_block = release and get(release, _BLOCK) == get(core, s.BLOCK_ID)
    if not (same_block and get(release, _WARP) == me and get(release, _TIME) == get(warp, s.TIME)):
        warps = get(core, s.WARPS)
        new = _new(core, _ROWS + 2 * warps)
        if new == 0:
            return
        put(new, _BLOCK, get(core, s.BLOCK_ID))
        put(new, _WARP, me)
        put(new, _TIME, get(warp, s.TIME))
        put(new, _BEFORE, release)
        put(new, _ACQUIRED, get(core, s.ACQUIRED))
        put(new, _WARPS, warps)
        for scope in range(2):
            for other in range(warps):
                put(new, _ROWS + warps * scope + other, read_i64(flushed(core, scope, me, other)))
        write_i64(slot, new)
        release = new
    for scope in range(2):
        put(release, _LANES + scope, get(release, _LANES + scope) | (int64(1) << lane))
        time = read_i64(fence_time(core, me, lane, scope))
        put(release, _FENCED + scope, max(get(release, _FENCED + scope), time))


@njit
def _covers(release, scope, time, block, other, lane):
    """Whether a release makes the access of a stamp visible."""
    if get(release, _BLOCK) != block:
        return False
    if other >= get(release, _WARPS):  # several warps
        for warp in range(get(release, _WARPS)):
            if time <= _row(release, scope, warp):
                return True
        return False
    if time <= _row(release, scope, other):
        return True
    lanes = get(release, _LANES + scope)
    same_warp = other == get(release, _WARP) and (lane >= s.LANES or (lanes >> lane) & 1)
    return same_warp and time <= get(release, _FENCED + scope)


@njit
def _push(pool, top, release, block):
    """Put a release on the stack, with the block that has acquired it, unless it has been visited."""
    if release == 0 or get(release, _VISIT) == get(pool, s.POOL_QUERY):
        return top
    put(release, _VISIT, get(pool, s.POOL_QUERY))
    put(get(pool, s.POOL_STACK), 2 * top, release)
    put(get(pool, s.POOL_STACK), 2 * top + 1, block)
    return top + 1


@lazily(int64(*[int64] * 7))
def _published(core, me, lane, time, block, other, other_lane):
    """Whether the access of a stamp has reached lane `lane` of warp `me` through releases and acquisitions."""
    pool, here = get(core, s.POOL), get(core, s.BLOCK_ID)
    if get(pool, s.POOL_FULL):
        return int64(1)
    put(pool, s.POOL_QUERY, get(pool, s.POOL_QUERY) + 1)
    # what this thread has acquired
    top, entry = int64(0), get(core, s.ACQUIRED)
    while entry:
        from_release = get(entry, _BY) == me and (get(entry, _LANES_BY) >> lane) & 1
        if from_release or get(entry, _AT) <= read_i64(seen(core, me, get(entry, _BY))):
            top = _push(pool, top, get(entry, _FROM), here)
        entry = get(entry, _PREVIOUS)
    # several blocks: too many to tell one from another
    if top and block == (1 << 21) - 1:
        return int64(1)
    while top:
        top -= 1
        release, reader = get(get(pool, s.POOL_STACK), 2 * top), get(get(pool, s.POOL_STACK), 2 * top + 1)
        scope = s.CTA if get(release, _BLOCK) == reader else s.GPU
        if _covers(release, scope, time, block, other, other_lane):
            return int64(1)
        # the releases at the same address before, and those that the releasing thread had acquired
        top = _push(pool, top, get(release, _BEFORE), reader)
        entry = get(release, _ACQUIRED)
        while entry:
            by, fenced = get(entry, _BY), get(release, _FENCED + scope)
            from_release = by == get(release, _WARP) and get(entry, _LANES_BY) & get(release, _LANES + scope) != 0
            if get(entry, _AT) <= _row(release, scope, by) or (from_release and get(entry, _AT) <= fenced):
                top = _push(pool, top, get(entry, _FROM), get(release, _BLOCK))
            entry = get(entry, _PREVIOUS)
    return int64(0)


LINKED = {publish_at.symbol: _publish, published.symbol: _published}
