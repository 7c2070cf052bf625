"""Weights in panels of some filters of a group, as register tiles read them."""

from numba import njit

from ...cpu.parallel import share


@njit(cache=True, nogil=True)
def pack_panels(groups, channels, filters, taps, w, transposed, width, panels, thread, threads):
    """panels[group, block, c, t, i] = w of tap taps[t], channel c and filter block * width + i; one thread's panels.

    Zero past a group's last filter. Transposed weights lie as (channels, filters) in each group, as those of the
    forward pass do for its input gradient.
    """
    blocks, field = (filters + width - 1) // width, w.size // (groups * filters * channels)
    first, last = share(groups * blocks, thread, threads)
    for panel in range(first, last):
        group, k0 = panel // blocks, panel % blocks * width
        for c in range(channels):
            for t in range(taps.size):
                target = ((panel * channels + c) * taps.size + t) * width
                for i in range(width):
                    k, value = k0 + i, panels.dtype.type(0)
                    if k < filters and transposed:
                        value = w[((group * channels + c) * filters + k) * field + taps[t]]
                    elif k < filters:
                        value = w[((group * filters + k) * channels + c) * field + taps[t]]
                    panels[target + i] = value
