"""Gradient clipping on the CPU: norms in blocks, in a fixed order, the same bits for any number of threads."""

import math

import numpy as np
from numba import njit

from ...core.scalar import sum_or_max
from ...cpu.parallel import part, share, streaming
from ...cpu.reduce import BLOCK_TERMS
from .. import scalar


def norm_power(g, p, total):
    """total[0] = sum |g|^p, or max |g| for p = infinity. Bytes a call: g once."""
    partials = np.empty(-(-g.size // BLOCK_TERMS), g.dtype)
    infinite = math.isinf(p)
    _norm_powers(partials.size, g.size, g.reshape(-1), g.dtype.type(1 if infinite else p), infinite, partials)
    total[0] = partials.max(initial=0) if infinite else partials.sum(dtype=np.float64)


def clip_factor(totals, p, max_norm, norm, factor):
    """norm = (sum totals)^(1/p), or max totals for p = infinity; factor = min(1, max_norm / norm)."""
    _clip_factor(totals, totals.dtype.type(p), math.isinf(p), totals.dtype.type(max_norm), norm, factor)


def scale(g, factor):
    """g <- factor g. Bytes a call: 2 g.nbytes, none where the factor is 1."""
    if factor[0] != 1:
        _scale(g.size, g.size, g.reshape(-1), factor)


def clip(g, bound):
    """g <- g within [-bound, bound]. Bytes a call: 2 g.nbytes."""
    _clip(g.size, g.size, g.reshape(-1), g.dtype.type(bound))


def _norm_powers_body(g, p, infinite, partials, thread, threads):
    first, last = share(partials.size, thread, threads)
    for block in range(first, last):
        terms, total = g[block * BLOCK_TERMS : (block + 1) * BLOCK_TERMS], g.dtype.type(0)
        for i in range(terms.size):
            total = sum_or_max(total, scalar.power(terms[i], p), infinite)
        partials[block] = total


_norm_powers = streaming(_norm_powers_body, fastmath={"reassoc", "nsz"})


@njit(cache=True, error_model="numpy")
def _clip_factor(totals, p, infinite, max_norm, norm, factor):
    total = totals.dtype.type(0)
    for i in range(totals.size):
        total = sum_or_max(total, totals[i], infinite)
    norm[0] = scalar.root(total, p, infinite)
    factor[0] = scalar.clip_factor(norm[0], max_norm)


@streaming
def _scale(g, factor, thread, threads):
    g, f = part(g, thread, threads), factor[0]
    for i in range(g.size):
        g[i] = f * g[i]


@streaming
def _clip(g, bound, thread, threads):
    g = part(g, thread, threads)
    for i in range(g.size):
        g[i] = scalar.clipped(g[i], bound)
