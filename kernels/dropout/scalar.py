"""Random numbers from counters, written once and compiled by both targets: the same bits on each.

Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, 2011) turns a counter of 128 bits and a key of 64 into four random words
of 32 bits. It has no state: any thread can draw any number, and draw it again.
"""

import numpy as np

from ..core.scalar_math import INFINITY, ZERO, inlined

# 32-bit words are held in uint64: products need 64 bits, and Numba would promote uint32 to int64 at each step.
PHILOX_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
PHILOX_KEY_STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
WORD_BITS, LOW_WORD = np.uint64(32), np.uint64(0xFFFFFFFF)
PHILOX_ROUNDS = 10


@inlined
def philox(counter, offset, seed):
    """Four random words for the counter (counter, offset), each of 64 bits, under the key seed, of 64 bits."""
    a, b, c, d = counter & LOW_WORD, counter >> WORD_BITS, offset & LOW_WORD, offset >> WORD_BITS
    k, m = seed & LOW_WORD, seed >> WORD_BITS
    for _ in range(PHILOX_ROUNDS):
        p, q = PHILOX_MULTIPLIERS[0] * a, PHILOX_MULTIPLIERS[1] * c
        a, b, c, d = (q >> WORD_BITS) ^ b ^ k, q & LOW_WORD, (p >> WORD_BITS) ^ d ^ m, p & LOW_WORD
        k, m = (k + PHILOX_KEY_STEPS[0]) & LOW_WORD, (m + PHILOX_KEY_STEPS[1]) & LOW_WORD
    return a, b, c, d


@inlined
def dropout(x, word, threshold, scale):
    """x times scale where the word reaches the threshold, 0 elsewhere: of a dropped infinity too, while NaN stays."""
    kept = word >= threshold
    return x * scale if kept else (ZERO if abs(x) == INFINITY else x * ZERO)
