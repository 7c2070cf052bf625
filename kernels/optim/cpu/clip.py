"""Gradient clipping on the CPU: norms in blocks, in a fixed order, the same bits for any number of threads."""

import math

import numpy as np

from ...core.scalar import sum_or_max
from ...cpu.parallel import part, share, streaming
from ...cpu.reduce import THREAD_TERMS
from .. import scalar

SAFE_LOWEST, SAFE_HIGHEST = 1e-280, 1e300
"""Between them a sum of powers has neither overflowed nor lost digits of its largest terms, in float64."""


def clip_coefficient(gradients, p, max_norm, norm, coefficient):
    """norm[0] = (sum |g|^p)^(1/p) over all arrays, max |g| for p = infinity; coefficient[0] = min(1, max_norm / norm).

    Powers are added in float64; where that overflows or loses digits, anew after division by max |g|. Bytes a call: all
    arrays once, in that case three times.
    """
    scale, infinite = 1.0, math.isinf(p)
    total = _total(gradients, p, scale)
    if not infinite and not SAFE_LOWEST < total < SAFE_HIGHEST:
        largest = _total(gradients, math.inf, scale)
        if 0 < largest < math.inf:
            scale = min(1 / largest, SAFE_HIGHEST)
            total = _total(gradients, p, scale)
    with np.errstate(over="ignore", invalid="ignore"):
        root = np.float64(total) if infinite else np.float64(total) ** (1 / p)
        norm[0] = root / scale
        coefficient[0] = scalar.clip_coefficient.py_func(root, np.float64(scale), np.float64(max_norm))


def scale(g, coefficient):
    """g <- coefficient g. Bytes a call: 2 g.nbytes, none where the coefficient is 1."""
    if coefficient[0] != 1:
        _scale(g.size, g.size, g.reshape(-1), coefficient)


def clip(g, bound):
    """g <- g within [-bound, bound]. Bytes a call: 2 g.nbytes."""
    _clip(g.size, g.size, g.reshape(-1), g.dtype.type(bound))


def _total(gradients, p, scale):
    """sum |scale g|^p over all arrays, or max |g| for p = infinity; NaN where a g is."""
    total, infinite = 0.0, math.isinf(p)
    for g in gradients:
        partials = np.empty(-(-g.size // THREAD_TERMS))
        _norm_powers(partials.size, g.size, g.reshape(-1), 1.0 if infinite else float(p), scale, infinite, partials)
        total = np.maximum(total, partials.max(initial=0)) if infinite else total + partials.sum()
    return float(total)


def _norm_powers_body(g, p, scale, infinite, partials, thread, threads):
    """partials[b] = the sum of |scale g|^p over block b, or the maximum of |g|; in float64."""
    first, last = share(partials.size, thread, threads)
    for block in range(first, last):
        terms, total = g[block * THREAD_TERMS : (block + 1) * THREAD_TERMS], 0.0
        for i in range(terms.size):
            total = sum_or_max(total, scalar.power(scale * np.float64(terms[i]), p), infinite)
        partials[block] = total


_norm_powers = streaming(_norm_powers_body, fastmath={"reassoc", "nsz"})


@streaming
def _scale(g, coefficient, thread, threads):
    g, f = part(g, thread, threads), coefficient[0]
    for i in range(g.size):
        g[i] = f * g[i]


@streaming
def _clip(g, bound, thread, threads):
    g = part(g, thread, threads)
    for i in range(g.size):
        g[i] = scalar.clipped(g[i], bound)
