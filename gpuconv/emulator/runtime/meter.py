"""Cost of a memory request by the models of docs/emulator.md: shared-memory wavefronts, global-memory sectors."""

import numpy as np
from numba import njit, uint32

from . import state as s
from .core import get, put
from .raw import read_i64

SECTOR = 32
BANKS = 32


@njit
def add_to_meter(core, site, mask, passes, least, size):
    """Count a request of an instruction."""
    row = get(core, s.SITE_METER) + 8 * s.METER_SLOTS * site
    active = 0
    for lane in range(s.LANES):
        active += (mask >> uint32(lane)) & uint32(1)
    put(row, s.REQUESTS, get(row, s.REQUESTS) + 1)
    put(row, s.LANES_ACTIVE, get(row, s.LANES_ACTIVE) + active)
    put(row, s.PASSES, get(row, s.PASSES) + passes)
    put(row, s.LEAST, get(row, s.LEAST) + least)
    put(row, s.BYTES, get(row, s.BYTES) + size * active)


@njit
def different(addresses, mask, first, last, size, unit):
    """Distinct pieces of `unit` bytes that lanes first..last-1 access, in order of first access."""
    pieces = np.empty(s.LANES * 5, np.int64)
    count = 0
    for lane in range(first, last):
        if (mask >> uint32(lane)) & uint32(1):
            address = read_i64(addresses + 8 * lane)
            for piece in range(address // unit, (address + size - 1) // unit + 1):
                known = False
                for i in range(count):
                    known = known or pieces[i] == piece
                if not known:
                    pieces[count] = piece
                    count += 1
    return pieces[:count]


@njit
def group_wavefronts(addresses, mask, first, last, size):
    """Wavefronts of lanes first..last-1: the largest number of distinct words in one bank."""
    wanted = np.zeros(BANKS, np.int64)
    for word in different(addresses, mask, first, last, size, 4):
        wanted[word % BANKS] += 1
    return wanted.max()


@njit
def meter_shared(core, addresses, mask, site, size):
    """Count the wavefronts of a request: per warp, per half warp for 64 bits a lane, per quarter warp for 128 bits.

    Two adjacent groups are served together if that needs no more wavefronts than the larger of them alone.
    """
    lanes = s.LANES if size <= 4 else s.LANES * 4 // size
    passes, first = 0, 0
    while first < s.LANES:
        wavefronts = group_wavefronts(addresses, mask, first, first + lanes, size)
        if lanes < s.LANES and first // lanes % 2 == 0:
            other = group_wavefronts(addresses, mask, first + lanes, first + 2 * lanes, size)
            merged = group_wavefronts(addresses, mask, first, first + 2 * lanes, size)
            wavefronts = merged if merged <= max(wavefronts, other) else wavefronts + other
            first += lanes
        passes += wavefronts
        first += lanes
    least = -(-different(addresses, mask, 0, s.LANES, size, 4).size // BANKS)
    add_to_meter(core, site, mask, passes, least, size)


@njit
def meter_global(core, addresses, mask, site, size):
    """Count the 32-byte sectors of a request; the minimum is that of the same bytes stored contiguously."""
    passes = different(addresses, mask, 0, s.LANES, size, SECTOR).size
    unit = min(size, 4)
    least = -(-different(addresses, mask, 0, s.LANES, size, unit).size * unit // SECTOR)
    add_to_meter(core, site, mask, passes, least, size)
