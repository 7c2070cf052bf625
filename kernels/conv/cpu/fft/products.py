"""Products of spectra on the CPU: a small complex matrix product for each frequency, frequencies being the lanes."""

import numpy as np
from numba import njit

from ....cpu.parallel import share, streaming, workspace

FREQUENCIES = 256
"""Multiplied at once: the sums of a tile of spectra then stay in the first-level cache, with what they are added from.
(Xeon with AVX-512, 2026-11)"""


def _multiply_body(a, b, out, adds, spectrum, size, of_a, of_b, of_out, thread, threads):
    """out[g, u, v, f] (+)= sum_l conj(a[g, v, l, f]) b[g, u, l, f].

    a, b and out are flat, of spectra of `spectrum` complex numbers each as pairs of real and imaginary part; of_a is
    Strides(g, v, l), of_b Strides(g, u, l) and of_out Strides(g, u, v). A thread takes some frequencies of some groups.
    FLOPs: 8 G U V L a frequency. Bytes: a for each pair of u, b for each pair of v, from the second-level cache.
    """
    groups, us, vs, terms = size
    blocks = (spectrum + FREQUENCIES - 1) // FREQUENCIES
    sums = workspace(8 * FREQUENCIES, out)
    first, last = share(groups * blocks, thread, threads)
    for task in range(first, last):
        g, start = task // blocks, task % blocks * FREQUENCIES
        count = min(FREQUENCIES, spectrum - start)
        for u in range(0, us, 2):
            for v in range(0, vs, 2):
                # a tile of 2 x 2 sums; where there is one row or column left, it is computed twice
                u1, v1 = min(u + 1, us - 1), min(v + 1, vs - 1)
                sums[:] = 0
                for term in range(terms):
                    a0 = 2 * ((g * of_a.group + v * of_a.row + term * of_a.column) * spectrum + start)
                    b0 = 2 * ((g * of_b.group + u * of_b.row + term * of_b.column) * spectrum + start)
                    a1, b1 = a0 + 2 * (v1 - v) * of_a.row * spectrum, b0 + 2 * (u1 - u) * of_b.row * spectrum
                    _add_products(a, a0, a1, b, b0, b1, count, sums)
                for i in range(u1 - u + 1):
                    for j in range(v1 - v + 1):
                        target = g * of_out.group + (u + i) * of_out.row + (v + j) * of_out.column
                        _store(sums, 2 * (2 * i + j) * FREQUENCIES, count, out, 2 * (target * spectrum + start), adds)


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add_products(a, a0, a1, b, b0, b1, count, sums):
    """sums[i, j] += conj(a[j]) b[i] of some frequencies; real parts, then imaginary parts of each."""
    a0, a1, b0, b1 = np.uint64(a0), np.uint64(a1), np.uint64(b0), np.uint64(b1)  # unsigned: no wraparound test
    one = np.uint64(1)
    for f in range(np.uint64(count)):
        e = f + f
        re0, im0, re1, im1 = a[a0 + e], a[a0 + e + one], a[a1 + e], a[a1 + e + one]
        x0, y0, x1, y1 = b[b0 + e], b[b0 + e + one], b[b1 + e], b[b1 + e + one]
        sums[f] += re0 * x0 + im0 * y0
        sums[f + FREQUENCIES] += re0 * y0 - im0 * x0
        sums[f + 2 * FREQUENCIES] += re1 * x0 + im1 * y0
        sums[f + 3 * FREQUENCIES] += re1 * y0 - im1 * x0
        sums[f + 4 * FREQUENCIES] += re0 * x1 + im0 * y1
        sums[f + 5 * FREQUENCIES] += re0 * y1 - im0 * x1
        sums[f + 6 * FREQUENCIES] += re1 * x1 + im1 * y1
        sums[f + 7 * FREQUENCIES] += re1 * y1 - im1 * x1


@njit(cache=True, nogil=True)
def _store(sums, source, count, out, target, adds):
    """out (+)= the sums, as pairs of real and imaginary part."""
    source, target, one, half = np.uint64(source), np.uint64(target), np.uint64(1), np.uint64(FREQUENCIES)
    for f in range(np.uint64(count)):
        e = target + f + f
        re, im = sums[source + f], sums[source + half + f]
        if adds:
            re, im = re + out[e], im + out[e + one]
        out[e], out[e + one] = re, im


multiply = streaming(_multiply_body)
