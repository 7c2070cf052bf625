"""Cross-entropy against distributions over the classes, on the CPU; a thread takes whole rows of classes.

Bytes a call: x and target once, dx or the losses once. FLOPs: some 30 an element, in vectors.
"""

from ...core.scalar_math import ONE, ZERO
from ...cpu.parallel import share, streaming
from ...cpu.reduce import sum_in_blocks
from .. import scalar
from .class_rows import (
    ELEMENTS_PER_EXPONENTIAL,
    class_weights,
    exponentials,
    load_row,
    log_of_total,
    row_start,
    scratch_row,
    store_row,
    sum_of_losses,
)


def cross_entropy_of_probabilities(x, target, weight, smoothing, losses):
    """losses = -sum_c weight_c d_c log softmax(x)_c, d = (1 - smoothing) target + smoothing / classes.

    x and target (outer, classes, inner), weight (classes,) or None, losses (outer, inner).
    """
    rows, weight = x.shape[0] * x.shape[2], class_weights(x, weight)
    _losses(rows, ELEMENTS_PER_EXPONENTIAL * x.size, x, target, weight, smoothing, losses.reshape(-1))


def cross_entropy_of_probabilities_grad(x, target, weight, smoothing, dloss, scale, dx):
    """dx_c = scale dloss (softmax(x)_c sum_j weight_j d_j - weight_c d_c); dloss has one element or one a row."""
    rows, weight = x.shape[0] * x.shape[2], class_weights(x, weight)
    _gradients(rows, ELEMENTS_PER_EXPONENTIAL * x.size, x, target, weight, smoothing, dloss, scale, dx)


@streaming
def _losses(x, target, weight, smoothing, losses, thread, threads):
    """x and target (outer, classes, inner), losses (rows,); a thread takes rows."""
    classes, inner = x.shape[1], x.shape[2]
    logits, powers, distribution = scratch_row(classes, x), scratch_row(classes, x), scratch_row(classes, x)
    flat_x, flat_target, even = x.reshape(-1), target.reshape(-1), smoothing / x.dtype.type(classes)
    first, last = share(x.shape[0] * inner, thread, threads)
    for i in range(first, last):
        start = row_start(i, classes, inner)
        load_row(flat_x, start, classes, inner, logits, flat_x[start])
        load_row(flat_target, start, classes, inner, distribution, ZERO)
        rest, maximum = exponentials(logits, classes, powers)
        for c in range(classes):
            distribution[c] = weight[c] * ((ONE - smoothing) * distribution[c] + even)
        log_total = log_of_total(rest, x)
        losses[i] = sum_of_losses(distribution[:classes], logits, maximum, log_total, powers)


@streaming
def _gradients(x, target, weight, smoothing, dloss, scale, dx, thread, threads):
    """x, target and dx (outer, classes, inner), dloss one or (rows,); a thread takes rows."""
    classes, inner = x.shape[1], x.shape[2]
    row, powers, distribution = scratch_row(classes, x), scratch_row(classes, x), scratch_row(classes, x)
    flat_x, flat_target, flat_dx = x.reshape(-1), target.reshape(-1), dx.reshape(-1)
    even = smoothing / x.dtype.type(classes)
    first, last = share(x.shape[0] * inner, thread, threads)
    for i in range(first, last):
        # load the logits and the smoothed, weighted distribution
        start = row_start(i, classes, inner)
        load_row(flat_x, start, classes, inner, row, flat_x[start])
        load_row(flat_target, start, classes, inner, distribution, ZERO)
        for c in range(classes):
            distribution[c] = weight[c] * ((ONE - smoothing) * distribution[c] + even)
        total_mass = sum_in_blocks(distribution[:classes])
        # dx = grad_loss (softmax mass - distribution); of the top class softmax - 1 is formed from the others
        rest, _ = exponentials(row, classes, powers)
        grad_loss = scale * dloss[i if dloss.size > 1 else 0]
        mass, others = x.dtype.type(total_mass), x.dtype.type(total_mass * (rest / (1.0 + rest)))
        per_power, top = x.dtype.type(total_mass / (1.0 + rest)), scalar.top_power(rest)
        for c in range(classes):
            row[c] = grad_loss * scalar.mass_difference(powers[c], distribution[c], top, mass, per_power, others)
        store_row(row, classes, flat_dx, start, inner)
