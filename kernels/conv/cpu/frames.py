"""Frames on the CPU: gathered from volumes into images, scattered back; and a bias for each channel.

One pass over memory, a frame at a time. Bytes a call: 2 x images.nbytes, and images.nbytes more where a scatter adds.
"""

from ...cpu.parallel import share, streaming

CHUNK = 1 << 22
"""Bytes gathered at once: they stay in the second and third-level caches (Zen 3, 2026-11); one image at least."""


def gather(volumes, frames, start, images):
    """images[m, (c, j)] = volumes[n, c, first + u step + j reach], 0 outside, where n count + u = start + m."""
    _, channels, depth, height, width = volumes.shape
    size = height * width
    tasks = images.size // size
    _gather(tasks, images.size, volumes.reshape(-1), channels, depth, size, frames, start, images.reshape(-1))


def scatter(images, frames, start, add, volumes):
    """volumes[n, c, first + u step + j reach] = images[m, (c, j)], or += where it is to add; as in gather."""
    _, channels, depth, height, width = volumes.shape
    size = height * width
    tasks = images.size // size
    _scatter(tasks, images.size, images.reshape(-1), channels, depth, size, frames, start, add, volumes.reshape(-1))


def add_bias(b, y):
    """y[n, k, i] += b[k] for y (N, K, positions)."""
    _add_bias(y.shape[0] * y.shape[1], y.size, b, y)


@streaming
def _gather(volumes, channels, depth, size, frames, start, images, thread, threads):
    first, last = share(images.size // size, thread, threads)
    for i in range(first, last):
        m, c, j = start + i // (channels * frames.taps), i // frames.taps % channels, i % frames.taps
        frame = frames.first + m % frames.count * frames.step + j * frames.reach
        to = images[i * size : (i + 1) * size]
        if 0 <= frame < depth:
            place = ((m // frames.count * channels + c) * depth + frame) * size
            source = volumes[place : place + size]
            for e in range(size):
                to[e] = source[e]
        else:
            for e in range(size):
                to[e] = 0


@streaming
def _scatter(images, channels, depth, size, frames, start, add, volumes, thread, threads):
    first, last = share(images.size // size, thread, threads)
    for i in range(first, last):
        m, c, j = start + i // (channels * frames.taps), i // frames.taps % channels, i % frames.taps
        frame = frames.first + m % frames.count * frames.step + j * frames.reach
        place = ((m // frames.count * channels + c) * depth + frame) * size
        source, to = images[i * size : (i + 1) * size], volumes[place : place + size]
        if add:
            for e in range(size):
                to[e] += source[e]
        else:
            for e in range(size):
                to[e] = source[e]


@streaming
def _add_bias(b, y, thread, threads):
    first, last = share(y.shape[0] * y.shape[1], thread, threads)
    for i in range(first, last):
        k = i % y.shape[1]
        row = y[i // y.shape[1], k]
        for e in range(row.size):
            row[e] += b[k]
