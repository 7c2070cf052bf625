"""Cross-entropy on CUDA of rows of logits that lie side by side: a warp for each (rows.py).

Bytes a launch: x once for the losses; for the gradient x twice, the second time from the cache where a row fits, and dx
once.
"""

import math

from numba import float32

from ...core.scalar_math import NAN, ONE, ZERO
from ...cuda.launch import cuda, int32, uint32
from ...cuda.vectorized import load_or_broadcast
from ...cuda.warp_rows import CLASSES_PER_STEP, load_classes, row_and_class, store_classes, sum_exponentials, warp_sum
from ..scalar import negative_log, smoothed


@cuda.jit(device=True, inline="always")
def weight_of_class(c, weight, weighted):
    """A class's weight."""
    return weight[uint32(c)] if weighted else ONE


@cuda.jit(device=True, inline="always")
def weight_of(label, classes, weight, weighted):
    """A label's weight; NaN where there is no such class, so that its loss and gradient are NaN too."""
    if label < 0 or label >= classes:
        return NAN
    return weight_of_class(label, weight, weighted)


@cuda.jit(device=True, inline="always")
def place_of(label, classes):
    """Where a label's class lies in its row; where there is no such class, some place in it."""
    return int32(label) if 0 <= label < classes else int32(0)


@cuda.jit(device=True, inline="always")
def _weights_of(c, classes, weight, weighted):
    """The weights of four classes; 0 behind the last one."""
    if not weighted:
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
    x, vectors, classes, target, weight, weighted, ignore_index, smoothing, losses, weights, count
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
    largest, total = sum_exponentials(x, start, first, classes, vectors)
    log_total, spread, c = x.dtype.type(math.log(total)), x.dtype.type(0), first
    while c < classes and smoothing > ZERO:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, ZERO)
        w0, w1, w2, w3 = _weights_of(c, classes, weight, weighted)
        here = w0 * negative_log(x0, largest, log_total) + w1 * negative_log(x1, largest, log_total)
        spread += here + (w2 * negative_log(x2, largest, log_total) + w3 * negative_log(x3, largest, log_total))
        c = int32(c + CLASSES_PER_STEP)
    spread = warp_sum(spread)
    if first == 0:
        own = weight_of(target[row], classes, weight, weighted)
        hit = own * negative_log(x[uint32(start + place_of(target[row], classes))], largest, log_total)
        weights[row] = own
        losses[row] = smoothed(hit, spread, smoothing, float32(classes))


@cuda.jit(cache=True)
def cross_entropy_grad_rows_kernel(
    x, dx, vectors, classes, target, weight, weighted, ignore_index, smoothing, dloss, count
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
    even, label = smoothing / float32(classes), place_of(target[row], classes)
    sure, mass = (ONE - smoothing) * weight_of(target[row], classes, weight, weighted), zero
    while c < classes:
        w0, w1, w2, w3 = _weights_of(c, classes, weight, weighted)
        mass += even * ((w0 + w1) + (w2 + w3))
        c = int32(c + CLASSES_PER_STEP)
    mass = sure + warp_sum(mass)
    largest, total = sum_exponentials(x, start, first, classes, vectors)
    factor, share, c = load_or_broadcast(dloss, row), mass / total, first
    while c < classes:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, ZERO)
        w0, w1, w2, w3 = _weights_of(c, classes, weight, weighted)
        e0, e1 = even * w0 + (sure if c == label else zero), even * w1 + (sure if c + 1 == label else zero)
        e2, e3 = even * w2 + (sure if c + 2 == label else zero), even * w3 + (sure if c + 3 == label else zero)
        dx0, dx1 = factor * (share * math.exp(x0 - largest) - e0), factor * (share * math.exp(x1 - largest) - e1)
        dx2, dx3 = factor * (share * math.exp(x2 - largest) - e2), factor * (share * math.exp(x3 - largest) - e3)
        store_classes(dx, start, c, classes, vectors, (dx0, dx1, dx2, dx3))
        c = int32(c + CLASSES_PER_STEP)
