"""Frames on the CPU: gather arrays into them, store results from them with the epilogue.

Which row and column of an array a position of a frame is: passes.py, Window and Planes.
"""

import numpy as np
from numba import njit

from ....core.scalar import IDENTITY, activate, activate_grad
from ....cpu.parallel import share, streaming
from ..guard import is_finite


@njit(inline="always")
def _plane_of(rows, columns, planes, frame):
    """(image, plane of the array, tile down, tile across) of a frame."""
    z, rest = frame % planes.z, frame // planes.z
    v, u = rest % planes.v, planes.first + rest // planes.v
    tiles = rows.tiles * columns.tiles
    image, tile = u // tiles, u % tiles
    plane = planes.plane + image * planes.per_image + v * planes.v_step + z * planes.z_step
    return image, plane, tile // columns.tiles, tile % columns.tiles


@njit(inline="always")
def _elements(axis, tile):
    """Elements [start, end) of an axis at positions [0, used) of a tile's frame, and the position of element 0."""
    first, last = axis.first - tile * axis.tile, axis.used - 1
    if axis.step > 0:
        start, end = -(first // axis.step), (last - first) // axis.step + 1
    else:
        start, end = -((last - first) // -axis.step), first // -axis.step + 1
    return max(start, 0), min(end, axis.size), first


@streaming
def gather(source, rows, columns, planes, first, frames, thread, threads):
    """frames[b, i, j] = the element of plane b at position (i, j) of its frame, 0 where there is none.

    source is flat; frames, flat too, are (count, used rows, frame) of planes `first` on. Bytes: frames and source once.
    """
    used, width = rows.used, columns.frame
    begin, stop = share(frames.size // width, thread, threads)
    for b in range(begin // used, (stop + used - 1) // used):
        _, plane, down, across = _plane_of(rows, columns, planes, first + b)
        start, end, position = _elements(columns, across)
        length = max(end - start, 0)
        for i in range(max(begin - b * used, 0), min(stop - b * used, used)):
            line = np.uint64((b * used + i) * width)  # unsigned, and no views: a view counts a reference
            for j in range(np.uint64(width)):
                frames[line + j] = 0
            distance = i + down * rows.tile - rows.first
            element = distance // rows.step
            if length == 0 or element * rows.step != distance or element < 0 or element >= rows.size:
                continue
            origin = np.uint64((plane * rows.size + element) * columns.size + start)
            if columns.step == 1:
                target = line + np.uint64(position + start)
                for j in range(np.uint64(length)):
                    frames[target + j] = source[origin + j]
            else:
                for j in range(length):
                    frames[line + np.uint64(position + (start + j) * columns.step)] = source[origin + np.uint64(j)]


@streaming
def store(
    results, rows, columns, planes, first, bias, activation, slope, pre_activation, y, redo, thread, threads
):  # fmt: skip
    """y = f(result + bias), or result * f'(pre_activation) unless that is empty; redo[image] where one is not finite.

    All arrays are flat; results are (count, used rows, frame) of planes `first` on. A tile stores the elements of y
    from its first position to the next tile's; positions that no frame computes are 0.
    """
    frame = rows.used * columns.frame
    begin, stop = share(results.size // frame * rows.size, thread, threads)
    for b in range(begin // rows.size, (stop + rows.size - 1) // rows.size):
        image, plane, down, across = _plane_of(rows, columns, planes, first + b)
        added = bias[plane % planes.per_image] if bias.size else y.dtype.type(0)
        # the elements of a row that are this tile's, [left, right), and those of them that its frame has
        start, end, position = _elements(columns, across)
        left, right = 0 if across == 0 else start, columns.size if across == columns.tiles - 1 else end
        for p in range(max(begin - b * rows.size, 0), min(stop - b * rows.size, rows.size)):
            i = rows.first + p * rows.step - down * rows.tile
            if left >= right or (i < 0 and down > 0) or (i >= rows.tile and down < rows.tiles - 1):
                continue
            line, row, count = (
                (plane * rows.size + p) * columns.size,
                b * frame + i * columns.frame + position,
                right - left,
            )
            if i < 0 or i >= rows.used or end <= start:
                _fill(y, line, left, right)
            else:
                _fill(y, line, left, start)
                _fill(y, line, end, right)
                _copy(results, row + start * columns.step, columns.step, y, line + start, end - start)
                if not is_finite(y, line + left, count):
                    redo[image] = True
            _epilogue(y, line + left, count, added, activation, slope, pre_activation)


@njit(inline="always")
def _fill(y, line, left, right):
    """y[line + left : line + right] = 0."""
    for q in range(left, right):
        y[np.uint64(line + q)] = 0


@njit(inline="always")
def _copy(results, source, step, y, target, count):
    """y[target + q] = results[source + q step]."""
    source, target = np.uint64(source), np.uint64(target)
    if step == 1:
        for q in range(np.uint64(count)):
            y[target + q] = results[source + q]
    else:
        for q in range(np.uint64(count)):
            y[target + q] = results[source + q * np.uint64(step)]


@njit(inline="always")
def _epilogue(y, first, count, bias, activation, slope, pre_activation):
    """Bias and activation, or the activation's derivative, of some elements."""
    first = np.uint64(first)
    if pre_activation.size:
        for q in range(np.uint64(count)):
            y[first + q] = activate_grad(y[first + q], pre_activation[first + q], activation, slope)
    elif activation != IDENTITY or bias != 0:
        for q in range(np.uint64(count)):
            y[first + q] = activate(y[first + q] + bias, activation, slope)
