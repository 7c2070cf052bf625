"""Dropout on the CPU: one pass over memory, four elements or rows for each call of the generator.

Bytes a call: 2 x.nbytes; some 25 operations an element for its random word.
"""

import numpy as np

from ..cpu.parallel import share, streaming
from .scalar import dropout as dropped
from .scalar import philox

ELEMENTS_PER_RANDOM_WORD = 8
"""Work of an element with its random word, in elements copied."""


def dropout(x, threshold, scale, seed, offset, start, y):
    """y[r] = scale x[r] where word r of counter start + r // 4 reaches the threshold, else 0 x[r]; x (rows, inner)."""
    options = threshold, scale, seed, offset, start
    if x.shape[1] == 1:
        work = ELEMENTS_PER_RANDOM_WORD * x.size
        _dropout(-(-x.size // 4), work, x.reshape(-1), *options, y.reshape(-1))
    else:
        _dropout_rows(-(-x.shape[0] // 4), x.size, x, *options, y)


@streaming
def _dropout(x, threshold, scale, seed, offset, start, y, thread, threads):
    """x and y flat; element i takes word i % 4 of counter start + i // 4."""
    first, last = share((x.size + 3) // 4, thread, threads)
    # four elements a counter
    whole = min(last, x.size // 4) - first
    a, b = x[4 * first :], y[4 * first :]
    for i in range(whole):
        words = philox(start + np.uint64(first + i), offset, seed)
        b[4 * i] = dropped(a[4 * i], words[0], threshold, scale)
        b[4 * i + 1] = dropped(a[4 * i + 1], words[1], threshold, scale)
        b[4 * i + 2] = dropped(a[4 * i + 2], words[2], threshold, scale)
        b[4 * i + 3] = dropped(a[4 * i + 3], words[3], threshold, scale)
    # the last few elements
    if first + whole < last:
        words = philox(start + np.uint64(first + whole), offset, seed)
        for k in range(x.size - 4 * (first + whole)):
            b[4 * whole + k] = dropped(a[4 * whole + k], words[k], threshold, scale)


@streaming
def _dropout_rows(x, threshold, scale, seed, offset, start, y, thread, threads):
    first, last = share((x.shape[0] + 3) // 4, thread, threads)
    for i in range(first, last):
        words = philox(start + np.uint64(i), offset, seed)
        for k in range(min(4, x.shape[0] - 4 * i)):
            source, target = x[4 * i + k], y[4 * i + k]
            for j in range(source.size):
                target[j] = dropped(source[j], words[k], threshold, scale)
