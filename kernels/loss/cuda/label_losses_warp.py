"""Cross-entropy of class labels on CUDA where a row's classes are contiguous: a warp a row (cuda/warp_rows.py).

Bytes a launch: x once for the losses; for the gradient x twice, the second time from the cache where a row fits, and dx
once.
"""

import math

from numba import float32

from ...core.scalar import added, corrected
from ...core.scalar_math import ONE, ZERO
from ...cuda.launch import cuda, int32, uint32
from ...cuda.vectorized import load_or_broadcast
from ...cuda.warp_rows import CLASSES_PER_STEP, load_classes, row_and_class, store_classes, sum_exponentials, warp_sum
from ..scalar import mass_difference, negative_log, smoothed, top_power, weighted
from .class_rows import class_offset, label_weight


@cuda.jit(device=True, inline="always")
def _class_weights_of_four(c, classes, weight, has_weight):
    """Weights of classes c to c + 3; 0 past the last class."""
    if not has_weight:
        beyond = weight.dtype.type(0)
        one = weight.dtype.type(1)
        return (
            one,
            one if c + 1 < classes else beyond,
            one if c + 2 < classes else beyond,
            one if c + 3 < classes else beyond,
        )
    return load_classes(weight, uint32(0), c, classes, False, ZERO)


@cuda.jit(cache=True)
def cross_entropy_rows_kernel(
    x, vectors, classes, target, weight, has_weight, ignore_index, smoothing, losses, weights, count
):  # fmt: skip
    """x (count, classes), target, losses and weights (count,); a warp for each row."""
    row, start, first = row_and_class(classes)
    if row >= count:
        return
    if target[row] == ignore_index:
        if first == 0:
            losses[row] = ZERO
            weights[row] = ZERO
        return
    # log sum exp(x - max), and with smoothing the sum of all classes' losses
    maximum, rest = sum_exponentials(x, start, first, classes, vectors)
    log_total, spread, error, c = x.dtype.type(math.log1p(rest)), x.dtype.type(0), x.dtype.type(0), first
    while c < classes and smoothing > ZERO:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, ZERO)
        w0, w1, w2, w3 = _class_weights_of_four(c, classes, weight, has_weight)
        l0, l1 = negative_log(x0, maximum, log_total), negative_log(x1, maximum, log_total)
        l2, l3 = negative_log(x2, maximum, log_total), negative_log(x3, maximum, log_total)
        four = (weighted(w0, l0) + weighted(w1, l1)) + (weighted(w2, l2) + weighted(w3, l3))
        spread, error = added(spread, error, four)
        c = int32(c + CLASSES_PER_STEP)
    spread = warp_sum(corrected(spread, error))
    # the label's loss
    if first == 0:
        weight_of_label = label_weight(target[row], classes, weight, has_weight)
        logit = x[uint32(start + class_offset(target[row], classes))]
        hit = weighted(weight_of_label, negative_log(logit, maximum, log_total))
        weights[row] = weight_of_label
        losses[row] = smoothed(hit, spread, smoothing, float32(classes))


@cuda.jit(cache=True)
def cross_entropy_grad_rows_kernel(
    x, dx, vectors, classes, target, weight, has_weight, ignore_index, smoothing, dloss, count
):  # fmt: skip
    """x and dx (count, classes), target (count,), dloss one or (count,); a warp for each row."""
    row, start, first = row_and_class(classes)
    if row >= count:
        return
    zero, c = x.dtype.type(0), first
    if target[row] == ignore_index:
        while c < classes:
            store_classes(dx, start, c, classes, vectors, (zero, zero, zero, zero))
            c = int32(c + CLASSES_PER_STEP)
        return
    # total mass of the distribution
    even, label = smoothing / float32(classes), class_offset(target[row], classes)
    sure, mass, error = (ONE - smoothing) * label_weight(target[row], classes, weight, has_weight), zero, zero
    while c < classes:
        w0, w1, w2, w3 = _class_weights_of_four(c, classes, weight, has_weight)
        mass, error = added(mass, error, even * ((w0 + w1) + (w2 + w3)))
        c = int32(c + CLASSES_PER_STEP)
    mass = sure + warp_sum(corrected(mass, error))
    # dx = grad_loss (softmax mass - distribution)
    maximum, rest = sum_exponentials(x, start, first, classes, vectors)
    grad_loss, total, c = load_or_broadcast(dloss, row), ONE + rest, first
    per_power, others, top = mass / total, mass * (rest / total), top_power(rest)
    while c < classes:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, ZERO)
        w0, w1, w2, w3 = _class_weights_of_four(c, classes, weight, has_weight)
        e0, e1 = even * w0 + (sure if c == label else zero), even * w1 + (sure if c + 1 == label else zero)
        e2, e3 = even * w2 + (sure if c + 2 == label else zero), even * w3 + (sure if c + 3 == label else zero)
        p0, p1, p2, p3 = math.exp(x0 - maximum), math.exp(x1 - maximum), math.exp(x2 - maximum), math.exp(x3 - maximum)
        dx0 = grad_loss * mass_difference(p0, e0, top, mass, per_power, others)
        dx1 = grad_loss * mass_difference(p1, e1, top, mass, per_power, others)
        dx2 = grad_loss * mass_difference(p2, e2, top, mass, per_power, others)
        dx3 = grad_loss * mass_difference(p3, e3, top, mass, per_power, others)
        store_classes(dx, start, c, classes, vectors, (dx0, dx1, dx2, dx3))
        c = int32(c + CLASSES_PER_STEP)
