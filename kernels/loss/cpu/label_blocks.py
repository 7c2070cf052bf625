"""Cross-entropy of class labels on the CPU in blocks of rows, whose rows are lanes; a thread takes whole blocks.

Arguments as in label_losses.py. Bytes a call: x and target once, dx once for a gradient. FLOPs: some 30 an element, in
vectors.
"""

from numba import njit

from ...core.scalar_math import ONE, ZERO
from ...cpu.parallel import share, zeros
from ...cpu.reduce import sum_in_blocks
from .. import scalar
from .class_blocks import (
    LANE_ARRAYS,
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
    sums_of_exponentials,
)


@njit(cache=True, nogil=True, error_model="numpy")
def cross_entropy_blocks(x, target, weight, ignore_index, smoothing, losses, weights, thread, threads):
    """x (outer, classes, inner), target, losses and weights (rows,); a thread takes blocks of rows."""
    classes, inner, flat_x = x.shape[1], x.shape[2], x.reshape(-1)
    width = block_width(target.size, classes, flat_x)
    block, lanes = zeros(classes * width, flat_x), zeros(LANE_ARRAYS * width, flat_x)
    first, last = share((target.size + width - 1) // width, thread, threads)
    for number in range(first, last):
        row, count = number * width, min(width, target.size - number * width)
        rows = target[row : row + count], losses[row : row + count], weights[row : row + count]
        if are_neighbors(row, count, inner):
            start, used = first_element(row, classes, inner), lanes[: LANE_ARRAYS * count]
            _block_losses(flat_x, start, inner, weight, ignore_index, smoothing, used, rows)
        else:
            load_block(flat_x, row, count, classes, inner, block, width)
            _block_losses(block, 0, width, weight, ignore_index, smoothing, lanes, rows)


@lanewise
def _block_losses(x, start, stride, weight, ignore_index, smoothing, lanes, rows):
    """A block's losses and weights; of `rows`, the labels, losses and weights, the first lanes."""
    labels, losses, weights = rows
    best, partial, rest, logs, spread, logits, _, _ = lane_arrays(lanes)
    width, classes = best.size, weight.size
    # log sum exp(x - max)
    row_maxima(x, start, stride, classes, best)
    sums_of_exponentials(x, start, stride, classes, best, partial, rest)
    logs_of_totals(rest, logs)
    # with smoothing the sum of all classes' losses
    spread[:] = ZERO
    for c in range(classes if smoothing > ZERO else 0):
        row = x[start + c * stride :][:width]
        for i in range(width):
            spread[i] += scalar.weighted(weight[c], scalar.negative_log(row[i], best[i], logs[i]))
    # the labels' losses
    for i in range(labels.size):
        label = labels[i] if labels[i] != ignore_index else 0
        logits[i] = x[start + label * stride + i]
        weights[i] = weight[label]
    for i in range(labels.size):
        hit = scalar.weighted(weights[i], scalar.negative_log(logits[i], best[i], logs[i]))
        losses[i] = scalar.smoothed(hit, spread[i], smoothing, losses.dtype.type(classes))
    for i in range(labels.size):
        if labels[i] == ignore_index:
            losses[i] = weights[i] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def cross_entropy_grad_blocks(x, target, weight, ignore_index, smoothing, dloss, divisor, dx, thread, threads):
    """x and dx (outer, classes, inner), target (rows,), dloss one or (rows,), divided by the divisor."""
    classes, inner, flat_x, flat_dx = x.shape[1], x.shape[2], x.reshape(-1), dx.reshape(-1)
    width = block_width(target.size, classes, flat_x)
    block, result, powers = zeros(classes * width, x), zeros(classes * width, x), zeros(classes * width, x)
    lanes = zeros(LANE_ARRAYS * width, flat_x)
    even = smoothing / x.dtype.type(classes)
    even_mass = even * x.dtype.type(sum_in_blocks(weight))
    first, last = share((target.size + width - 1) // width, thread, threads)
    for number in range(first, last):
        row, count = number * width, min(width, target.size - number * width)
        rows = target[row : row + count], dloss[row : row + count] if dloss.size > 1 else dloss
        options = weight, ignore_index, ONE - smoothing, even, even_mass, divisor
        if are_neighbors(row, count, inner):
            start, used = first_element(row, classes, inner), lanes[: LANE_ARRAYS * count]
            _block_gradients(flat_x, start, inner, options, powers, used, rows, flat_dx, start, inner)
        else:
            load_block(flat_x, row, count, classes, inner, block, width)
            _block_gradients(block, 0, width, options, powers, lanes, rows, result, 0, width)
            store_block(result, width, flat_dx, row, count, classes, inner)


@lanewise
def _block_gradients(x, start, stride, options, powers, lanes, rows, dx, first, pitch):
    """dx = grad_loss (softmax mass - distribution) of a block; of `rows`, the labels and dloss, the first lanes."""
    (weight, _, _, _, _, _), (labels, _) = options, rows
    best, partial, rest, mass, grad_power, grad_even, of_label, keeps = lane_arrays(lanes)
    width, classes = best.size, weight.size
    row_maxima(x, start, stride, classes, best)
    block_exponentials(x, start, stride, classes, best, powers, partial, rest)
    _lane_factors(options, powers, lanes, rows)
    for c in range(classes):
        row, target = powers[c * width : (c + 1) * width], dx[first + c * pitch :][:width]
        for i in range(width):
            target[i] = scalar.unless_weightless(mass[i], grad_power[i] * row[i] - grad_even[i] * weight[c])
    for i in range(labels.size):
        if keeps[i] != ZERO:
            dx[first + labels[i] * pitch + i] = of_label[i]


@lanewise
def _lane_factors(options, powers, lanes, rows):
    """What a block's powers and weights are multiplied by, and the gradients of the labels' classes."""
    weight, ignore_index, sharpness, even, even_mass, divisor = options
    labels, dloss = rows
    weights, label_powers, rest, mass, grad_power, grad_even, of_label, keeps = lane_arrays(lanes)
    width = weights.size
    grad_losses = grad_even
    grad_losses[:] = dloss[0]
    grad_losses[: labels.size if dloss.size > 1 else 0] = dloss[: labels.size if dloss.size > 1 else 0]
    for i in range(labels.size):
        keeps[i] = ONE if labels[i] != ignore_index else ZERO
        label = labels[i] if labels[i] != ignore_index else 0
        weights[i], label_powers[i] = weight[label], powers[label * width + i]
    # one result a loop: LLVM makes vectors of those that store few arrays
    for i in range(width):
        grad_losses[i] = grad_losses[i] / divisor if (divisor != ZERO) & (keeps[i] != ZERO) else ZERO
    for i in range(width):
        mass[i] = sharpness * weights[i] + even_mass if keeps[i] != ZERO else ZERO
    for i in range(width):
        grad_power[i] = grad_losses[i] * mass[i] / (ONE + rest[i])
    # softmax - 1 of the label is formed from the other classes: softmax itself may be 1
    for i in range(width):
        others = (rest[i] + (ONE - label_powers[i])) / (ONE + rest[i])
        difference = (
            even_mass * (label_powers[i] / (ONE + rest[i])) - even * weights[i] - sharpness * weights[i] * others
        )
        of_label[i] = scalar.unless_weightless(mass[i], grad_losses[i] * difference)
    for i in range(width):
        grad_even[i] *= even
