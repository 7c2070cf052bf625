"""Small rows side by side on the CPU: a vector holds one element of each of its rows.

For rows, or whole planes, too short to be vectors: `lanes` of them are transposed to a block (elements, lanes),
worked on there, and transposed back. Every step is then a whole vector whatever the number of elements, the stride or
the table of sources.
"""

from numba import njit

from .simd import lanes_of, load, splat, store
from .transpose import transpose


@njit(cache=True, nogil=True)
def rows_to_lanes(x, start, pitch, count, size, block):
    """block[j, i] = x[start + i pitch + j] for i < count <= lanes and j < size."""
    transpose(x, start, pitch, count, size, block, 0, lanes_of(block))


@njit(cache=True, nogil=True)
def lanes_to_rows(block, size, y, start, pitch, count):
    """y[start + i pitch + j] = block[j, i] for i < count <= lanes and j < size."""
    transpose(block, 0, lanes_of(block), size, count, y, start, pitch)


@njit(cache=True, nogil=True)
def weighted_sums(starts, sources, weights, block, fill, result):
    """result[j] = the sum of weights[t] block[sources[t]] for starts[j] <= t < starts[j + 1], or fill without any t."""
    lanes = lanes_of(block)
    for j in range(starts.size - 1):
        first, last = starts[j], starts[j + 1]
        if first == last:
            store(result, j * lanes, splat(block, fill))
            continue
        total = splat(block, weights[first]) * load(block, sources[first] * lanes)
        for t in range(first + 1, last):
            total = total + splat(block, weights[t]) * load(block, sources[t] * lanes)
        store(result, j * lanes, total)
