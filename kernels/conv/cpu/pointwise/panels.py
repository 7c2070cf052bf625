"""Weights of 1x1 kernels in panels: the filters of a register tile side by side, channel by channel."""

from numba import njit

from ....cpu.parallel import share
from ....cpu.simd_rows import clear_row, copy_row
from ....cpu.transpose import transpose
from .tile import NARROW, WIDE


def panels_of(filters):
    """(wide, narrow) panels of so many filters, the fewest that leave less than half of a narrow one empty."""
    rest = filters % WIDE
    if WIDE == NARROW or rest == 0 or rest > NARROW:
        return -(-filters // WIDE), 0
    if 2 * NARROW - WIDE < rest or filters < WIDE:
        return filters // WIDE, 1
    return filters // WIDE - 1, 2


@njit(inline="always")
def filter_of(g, panel):
    """The first filter of a panel; of the one after the last, the filters with those that are missing."""
    return min(panel, g.wide) * WIDE + max(panel - g.wide, 0) * NARROW


@njit(inline="always")
def panel_filters(g, panel):
    """Filters that a panel has room for."""
    return WIDE if panel < g.wide else NARROW


@njit(cache=True, nogil=True)
def pack_weights(g, w, packed, thread, threads):
    """packed[group, first filter of a panel, c, i] = w of channel c and the panel's filter i; one thread's panels."""
    size = filter_of(g, g.panels) * g.channels
    first, last = share(g.groups * g.panels, thread, threads)
    while first < last:
        group, panel = first // g.panels, first % g.panels
        end = min(g.panels, panel + last - first)
        pack_panels(g, w, group, panel, end, 0, g.channels, packed, group * size + filter_of(g, panel) * g.channels)
        first += end - panel


@njit(cache=True, nogil=True)
def pack_panels(g, w, group, panel0, panel1, c0, channels, packed, target):
    """packed[target + (k - k0) * channels + c * filters + i] = w of channel c0 + c and filter k + i.

    k is the first filter of a panel, k0 that of panel0; zero past a group's last filter.
    """
    first, k0 = group * g.filters * g.channels, filter_of(g, panel0)
    if filter_of(g, panel1) > g.filters:
        k, width = filter_of(g, panel1 - 1), panel_filters(g, panel1 - 1)
        clear_row(packed, target + (k - k0) * channels, channels * width)
    if g.transposed:
        for c in range(channels):
            row = first + (c0 + c) * g.filters
            for panel in range(panel0, panel1):
                k, width = filter_of(g, panel), panel_filters(g, panel)
                line = target + (k - k0) * channels + c * width
                copy_row(packed, line, w, row + k, min(width, g.filters - k))
    else:
        for panel in range(panel0, panel1):
            k, width = filter_of(g, panel), panel_filters(g, panel)
            row, line = first + k * g.channels + c0, target + (k - k0) * channels
            transpose(w, row, g.channels, min(width, g.filters - k), channels, packed, line, width)
