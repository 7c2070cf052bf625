"""Results of Winograd's algorithm: the inverse transform of a task's products, and their epilogue."""

import math

import numpy as np
from numba import njit

from ....core.scalar import activate, activate_grad
from ....cpu.registers import MR
from ..correlation import Lattice
from ..epilogue import epilogue
from ..guard import is_finite
from .filters import MATRIX_GAP, block_filters, row_size
from .tiles import image_of, is_dilated, padded_tiles, task_bounds
from .transforms import output_matrix, scatter_sandwich

_transform_output_4, _transform_output_2 = scatter_sandwich(output_matrix(3)), scatter_sandwich(output_matrix(5))


@njit(cache=True, nogil=True)
def product_stride(g, f):
    """Elements from one position's products to the next one's."""
    return (row_size(f) + MR - 1) // MR * MR * g.count + MATRIX_GAP


@njit(cache=True, nogil=True)
def store_tiles(
    g, f, targets, group, task, block, m, outputs, lattice, bias, activation, slope, pre_activation, y, redo
):  # fmt: skip
    """Results of a task and a block: of every filter, the phases one after the other."""
    n, images, first, last = task_bounds(g, task)
    stride, pitch, k0, step = product_stride(g, f), g.edge * g.across, block * block_filters(f), lattice.row_step
    tiles, image_stride = padded_tiles(g, task), g.rows * g.edge * pitch
    for k in range(k0, min(k0 + block_filters(f), f.count)):
        for phase in range(f.writes):
            # inverse transform
            for tile in range(0, tiles, g.lanes):
                row = (phase * block_filters(f) + k - k0) * g.count + tile
                if g.edge == 4:
                    _transform_output_4(m, row, stride, outputs, targets, tile, pitch)
                else:
                    _transform_output_2(m, row, stride, outputs, targets, tile, pitch)
            # epilogue: bias, activation, store
            k_all, p0, p1 = group * f.count + k, g.edge * first, g.edge * last
            if is_dilated(g):
                _store_dilated(
                    g, lattice, outputs, image_stride, images, pitch, n, k_all, p0, p1,
                    bias, activation, slope, pre_activation, y, redo,
                )  # fmt: skip
            else:
                _store_phase(
                    lattice, phase // step, phase % step, outputs, image_stride, images, pitch, n, k_all, p0, p1,
                    bias, activation, slope, pre_activation, y, redo,
                )  # fmt: skip


@njit(cache=True, nogil=True)
def _store_phase(
    lattice, i, j, outputs, image_stride, images, pitch, n, k, p0, p1, bias, activation, slope, pre_activation, y, redo
):  # fmt: skip
    """Rows p0 to p1 of the phase that begins with row i and column j, of a filter and some images."""
    p = (lattice.height - i + lattice.row_step - 1) // lattice.row_step
    q = (lattice.width - j + lattice.col_step - 1) // lattice.col_step
    p1 = min(p1, p)
    if p0 < p1 and q > 0:
        for image in range(images):
            if not is_finite(outputs, image * image_stride, (p1 - p0 - 1) * pitch + q):
                redo[n + image] = True
        part = Lattice(lattice.k, lattice.height, lattice.width, p, q, i, lattice.row_step, j, lattice.col_step)
        epilogue(
            part, outputs, 0, 0, 1, image_stride, images, pitch, n, k, p0, p1,
            bias, activation, slope, pre_activation, y,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _store_dilated(
    g, lattice, outputs, image_stride, images, pitch, n, k, p0, p1, bias, activation, slope, pre_activation, y, redo
):  # fmt: skip
    """The same of images that are steps of a dilation: short rows, all in one call, which counts references once."""
    step, zero, plain = np.uint64(lattice.col_step), y.dtype.type(0), not pre_activation.size
    for m in range(images):
        image, a, b = image_of(g, n + m)
        end = min(p1, (lattice.height - a + lattice.row_step - 1) // lattice.row_step)
        count, lost = (lattice.width - b + lattice.col_step - 1) // lattice.col_step, zero
        first = ((image * lattice.k + k) * lattice.height + a) * lattice.width + b
        for p in range(p0, end):
            source, target = (
                np.uint64(m * image_stride + (p - p0) * pitch),
                first + p * lattice.row_step * lattice.width,
            )
            for j in range(np.uint64(max(count, 0))):
                value, at = outputs[source + j], np.uint64(target) + j * step
                lost += value * zero
                value += bias[k]
                if plain:
                    y[at] = activate(value, activation, slope)
                else:
                    y[at] = activate_grad(value, pre_activation[at], activation, slope)
        if math.isnan(lost):
            redo[image] = True
