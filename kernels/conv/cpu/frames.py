"""Frames of volumes on the CPU: gather them as images, scatter them back; add a bias for each channel; cut out taps.

One pass over memory, a frame at a time. Bytes a call: 2 x images.nbytes, and images.nbytes more where a scatter adds.
"""

import numpy as np

from ...cpu.parallel import share, streaming

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


def cut(w, first_row, first_column, part):
    """part[k, c, r, s] = w[k, c, first_row + r, first_column + s]."""
    planes = w.shape[0] * w.shape[1]
    corner = first_row * w.shape[3] + first_column
    _cut(planes, part.size, w.reshape(-1), *w.shape[2:], corner, *part.shape[2:], part.reshape(-1))


def paste(part, first_row, first_column, w):
    """w[k, c, first_row + r, first_column + s] = part[k, c, r, s], and 0 elsewhere."""
    planes = w.shape[0] * w.shape[1]
    corner = first_row * w.shape[3] + first_column
    _paste(planes, w.size, part.reshape(-1), *part.shape[2:], corner, *w.shape[2:], w.reshape(-1))


@streaming
def _gather(volumes, channels, depth, size, frames, start, images, thread, threads):
    """`gather` for one thread's frames; flat arrays."""
    start_task, end_task = share(images.size // size, thread, threads)
    for i in range(start_task, end_task):
        m, c, j = start + i // (channels * frames.taps), i // frames.taps % channels, i % frames.taps
        frame = frames.first + m % frames.count * frames.step + j * frames.reach
        target = np.uint64(i * size)  # unsigned, and no views: a view counts a reference, which threads fight over
        if 0 <= frame < depth:
            source = np.uint64(((m // frames.count * channels + c) * depth + frame) * size)
            for e in range(np.uint64(size)):
                images[target + e] = volumes[source + e]
        else:
            for e in range(np.uint64(size)):
                images[target + e] = 0


@streaming
def _scatter(images, channels, depth, size, frames, start, add, volumes, thread, threads):
    """`scatter` for one thread's frames; flat arrays."""
    start_task, end_task = share(images.size // size, thread, threads)
    for i in range(start_task, end_task):
        m, c, j = start + i // (channels * frames.taps), i // frames.taps % channels, i % frames.taps
        frame = frames.first + m % frames.count * frames.step + j * frames.reach
        source = np.uint64(i * size)
        target = np.uint64(((m // frames.count * channels + c) * depth + frame) * size)
        if add:
            for e in range(np.uint64(size)):
                volumes[target + e] += images[source + e]
        else:
            for e in range(np.uint64(size)):
                volumes[target + e] = images[source + e]


@streaming
def _add_bias(b, y, thread, threads):
    """`add_bias` for one thread's planes."""
    first, last = share(y.shape[0] * y.shape[1], thread, threads)
    for i in range(first, last):
        k = i % y.shape[1]
        row = y[i // y.shape[1], k]
        for e in range(row.size):
            row[e] += b[k]


@streaming
def _cut(w, rows, columns, corner, part_rows, part_columns, part, thread, threads):
    """`cut` for one thread's planes of taps; flat arrays."""
    first, last = share(w.size // (rows * columns), thread, threads)
    for plane in range(first, last):
        for r in range(part_rows):
            source = np.uint64((plane * rows + r) * columns + corner)
            target = np.uint64((plane * part_rows + r) * part_columns)
            for s in range(np.uint64(part_columns)):
                part[target + s] = w[source + s]


@streaming
def _paste(part, part_rows, part_columns, corner, rows, columns, w, thread, threads):
    """`paste` for one thread's planes of taps; flat arrays."""
    first, last = share(w.size // (rows * columns), thread, threads)
    for i in range(np.uint64(first * rows * columns), np.uint64(last * rows * columns)):
        w[i] = 0
    for plane in range(first, last):
        for r in range(part_rows):
            source = np.uint64((plane * part_rows + r) * part_columns)
            target = np.uint64((plane * rows + r) * columns + corner)
            for s in range(np.uint64(part_columns)):
                w[target + s] = part[source + s]
