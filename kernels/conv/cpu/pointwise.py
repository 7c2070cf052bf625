"""1x1 kernels with stride 1 on large maps: for each image filters x channels are multiplied with channels x pixels.

    y[n, k, j] = f(sum_c w[k, c] x[n, c, j] + b[k]),    or that sum times f'(pre_activation), for the input gradient

A task is some pixels of an image. Their channels are copied side by side, a part that stays in the first-level cache,
and multiplied with all filters; so x is read once, in rows of a few cache lines, and y written once.
"""

import numpy as np
from numba import njit

from ...core.memory import new
from ...core.scalar import IDENTITY, activate, activate_grad
from ...cpu.emitter import MR, tile_columns
from ...cpu.microkernel import multiply_biased, multiply_packed
from ...cpu.parallel import share
from ...cpu.simd_rows import clear_row, copy_columns, copy_row
from ...cpu.threads import on_threads, threads_for
from ...cpu.transposing import transpose
from ...cpu.workspaces import workspace, zeros
from .direct import SERIAL, Lattice, store_planes

BLOCK = 16 // MR * MR  # filters whose weights for a channel lie side by side: a cache line
STEPS = 128  # channels multiplied at once, at most
PART = 8192  # elements of the pixels' channels that are multiplied at once: two thirds of the first-level cache


def correlate_pointwise(x, w, transposed, bias, activation, slope, pre_activation, y):
    """Correlate x with 1x1 kernels.

    Parameters
    ----------
    x : array (N, C, H, W)
    w : array (K, C, 1, 1), or with `transposed` (C, K, 1, 1)
    transposed : bool
        Whether this is the input gradient, of weights that lie as the forward pass has them.
    bias : array (K,)
    activation, slope
        Applied to the result; with pre_activation its derivative there is a factor.
    pre_activation : array like y, or (0, 0, 0, 0)
    y : array (N, K, H, W)
    """
    (n, c, h, width), k = x.shape, y.shape[1]
    columns = tile_columns(x.dtype)
    steps = min(c, STEPS)
    tiles = max(1, min(PART // (steps * columns), -(-h * width // columns)))
    packed = new((-(-k // BLOCK), c * BLOCK), x.dtype)
    sizes = n, c, k, h * width, steps, tiles, columns
    tasks = n * -(-h * width // (tiles * columns))
    threads = threads_for(tasks, n * h * width * c * k < SERIAL)
    result = bias, activation, slope, pre_activation.reshape(-1), y.reshape(-1)
    _launch(sizes, x.reshape(-1), w.reshape(-1), transposed, packed, result, threads)


@njit(cache=True, nogil=True)
def _launch(sizes, x, w, transposed, packed, result, threads):
    """Pack the weights, then multiply."""
    packing, problem = (sizes, w, transposed, packed), (sizes, x, packed, *result)
    on_threads(_pack, packing, threads)
    on_threads(_correlate, problem, threads)


@njit(cache=True, nogil=True)
def _pack(sizes, w, transposed, packed, thread, threads):
    """packed[block, c * BLOCK + i] = w of filter block * BLOCK + i and channel c; zero past the last filter."""
    channels, filters = sizes[1], sizes[2]
    blocks, size = packed.shape
    flat = packed.reshape(-1)
    first, last = share(blocks, thread, threads)
    for block in range(first, last):
        k, place = block * BLOCK, block * size
        there = min(BLOCK, filters - k)
        if there < BLOCK:
            clear_row(flat, place, size)
        if transposed:
            for c in range(channels):
                copy_row(flat, place + c * BLOCK, w, c * filters + k, there)
        else:
            transpose(w, k * channels, channels, there, channels, flat, place, BLOCK)


@njit(cache=True, nogil=True)
def _correlate(sizes, x, packed, bias, activation, slope, pre_activation, y, thread, threads):
    """The equation at the head of this file, for one thread's pixels.

    Whole tiles are stored to y from registers: while memory takes them the next ones are multiplied. What is left of a
    map is stored from the cache.

    FLOPs: 2 N K C H W. Bytes: x and y once, w once a task.
    """
    images, channels, filters, pixels, steps, tiles, columns = sizes
    width, rows = tiles * columns, (filters + MR - 1) // MR * MR
    strips, whole = (pixels + width - 1) // width, columns if filters % MR == 0 else pixels + 1
    part, rest, flat = zeros(steps * width, x), workspace(rows * width, x), packed.reshape(-1)
    first, last = share(images * strips, thread, threads)
    for task in range(first, last):
        n, j = task // strips, task % strips * width
        count, there = min(width, pixels - j), n * filters * pixels + j
        direct = count // whole
        for c0 in range(0, channels, steps):
            length = min(steps, channels - c0)
            _copy(x, (n * channels + c0) * pixels + j, pixels, length, count, part, steps, columns)
            for k in range(0, filters, MR):
                weights = (k // BLOCK * channels + c0) * BLOCK + k % BLOCK
                for tile in range((count + columns - 1) // columns):
                    column = tile * steps * columns
                    if tile >= direct:
                        place = k * width + tile * columns
                        multiply_packed(flat, weights, BLOCK, part, column, length, rest, place, width, c0 > 0)
                    else:
                        place = there + k * pixels + tile * columns
                        if c0 == 0:
                            multiply_biased(flat, weights, BLOCK, part, column, length, bias, k, y, place, pixels)
                        else:
                            multiply_packed(flat, weights, BLOCK, part, column, length, y, place, pixels, True)
        done = direct * columns
        if activation != IDENTITY and done:
            _finish(y, there, pixels, filters, done, activation, slope, pre_activation)
        if done < count:
            lattice = Lattice(filters, 1, pixels, 1, count - done, 0, 1, j + done, 1)
            store_planes(
                lattice, rest, done, width, filters, 0, 1, width, n, 0, 0, 1,
                bias, activation, slope, pre_activation, y,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _copy(x, source, pixels, length, count, part, steps, columns):
    """part[(tile * steps + c) * columns + i] = x[source + c * pixels + tile * columns + i] for some channels."""
    for tile in range(0, count, columns):
        if count - tile >= columns:
            copy_columns(part, tile * steps, x, source + tile, pixels, length)
        else:
            for c in range(length):
                copy_row(part, tile * steps + c * columns, x, source + c * pixels + tile, count - tile)


@njit(cache=True, nogil=True)
def _finish(y, first, apart, rows, count, activation, slope, pre_activation):
    """y = f(y), or y f'(pre_activation), of some pixels of all filters."""
    for k in range(rows):
        place = np.uint64(first + k * apart)  # unsigned: no test for a negative index, as in conv_direct.py
        if pre_activation.size:
            for j in range(np.uint64(count)):
                y[place + j] = activate_grad(y[place + j], pre_activation[place + j], activation, slope)
        else:
            for j in range(np.uint64(count)):
                y[place + j] = activate(y[place + j], activation, slope)
