"""The epilogue of a forward pass or an input gradient: bias, activation or its derivative, and the store to y."""

import numpy as np
from numba import njit

from ...core.scalar import IDENTITY, activate, activate_grad
from ...cpu.bfloat16 import element, set_element, store_every_other, store_row


@njit(cache=True, nogil=True)
def epilogue(
    lattice, sums, first, filter_stride, filters, image_stride, images, pitch, n, k, p0, p1, bias, activation, slope,
    pre_activation, y,
):  # fmt: skip
    """y = f(sum + bias), or sum * f'(pre_activation): rows p0 to p1 of some filters and images, on the lattice.

    The sums of row p of filter k + i and image n + m begin at

        first + i * filter_stride + m * image_stride + (p - p0) * pitch.

    y and pre_activation may be bfloat16; sums and bias are not. All rows in one call, here and below: a call counts a
    reference to each array, which threads would fight over.
    """
    rows, row_stride = p1 - p0, lattice.row_step * lattice.width
    corner = (lattice.row0 + p0 * lattice.row_step) * lattice.width + lattice.col0
    for i in range(filters):
        for m in range(images):
            source = first + i * filter_stride + m * image_stride
            target = ((n + m) * lattice.k + k + i) * lattice.height * lattice.width + corner
            # bias and activation, or the activation's derivative
            if (activation != IDENTITY and not pre_activation.size) or bias[k + i] != 0:
                _activate_rows(sums, source, (rows - 1) * pitch + lattice.q, bias[k + i], activation, slope)
            if pre_activation.size:
                _scale(lattice, sums, source, pitch, rows, pre_activation, target, activation, slope)
            # store: strided columns, all rows at once, or row by row
            if lattice.col_step != 1:
                _store_strided(lattice, sums, source, pitch, rows, y, target)
            elif pitch == lattice.width and lattice.row_step == 1:
                store_row(y, target, sums, source, rows * pitch)
            else:
                for p in range(rows):
                    store_row(y, target + p * row_stride, sums, source + p * pitch, lattice.q)


@njit(cache=True, nogil=True)
def _activate_rows(sums, first, count, bias, activation, slope):
    """sums = f(sums + bias), gaps between the rows included."""
    first = np.uint64(first)  # unsigned: no test for a negative index, which would keep the loops from vectors
    for j in range(np.uint64(count)):
        sums[first + j] = activate(sums[first + j] + bias, activation, slope)


@njit(cache=True, nogil=True)
def _scale(lattice, sums, first, pitch, rows, pre_activation, target, activation, slope):
    """sums = sums * f'(pre_activation), of some rows."""
    step = np.uint64(lattice.col_step)
    for p in range(rows):
        source, x = np.uint64(first + p * pitch), np.uint64(target + p * lattice.row_step * lattice.width)
        for j in range(np.uint64(lattice.q)):
            before = element(pre_activation, x + j * step)
            sums[source + j] = activate_grad(sums[source + j], before, activation, slope)


@njit(cache=True, nogil=True)
def _store_strided(lattice, sums, first, pitch, rows, y, target):
    """y[target + p * row_step * width + j * col_step] = sums[first + p * pitch + j], of some rows."""
    step = np.uint64(lattice.col_step)
    for p in range(rows):
        if lattice.col_step == 2:
            store_every_other(y, target + p * lattice.row_step * lattice.width, sums, first + p * pitch, lattice.q)
            continue
        source, row = np.uint64(first + p * pitch), np.uint64(target + p * lattice.row_step * lattice.width)
        for j in range(np.uint64(lattice.q)):
            set_element(y, row + j * step, sums[source + j])
