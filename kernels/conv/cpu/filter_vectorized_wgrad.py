"""The weight gradient whose lanes are filters: no row of pixels is too short for a vector.

    dw[k, l] = sum_j x[place(j) + move(l)] dy[k, j],    j = (n, p, q), l = (c, r, s)

The product of conv_by_filters.py with rows and reduction exchanged: the micro-kernel broadcasts x at MR pairs l and
multiplies with NV vectors of filters. dy is transposed as it is needed, a part that stays in the first-level cache. Of
1x1 kernels with more filters than channels, x and dy change places.
"""

from numba import njit

from ...cpu.emitter import MR, tile_columns
from ...cpu.microkernel import multiply_gathered
from ...cpu.parallel import share
from ...cpu.simd_rows import copy_row
from ...cpu.threads import on_threads, threads_for
from ...cpu.transposing import transpose
from ...cpu.workspaces import workspace, zeros
from .direct import SERIAL
from .filter_vectorized import STEPS
from .offset_tables import even_parts, gather, pad, room_for_copy

PAIRS = 256  # of a task, at most: transposing dy for them takes a fortieth of multiplying
BLOCKS = 4  # of NR filters, at most, that a task multiplies while x is in the first-level cache
TASKS = 8  # at least so many where there are pairs enough, a few for each thread


def correlate_with_gradient_by_filters(g, taps, x, dy, dw):
    """dw[k, c, r, s] = sum_{n, p, q} dy[n, k, p, q] x[n, c, p st + r d - pad, ...]: equation (13), one group.

    Parameters
    ----------
    g : ConvShape
    taps : tuple of (r, s, dh, dw)
        The forward pass's taps, in the order of dw.
    x : array (N, C, H, W)
    dy : array (N, K, P, Q)
    dw : array (K, C, R, S)
    """
    if g.n == 0:
        dw[...] = 0
        return
    width, filters = tile_columns(x.dtype), g.k
    exchanged = is_exchanged(g)
    if exchanged:
        x, dy, filters = dy, x, g.c
    blocks = -(-filters // (BLOCKS * width))
    reads, tables = gather(x.shape, (g.p, g.q), taps, (g.stride_h, g.stride_w), blocks)
    all_pairs = x.shape[1] * reads.taps
    pairs = -(-all_pairs // max(-(-all_pairs // PAIRS), -(-TASKS // blocks)) // MR) * MR
    threads = threads_for(blocks * -(-all_pairs // pairs), g.flops < 2 * SERIAL)
    arrays = x.reshape(-1), room_for_copy(reads, x.dtype), dy.reshape(-1), dw.reshape(-1)
    _launch(reads, tables, (filters, width, pairs, exchanged), *arrays, threads)


def is_exchanged(g):
    """Whether x and dy change places: of a product of two matrices the one with fewer rows is transposed."""
    return g.r * g.s * g.stride_h * g.stride_w == 1 and g.x_shape[2:] == g.y_shape[2:] and g.k > g.c


@njit(cache=True, nogil=True)
def _launch(g, tables, sizes, x, copy, dy, dw, threads):
    """Pad, then multiply."""
    if g.copied:
        on_threads(pad, (g, x, copy), threads)
    places, moves = tables
    problem = (g, copy if g.copied else x, places, moves, dy, sizes, dw)
    on_threads(_correlate, problem, threads)


@njit(cache=True, nogil=True)
def _turn(g, dy, filters, k, there, n, j, count, panel, start, width):
    """panel[i, l] = dy of filter k + l at position j + i of the images from n on, for i < count, l < there."""
    outputs, done = g.p * g.q, 0
    while done < count:
        m, q = (j + done) // outputs, (j + done) % outputs
        length = min(outputs - q, count - done)
        first = ((n + m) * filters + k) * outputs + q
        transpose(dy, first, outputs, there, length, panel, start + done * width, width)
        done += length


@njit(cache=True, nogil=True)
def _correlate(g, x, places, moves, dy, sizes, dw, thread, threads):
    """The equation at the head of this file, for one thread's pairs and filters.

    Every sum is one thread's, over the positions in order: the bits do not depend on the number of threads.

    FLOPs: 2 N K P Q C R S. Bytes: x once a block, dy once for so many pairs, dw once.
    """
    filters, width, pairs, exchanged = sizes
    most = min(BLOCKS * width, (filters + width - 1) // width * width)
    all_pairs, outputs, blocks = g.c * g.taps, g.p * g.q, (filters + most - 1) // most
    step, sums = even_parts(g.images * outputs, STEPS), workspace((pairs + MR) * most, x)
    panels = zeros(step * most, x)
    first, last = share((all_pairs + pairs - 1) // pairs * blocks, thread, threads)
    for task in range(first, last):
        pair, k0 = task // blocks * pairs, task % blocks * most
        count, k1 = min(pairs, all_pairs - pair), min(k0 + most, filters)
        for n in range(0, g.n, g.images):
            image, positions = n * g.c * g.height * g.width, min(g.images, g.n - n) * outputs
            for j in range(0, positions, step):
                steps = min(step, positions - j)
                for k in range(k0, k1, width):
                    _turn(g, dy, filters, k, min(width, k1 - k), n, j, steps, panels, (k - k0) * step, width)
                for i in range(0, count, MR):
                    for k in range(0, k1 - k0, width):
                        multiply_gathered(
                            x, image, moves, pair + i, places, j, steps, panels, k * step,
                            sums, i * most + k, most, n + j > 0,
                        )  # fmt: skip
        if exchanged:
            for i in range(count):
                copy_row(dw, (pair + i) * filters + k0, sums, i * most, k1 - k0)
        else:
            transpose(sums, 0, most, count, k1 - k0, dw, k0 * all_pairs + pair, all_pairs)
