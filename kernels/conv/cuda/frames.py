"""Frames of volumes on CUDA: gather frames into images, scatter images into frames, add a bias, cut out taps.

A thread for each element of the images; neighboring threads are neighbors in a frame. Bytes a launch: 2 x
images.nbytes, and images.nbytes more where a scatter adds.
"""

from ...cuda.launch import cuda, each, int32, uint32
from ...cuda.vectorized import FOUR, launch_vectorized, load4, scalar_index, store4
from ..frames import Frames, empty_like_on

CHUNK_BYTES = 1 << 24
"""Gathered at once, one image at least; not tuned: enough threads for a whole GPU."""


def gather(volumes, frames, start, images):
    """images[m, (c, j)] = volumes[n, c, first + u step + j reach], 0 in the padding, where n count + u = start + m."""
    _, channels, depth, height, width = volumes.shape
    each(gather_kernel, images.size, volumes, channels, depth, height * width, *frames, start, images)


def scatter(images, frames, start, add, volumes):
    """volumes[n, c, first + u step + j reach] = images[m, (c, j)], or += where `add`; as in gather."""
    _, channels, depth, height, width = volumes.shape
    each(scatter_kernel, images.size, images, channels, depth, height * width, *frames, start, add, volumes)


def add_bias(b, y):
    """y[n, k, i] += b[k] for y (N, K, positions)."""
    launch_vectorized(add_bias_kernel, (y,), b, *y.shape[1:], rows=y.shape[2])


def cut(w, first_row, first_column, part):
    """part[k, c, r, s] = w[k, c, first_row + r, first_column + s]: rows are gathered as frames, then columns."""
    (k, c, r, s), (rows, columns) = w.shape, part.shape[2:]
    by_row = empty_like_on(w, (k * c, rows, s, 1))
    gather(w.reshape(k * c, 1, r, s, 1), Frames(1, first_row, 1, rows, 1), 0, by_row)
    lines = by_row.reshape(k * c * rows, 1, s, 1, 1)
    gather(lines, Frames(1, first_column, 1, columns, 1), 0, part.reshape(-1, columns, 1, 1))


def paste(part, first_row, first_column, w):
    """w[k, c, first_row + r, first_column + s] = part[k, c, r, s], and 0 elsewhere."""
    (k, c, r, s), (rows, columns) = w.shape, part.shape[2:]
    by_row = empty_like_on(w, (k * c, rows, s, 1))
    by_row.fill(0)
    w.fill(0)
    images, frames = part.reshape(-1, columns, 1, 1), Frames(1, first_column, 1, columns, 1)
    scatter(images, frames, 0, False, by_row.reshape(-1, 1, s, 1, 1))
    scatter(by_row, Frames(1, first_row, 1, rows, 1), 0, False, w.reshape(k * c, 1, r, s, 1))


@cuda.jit(device=True, inline="always")
def frame_of(i, channels, size, count, first, step, taps, reach, start):
    """(n c, frame, position in it) of element i of the images (M, channels taps, size)."""
    e, rest = uint32(i % uint32(size)), uint32(i // uint32(size))
    j, rest = int32(rest % uint32(taps)), uint32(rest // uint32(taps))
    c, m = int32(rest % uint32(channels)), int32(int32(rest // uint32(channels)) + start)
    n, u = int32(m // count), int32(m % count)
    return int32(n * channels + c), int32(int32(first + int32(u * step)) + int32(j * reach)), e


@cuda.jit(cache=True)
def gather_kernel(volumes, channels, depth, size, count, first, step, taps, reach, start, images):
    """volumes (N, channels, depth, size), images (M, channels taps, size); thread i computes images[i]."""
    i = uint32(cuda.grid(1))
    if i < images.size:
        row, frame, e = frame_of(i, channels, size, count, first, step, taps, reach, start)
        valid = 0 <= frame < depth
        offset = uint32(uint32(int32(row * depth) + frame) * uint32(size) + e) if valid else uint32(0)
        images[i] = volumes[offset] if valid else volumes.dtype.type(0)


@cuda.jit(cache=True)
def scatter_kernel(images, channels, depth, size, count, first, step, taps, reach, start, add, volumes):
    """images (M, channels taps, size), volumes (N, channels, depth, size); thread i moves images[i]."""
    i = uint32(cuda.grid(1))
    if i < images.size:
        row, frame, e = frame_of(i, channels, size, count, first, step, taps, reach, start)
        offset = uint32(uint32(int32(row * depth) + frame) * uint32(size) + e)
        volumes[offset] = volumes[offset] + images[i] if add else images[i]


@cuda.jit(cache=True)
def add_bias_kernel(y, vectors, b, K, positions):
    """y (N, K, positions) += b (K,); where rows are a multiple of 4, a thread's four have one filter."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        bias = b[uint32(uint32(j // uint32(positions)) % uint32(K))]
        y0, y1, y2, y3 = load4(y, j)
        store4(y, j, (y0 + bias, y1 + bias, y2 + bias, y3 + bias))
        return
    j = scalar_index(i, vectors)
    if j < y.size:
        y[j] += b[uint32(uint32(j // uint32(positions)) % uint32(K))]
