"""What a memory request costs by the models of docs/emulator.md: wavefronts of shared, sectors of global memory."""

import numpy as np
from numba import njit, uint32

from . import state as s
from .access import get, put
from .raw import read_i64

SECTOR = 32
BANKS = 32


@njit
def add_to_meter(core, site, mask, passes, least, size):
    """Count a request at its place."""
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
    """The different pieces of `unit` bytes that the lanes first..last-1 touch, in the order of their first mention."""
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
    """Wavefronts of the lanes first..last-1: the largest number of different words that they want of one bank."""
    wanted = np.zeros(BANKS, np.int64)
    for word in different(addresses, mask, first, last, size, 4):
        wanted[word % BANKS] += 1
    return wanted.max()


@njit
def meter_shared(core, addresses, mask, site, size):
    """Count the wavefronts of a request: by the whole warp, by halves for 64 bits, by quarters for 128 bits a lane.

    Neighboring groups share their wavefronts where that takes no more than the larger of them takes alone.
    """
    lanes = s.LANES if size <= 4 else s.LANES * 4 // size
    passes, first = 0, 0
    while first < s.LANES:
        mine = group_wavefronts(addresses, mask, first, first + lanes, size)
        if lanes < s.LANES and first // lanes % 2 == 0:
            other = group_wavefronts(addresses, mask, first + lanes, first + 2 * lanes, size)
            together = group_wavefronts(addresses, mask, first, first + 2 * lanes, size)
            mine = together if together <= max(mine, other) else mine + other
            first += lanes
        passes += mine
        first += lanes
    least = -(-different(addresses, mask, 0, s.LANES, size, 4).size // BANKS)
    add_to_meter(core, site, mask, passes, least, size)


@njit
def meter_global(core, addresses, mask, site, size):
    """Count the sectors of 32 bytes that a request touches; the fewest possible hold the same bytes side by side."""
    passes = different(addresses, mask, 0, s.LANES, size, SECTOR).size
    unit = min(size, 4)
    least = -(-different(addresses, mask, 0, s.LANES, size, unit).size * unit // SECTOR)
    add_to_meter(core, site, mask, passes, least, size)
