"""Frames on CUDA: gathered from volumes into images, scattered back; and a bias for each channel.

A thread for each element of the images; neighbours are neighbours in a frame. Bytes a launch: 2 x images.nbytes, and
images.nbytes more where a scatter adds.
"""

from ...cuda.launch import cuda, each, int32, uint32
from ...cuda.vectorized import FOUR, launch_vectorized, load4, scalar_index, store4

CHUNK = 1 << 24
"""Bytes gathered at once, not tuned: enough threads for a whole GPU; one image at least."""


def gather(volumes, frames, start, images):
    """images[m, (c, j)] = volumes[n, c, first + u step + j reach], 0 outside, where n count + u = start + m."""
    _, channels, depth, height, width = volumes.shape
    each(gather_kernel, images.size, volumes, channels, depth, height * width, *frames, start, images)


def scatter(images, frames, start, add, volumes):
    """volumes[n, c, first + u step + j reach] = images[m, (c, j)], or += where it is to add; as in gather."""
    _, channels, depth, height, width = volumes.shape
    each(scatter_kernel, images.size, images, channels, depth, height * width, *frames, start, add, volumes)


def add_bias(b, y):
    """y[n, k, i] += b[k] for y (N, K, positions)."""
    launch_vectorized(add_bias_kernel, (y,), b, *y.shape[1:], rows=y.shape[2])


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
        inside = 0 <= frame < depth
        place = uint32(uint32(int32(row * depth) + frame) * uint32(size) + e) if inside else uint32(0)
        images[i] = volumes[place] if inside else volumes.dtype.type(0)


@cuda.jit(cache=True)
def scatter_kernel(images, channels, depth, size, count, first, step, taps, reach, start, add, volumes):
    """images (M, channels taps, size), volumes (N, channels, depth, size); thread i moves images[i]."""
    i = uint32(cuda.grid(1))
    if i < images.size:
        row, frame, e = frame_of(i, channels, size, count, first, step, taps, reach, start)
        place = uint32(uint32(int32(row * depth) + frame) * uint32(size) + e)
        volumes[place] = volumes[place] + images[i] if add else images[i]


@cuda.jit(cache=True)
def add_bias_kernel(y, vectors, b, K, positions):
    """y (N, K, positions) += b (K,); where rows are a multiple of 4, a thread's four have one filter."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        own = b[uint32(uint32(j // uint32(positions)) % uint32(K))]
        y0, y1, y2, y3 = load4(y, j)
        store4(y, j, (y0 + own, y1 + own, y2 + own, y3 + own))
        return
    j = scalar_index(i, vectors)
    if j < y.size:
        y[j] += b[uint32(uint32(j // uint32(positions)) % uint32(K))]
