"""What a memory request costs by the models of docs/emulator.md: wavefronts of shared, sectors of global memory."""

import numpy as np
from numba import njit, uint32

from . import state as s
from .access import get, put
from .raw import read_i64


@njit
def add_to_meter(core, site, mask, passes, size):
    """Count a request at its place."""
    row = get(core, s.SITE_METER) + 8 * s.METER_SLOTS * site
    active = 0
    for lane in range(s.LANES):
        active += (mask >> uint32(lane)) & uint32(1)
    put(row, s.REQUESTS, get(row, s.REQUESTS) + 1)
    put(row, s.LANES_ACTIVE, get(row, s.LANES_ACTIVE) + active)
    put(row, s.PASSES, get(row, s.PASSES) + passes)
    put(row, s.BYTES, get(row, s.BYTES) + size * active)


@njit
def _first_of_word(addresses, mask, first, lane, word, size):
    """Whether no earlier lane of the group, nor an earlier word of this one, asks for a word of shared memory."""
    for other in range(first, lane):
        if (mask >> uint32(other)) & uint32(1):
            start = (read_i64(addresses + 8 * other) & 0xFFFFFFFF) >> 2
            if start <= word < start + max(size >> 2, 1):
                return False
    return True


@njit
def group_wavefronts(addresses, mask, first, last, size):
    """Wavefronts of the lanes first..last-1: the largest number of different words that they want of one bank."""
    wanted = np.zeros(32, np.int64)
    most = 0
    for lane in range(first, last):
        if (mask >> uint32(lane)) & uint32(1):
            start = (read_i64(addresses + 8 * lane) & 0xFFFFFFFF) >> 2
            for word in range(start, start + max(size >> 2, 1)):
                if _first_of_word(addresses, mask, first, lane, word, size):
                    wanted[word & 31] += 1
                    most = max(most, wanted[word & 31])
    return most


@njit
def meter_shared(core, addresses, mask, site, size):
    """Count the wavefronts of a request: by the whole warp, by halves for 64 bits, by quarters for 128 bits a lane."""
    lanes = s.LANES if size <= 4 else s.LANES * 4 // size
    passes = 0
    for first in range(0, s.LANES, lanes):
        passes += group_wavefronts(addresses, mask, first, first + lanes, size)
    add_to_meter(core, site, mask, passes, size)


@njit
def meter_global(core, addresses, mask, site, size):
    """Count the sectors of 32 bytes that a request touches."""
    passes = 0
    for lane in range(s.LANES):
        if (mask >> uint32(lane)) & uint32(1):
            sector = read_i64(addresses + 8 * lane) >> 5
            new = 1
            for other in range(lane):
                if (mask >> uint32(other)) & uint32(1) and read_i64(addresses + 8 * other) >> 5 == sector:
                    new = 0
            passes += new
    add_to_meter(core, site, mask, passes, size)
