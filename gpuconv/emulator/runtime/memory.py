"""Loads and stores of a warp: one call per instruction, which handles the active lanes one after the other.

The data of a vector access are stored element by element: data[k][lane].
"""

from numba import int32, int64, njit, types, uint32

from . import state as s
from .access import global_access, local_access, shared_access
from .core import RACE_WARP, fault, get, note_poll, put, tick
from .meter import meter_global, meter_shared
from .raw import lazily, read_bits, read_i64, read_u8, write_bits
from .releases import note_fence, publish_at

GENERIC_SPACE, SHARED_SPACE, LOCAL_SPACE = range(3)

MEMORY_SIGNATURE = types.void(int64, int64, int64, int64, uint32, int32, int32)
"""Arguments: core, warp, addresses, data, mask, site, elements."""

_SPACES = {"generic": GENERIC_SPACE, "shared": SHARED_SPACE, "local": LOCAL_SPACE}


@njit(inline="always")
def _tick(core, warp, addresses, mask, site, size, space):
    tick(core, warp, site)
    if get(core, s.SITE_METER):
        if space == SHARED_SPACE:
            meter_shared(core, addresses, mask, site, size)
        elif space == GENERIC_SPACE:
            meter_global(core, addresses, mask, site, size)


@njit
def _host(core, warp, lane, address, size, site, kind, space):
    if space == SHARED_SPACE:
        return shared_access(core, warp, lane, address, size, site, kind, False)
    if space == LOCAL_SPACE:
        return local_access(core, warp, lane, address, size, site, kind)
    return global_access(core, warp, lane, address, size, site, kind)


def load(space, size, order="weak"):
    """Runtime function that loads elements of `size` bytes from a space: generic, shared or local.

    order: weak, or strong for volatile, relaxed and acquire loads.
    """
    space, bits, kind = _SPACES[space], 8 * size, s.READ if order == "weak" else s.STRONG_READ

    def run(core, warp, addresses, data, mask, site, elements):
        _tick(core, warp, addresses, mask, site, size * elements, space)
        for lane in range(s.LANES):
            if (mask >> uint32(lane)) & uint32(1):
                address = read_i64(addresses + 8 * lane)
                host = _host(core, warp, lane, address, size * elements, site, kind, space)
                if host == 0:
                    return
                for k in range(elements):
                    write_bits(bits, data + size * (s.LANES * k + lane), read_bits(bits, host + size * k))
        if kind == s.STRONG_READ:
            note_poll(core, False)

    return lazily(MEMORY_SIGNATURE)(run)()


@njit
def _conflict(core, warp, addresses, data, mask, site, size, elements):
    """Report two lanes of one store that write different values to one address."""
    for lane in range(1, s.LANES):
        if (mask >> uint32(lane)) & uint32(1):
            address = read_i64(addresses + 8 * lane)
            if address >> s.SPACE_SHIFT == s.LOCAL_WINDOW:  # a generic address of the thread's local memory
                continue
            for other in range(lane):
                if (mask >> uint32(other)) & uint32(1) and read_i64(addresses + 8 * other) == address:
                    for k in range(elements):
                        for i in range(size):
                            value = read_u8(data + size * (s.LANES * k + lane) + i)
                            if value != read_u8(data + size * (s.LANES * k + other) + i):
                                thread = get(warp, s.INDEX) * s.LANES + other
                                fault(core, warp, lane, RACE_WARP, site, address, size * elements, thread)
                                return True
    return False


def store(space, size, order="weak"):
    """Runtime function that stores elements of `size` bytes to a space.

    order: weak; strong for volatile and relaxed stores; release_SCOPE, which includes a fence.
    """
    space, bits, kind = _SPACES[space], 8 * size, s.WRITE if order == "weak" else s.STRONG_WRITE
    fenced = {"release_cta": s.CTA, "release_gpu": s.GPU}.get(order, -1)

    def run(core, warp, addresses, data, mask, site, elements):
        _tick(core, warp, addresses, mask, site, size * elements, space)
        put(core, s.DATA, data)
        put(core, s.ELEMENT, size)
        if space != LOCAL_SPACE and kind == s.WRITE and get(core, s.CHECK):
            if _conflict(core, warp, addresses, data, mask, site, size, elements):
                return
        for lane in range(s.LANES):
            if (mask >> uint32(lane)) & uint32(1):
                address = read_i64(addresses + 8 * lane)
                host = _host(core, warp, lane, address, size * elements, site, kind, space)
                if host == 0:
                    return
                for k in range(elements):
                    write_bits(bits, host + size * k, read_bits(bits, data + size * (s.LANES * k + lane)))
                if kind == s.STRONG_WRITE and get(core, s.RELEASE_SLOT):
                    if fenced >= 0:
                        note_fence(core, warp, lane, fenced)
                    publish_at(core, warp, lane, get(core, s.RELEASE_SLOT))
                    put(core, s.RELEASE_SLOT, 0)
        if kind == s.STRONG_WRITE:
            note_poll(core, True)

    return lazily(MEMORY_SIGNATURE)(run)()
