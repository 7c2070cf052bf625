"""Dropout on CUDA: the random words are a function of the position, so threads share nothing.

Bytes a launch: 2 x.nbytes; some 25 operations an element for its random word.
"""

from ..scalar_random import dropout as dropped
from ..scalar_random import philox
from .launch import cuda, each, uint32, uint64


def dropout(x, threshold, scale, seed, offset, y):
    """y[r] = scale x[r] where word r reaches the threshold, else 0 x[r]; x (rows, inner), r from counter r // 4."""
    options = threshold, scale, seed, offset
    if x.shape[1] == 1:
        each(dropout_kernel, -(-x.size // 4), x, *options, y)
    else:
        each(dropout_rows_kernel, x.size, x, *options, y, x.shape[1])


@cuda.jit(cache=True)
def dropout_kernel(x, threshold, scale, seed, offset, y):
    """Thread i draws four words and takes the elements 4 i to 4 i + 3."""
    i = uint32(cuda.grid(1))
    if uint32(i * uint32(4)) >= x.size:
        return
    a, b, c, d = philox(uint64(i), offset, seed)
    j = uint32(i * uint32(4))
    y[j] = dropped(x[j], a, threshold, scale)
    j = uint32(j + uint32(1))
    if j < x.size:
        y[j] = dropped(x[j], b, threshold, scale)
    j = uint32(j + uint32(1))
    if j < x.size:
        y[j] = dropped(x[j], c, threshold, scale)
    j = uint32(j + uint32(1))
    if j < x.size:
        y[j] = dropped(x[j], d, threshold, scale)


@cuda.jit(cache=True)
def dropout_rows_kernel(x, threshold, scale, seed, offset, y, inner):
    """Thread i takes element i, of row i // inner."""
    i = uint32(cuda.grid(1))
    if i >= x.size:
        return
    row = uint32(i // uint32(inner))
    a, b, c, d = philox(uint64(uint32(row // uint32(4))), offset, seed)
    k = uint32(row % uint32(4))
    word = a if k == 0 else b if k == 1 else c if k == 2 else d
    y[i] = dropped(x[i], word, threshold, scale)
