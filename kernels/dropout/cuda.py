"""Dropout on CUDA: the random words are a function of the position, so threads share nothing.

Bytes a launch: 2 x.nbytes; some 25 operations an element for its random word.
"""

from ..cuda.launch import cuda, each, uint32, uint64
from ..cuda.vectorized import FOUR, launch_vectorized, load4, scalar_index, store4
from .scalar import dropout as dropped
from .scalar import philox


def dropout(x, threshold, scale, seed, offset, start, y):
    """y[r] = scale x[r] where word r of counter start + r // 4 reaches the threshold, else 0 x[r]; x (rows, inner)."""
    options = threshold, scale, seed, offset, start
    if x.shape[1] == 1:
        launch_vectorized(dropout_kernel, (x, y), *options)
    else:
        each(dropout_rows_kernel, x.size, x, *options, y, x.shape[1])


@cuda.jit(cache=True)
def dropout_kernel(x, y, vectors, threshold, scale, seed, offset, start):
    """Element j by word j % 4 of counter start + j // 4; four elements take the words of one counter."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        (a, b, c, d), (x0, x1, x2, x3) = philox(start + uint64(i), offset, seed), load4(x, j)
        y0, y1 = dropped(x0, a, threshold, scale), dropped(x1, b, threshold, scale)
        store4(y, j, (y0, y1, dropped(x2, c, threshold, scale), dropped(x3, d, threshold, scale)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        y[j] = dropped(x[j], word_of(j, offset, seed, start), threshold, scale)


@cuda.jit(device=True, inline="always")
def word_of(row, offset, seed, start):
    """Word row % 4 of counter start + row // 4."""
    a, b, c, d = philox(start + uint64(uint32(row // uint32(4))), offset, seed)
    k = uint32(row % uint32(4))
    return a if k == 0 else b if k == 1 else c if k == 2 else d


@cuda.jit(cache=True)
def dropout_rows_kernel(x, threshold, scale, seed, offset, start, y, inner):
    """Thread i takes element i, of row i // inner."""
    i = uint32(cuda.grid(1))
    if i >= x.size:
        return
    y[i] = dropped(x[i], word_of(uint32(i // uint32(inner)), offset, seed, start), threshold, scale)
