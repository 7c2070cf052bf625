"""Frames of volumes on the CPU: gather them as images, scatter them back; add a bias for each channel.

One pass over memory, a frame at a time. Bytes a call: 2 x images.nbytes, and images.nbytes more where a scatter adds.
"""

from ...cpu.parallel import share, streaming

SHORT_FRAME = 32
"""Elements, fewer of which take less time than a view of them, whose reference count threads would fight over."""
CHUNK_BYTES = 1 << 22
"""Gathered at once: they stay in the second and third-level caches (Zen 3, 2026-11); one image at least."""


def gather(volumes, frames, start, images):
    """images[m, (c, j)] = volumes[n, c, first + u step + j reach], 0 outside, where n count + u = start + m."""
    _, channels, depth, height, width = volumes.shape
    size = height * width
    tasks = images.size // size
    _gather(tasks, images.size, volumes.reshape(-1), channels, depth, size, frames, start, images.reshape(-1))


def scatter(images, frames, start, add, volumes):
    """volumes[n, c, first + u step + j reach] = images[m, (c, j)], or += with `add`; n and u as in gather."""
    _, channels, depth, height, width = volumes.shape
    size = height * width
    tasks = images.size // size
    _scatter(tasks, images.size, images.reshape(-1), channels, depth, size, frames, start, add, volumes.reshape(-1))


def add_bias(b, y):
    """y[n, k, i] += b[k] for y (N, K, positions)."""
    _add_bias(y.shape[0] * y.shape[1], y.size, b, y)


@streaming
def _gather(volumes, channels, depth, size, frames, start, images, thread, threads):
    """`gather` for one thread's frames; flat arrays."""
    start_task, end_task = share(images.size // size, thread, threads)
    for i in range(start_task, end_task):
        m, c, j = start + i // (channels * frames.taps), i // frames.taps % channels, i % frames.taps
        frame = frames.first + m % frames.count * frames.step + j * frames.reach
        if size < SHORT_FRAME:
            first = ((m // frames.count * channels + c) * depth + frame) * size
            for e in range(size):
                images[i * size + e] = volumes[first + e] if 0 <= frame < depth else 0
            continue
        to = images[i * size : (i + 1) * size]
        if 0 <= frame < depth:
            first = ((m // frames.count * channels + c) * depth + frame) * size
            source = volumes[first : first + size]
            for e in range(size):
                to[e] = source[e]
        else:
            for e in range(size):
                to[e] = 0


@streaming
def _scatter(images, channels, depth, size, frames, start, add, volumes, thread, threads):
    """`scatter` for one thread's frames; flat arrays."""
    start_task, end_task = share(images.size // size, thread, threads)
    for i in range(start_task, end_task):
        m, c, j = start + i // (channels * frames.taps), i // frames.taps % channels, i % frames.taps
        frame = frames.first + m % frames.count * frames.step + j * frames.reach
        first = ((m // frames.count * channels + c) * depth + frame) * size
        if size < SHORT_FRAME:
            for e in range(size):
                volumes[first + e] = images[i * size + e] + (volumes[first + e] if add else 0)
            continue
        source, to = images[i * size : (i + 1) * size], volumes[first : first + size]
        if add:
            for e in range(size):
                to[e] += source[e]
        else:
            for e in range(size):
                to[e] = source[e]


@streaming
def _add_bias(b, y, thread, threads):
    """`add_bias` for one thread's planes."""
    first, last = share(y.shape[0] * y.shape[1], thread, threads)
    for i in range(first, last):
        k = i % y.shape[1]
        row = y[i // y.shape[1], k]
        for e in range(row.size):
            row[e] += b[k]
