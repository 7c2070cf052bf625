"""Softmax and log-softmax on the CPU in blocks of rows, whose rows are lanes; a thread takes whole blocks.

Bytes a call: 2 x.nbytes forward, 3 x.nbytes for a gradient. FLOPs: some 30 an element, in vectors.
"""

from ...core.scalar_math import ONE, ZERO
from ...core.templates import instance
from ...cpu.parallel import share, streaming, zeros
from .. import scalar
from .class_blocks import (
    LANE_ARRAYS,
    TERMS,
    are_neighbors,
    block_exponentials,
    block_width,
    first_element,
    lane_arrays,
    lanewise,
    load_block,
    logs_of_totals,
    row_maxima,
    store_block,
)

compute = None  # set in each copy of the templates


def _forward(x, y, rows, classes, inner, thread, threads):
    """x and y flat (outer, classes, inner)."""
    width = block_width(rows, classes, x)
    block, result, powers = zeros(classes * width, x), zeros(classes * width, x), zeros(classes * width, x)
    lanes = zeros(LANE_ARRAYS * width, x)
    first, last = share((rows + width - 1) // width, thread, threads)
    for number in range(first, last):
        row, count = number * width, min(width, rows - number * width)
        if are_neighbors(row, count, inner):
            start = first_element(row, classes, inner)
            compute(x, start, inner, classes, powers, lanes[: LANE_ARRAYS * count], y, start, inner)
        else:
            load_block(x, row, count, classes, inner, block, width)
            compute(block, 0, width, classes, powers, lanes, result, 0, width)
            store_block(result, width, y, row, count, classes, inner)


def _backward(x, dx, dy, rows, classes, inner, thread, threads):
    """x, dx and dy flat (outer, classes, inner)."""
    width = block_width(rows, classes, x)
    block, result, powers = zeros(classes * width, x), zeros(classes * width, x), zeros(classes * width, x)
    gradient, lanes = zeros(classes * width, x), zeros(LANE_ARRAYS * width, x)
    first, last = share((rows + width - 1) // width, thread, threads)
    for number in range(first, last):
        row, count = number * width, min(width, rows - number * width)
        if are_neighbors(row, count, inner):
            start = first_element(row, classes, inner)
            compute(x, dy, start, inner, classes, powers, lanes[: LANE_ARRAYS * count], dx, start, inner)
        else:
            load_block(x, row, count, classes, inner, block, width)
            load_block(dy, row, count, classes, inner, gradient, width)
            compute(block, gradient, 0, width, classes, powers, lanes, result, 0, width)
            store_block(result, width, dx, row, count, classes, inner)


@lanewise
def _softmax(x, start, stride, classes, powers, lanes, y, first, pitch):
    """y_c = exp(x_c - max) / sum_j exp(x_j - max)."""
    best, partial, rest, _, _, _, _, _ = lane_arrays(lanes)
    width = best.size
    row_maxima(x, start, stride, classes, best)
    block_exponentials(x, start, stride, classes, best, powers, partial, rest)
    for i in range(width):
        rest[i] = ONE / (ONE + rest[i])
    for c in range(classes):
        row, target = powers[c * width : (c + 1) * width], y[first + c * pitch : first + c * pitch + width]
        for i in range(width):
            target[i] = row[i] * rest[i]


@lanewise
def _log_softmax(x, start, stride, classes, powers, lanes, y, first, pitch):
    """y_c = (x_c - max) - log sum_j exp(x_j - max)."""
    best, partial, rest, _, _, _, _, _ = lane_arrays(lanes)
    width = best.size
    row_maxima(x, start, stride, classes, best)
    block_exponentials(x, start, stride, classes, best, powers, partial, rest)
    logs_of_totals(rest, partial)
    for c in range(classes):
        row, target = x[start + c * stride :][:width], y[first + c * pitch :][:width]
        for i in range(width):
            target[i] = (row[i] - best[i]) - partial[i]


@lanewise
def _softmax_grad(x, dy, start, stride, classes, powers, lanes, dx, first, pitch):
    """dx_c = y_c (dy_c - sum_j dy_j y_j), y = softmax(x)."""
    best, total, products, reference, product, partial, _, _ = lane_arrays(lanes)
    width = best.size
    row_maxima(x, start, stride, classes, best)
    block_exponentials(x, start, stride, classes, best, powers, partial, total)
    # dy of a largest class, of which a softmax near 1 leaves no digits otherwise
    for c in range(classes):
        row, gradient = powers[c * width : (c + 1) * width], dy[start + c * stride :][:width]
        for i in range(width):
            reference[i] = gradient[i] if row[i] == ONE else reference[i]
    # inner products with the differences from it
    product[:] = ZERO
    for top in range(0, classes, TERMS):
        products[:] = ZERO
        for c in range(top, min(top + TERMS, classes)):
            row, gradient = powers[c * width : (c + 1) * width], dy[start + c * stride :][:width]
            for i in range(width):
                products[i] += row[i] * (gradient[i] - reference[i])
        for i in range(width):
            product[i] += products[i]
    # dx
    for i in range(width):
        total[i] = ONE / (ONE + total[i])
        product[i] *= total[i]
    for c in range(classes):
        row, gradient = powers[c * width : (c + 1) * width], dy[start + c * stride :][:width]
        target = dx[first + c * pitch :][:width]
        for i in range(width):
            target[i] = row[i] * total[i] * ((gradient[i] - reference[i]) - product[i])


@lanewise
def _log_softmax_grad(x, dy, start, stride, classes, powers, lanes, dx, first, pitch):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j; of the top class softmax - 1 is formed from the others."""
    best, partial, rest, total, top, mass, _, _ = lane_arrays(lanes)
    width = best.size
    row_maxima(x, start, stride, classes, best)
    block_exponentials(x, start, stride, classes, best, powers, partial, rest)
    total[:] = 0
    for c in range(classes):
        gradient = dy[start + c * stride :][:width]
        for i in range(width):
            total[i] += gradient[i]
    for i in range(width):
        top[i], mass[i] = scalar.top_power(rest[i]), total[i] / (ONE + rest[i])
        rest[i] *= mass[i]
    for c in range(classes):
        row, gradient = powers[c * width : (c + 1) * width], dy[start + c * stride :][:width]
        target = dx[first + c * pitch :][:width]
        for i in range(width):
            target[i] = scalar.log_softmax_grad(gradient[i], row[i], top[i], total[i], mass[i], rest[i])


def _kernel(template, function):
    return streaming(instance(template, f"{function.__name__}_blocks", compute=function))


softmax, log_softmax = (_kernel(_forward, function) for function in (_softmax, _log_softmax))
softmax_grad, log_softmax_grad = (_kernel(_backward, function) for function in (_softmax_grad, _log_softmax_grad))
