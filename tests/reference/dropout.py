"""Dropout by Philox 4x32-10 as its authors define it, in Python's integers."""

import numpy as np

_MASK = 0xFFFFFFFF


def philox4x32(counter, key):
    """Four words for a counter of four words and a key of two."""
    x, (k0, k1) = list(counter), key
    for _ in range(10):
        left, right = divmod(0xD2511F53 * x[0], 2**32), divmod(0xCD9E8D57 * x[2], 2**32)
        x = [right[0] ^ x[1] ^ k0, right[1], left[0] ^ x[3] ^ k1, left[1]]
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return x


def dropout_factors(count, p, seed, offset):
    """0 or 1 / (1 - p) for each of so many elements."""
    factors = np.zeros(count)
    for i in range(count):
        counter = (i // 4 & _MASK, i // 4 >> 32, offset & _MASK, offset >> 32)
        word = philox4x32(counter, (seed & _MASK, seed >> 32))[i % 4]
        if word >= round(p * 2**32):
            factors[i] = 1 / (1 - p)
    return factors
