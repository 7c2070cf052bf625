"""Random numbers from counters, written once and compiled by both targets: the same bits on each.

Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, 2011) turns a counter of 128 bits and a key of 64 into four random words
of 32 bits. Nothing is kept from one call to the next, so any thread can draw any number, and draw it again.
"""

import numpy as np

from ..core.scalar_math import ZERO, inlined

# Words of 32 bits live in uint64: the products need 64 bits, and Numba would make uint32 into int64 at each step.
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
WORD, LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
ROUNDS = 10


@inlined
def philox(counter, offset, seed):
    """Four random words for the counter (counter, offset), each of 64 bits, under the key seed, of 64 bits."""
    a, b, c, d = counter & LOW, counter >> WORD, offset & LOW, offset >> WORD
    k, m = seed & LOW, seed >> WORD
    for _ in range(ROUNDS):
        p, q = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, b, c, d = (q >> WORD) ^ b ^ k, q & LOW, (p >> WORD) ^ d ^ m, p & LOW
        k, m = (k + STEPS[0]) & LOW, (m + STEPS[1]) & LOW
    return a, b, c, d


@inlined
def dropout(x, word, threshold, scale):
    """x times scale where the word reaches the threshold, times 0 elsewhere: NaN stays, as in PyTorch."""
    return x * (scale if word >= threshold else ZERO)
