"""Cross-entropy against distributions over the classes, on CUDA: a thread a row of classes.

Bytes a launch: x and target twice, the second time from the cache where a row fits, dx or the losses once.
"""

import math

from numba import float32

from ...core.scalar import added, corrected
from ...core.scalar_math import ONE, exp_nonpositive
from ...cuda.launch import cuda, each, int32, uint32
from ...cuda.vectorized import load_or_broadcast
from .. import scalar
from .class_rows import class_weight, class_weights, row_maximum, row_rest, row_start


def cross_entropy_of_probabilities(x, target, weight, smoothing, losses):
    """losses = -sum_c weight_c d_c log softmax(x)_c, d = (1 - smoothing) target + smoothing / classes.

    x and target (outer, classes, inner), weight (classes,) or None, losses (outer, inner).
    """
    rows = x.shape[0] * x.shape[2]
    each(of_probabilities_kernel, rows, x, target, *class_weights(x, weight), smoothing, losses, *x.shape)


def cross_entropy_of_probabilities_grad(x, target, weight, smoothing, dloss, scale, dx):
    """dx_c = scale dloss (softmax(x)_c sum_j weight_j d_j - weight_c d_c); dloss has one element or one a row."""
    rows, options = x.shape[0] * x.shape[2], (smoothing, dloss, scale)
    each(of_probabilities_grad_kernel, rows, x, target, *class_weights(x, weight), *options, dx, *x.shape)


@cuda.jit(cache=True)
def of_probabilities_kernel(x, target, weight, has_weight, smoothing, losses, outer, classes, inner):
    """x and target (outer, classes, inner), losses (outer, inner); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    maximum = row_maximum(x, start, classes, inner)
    log_total = x.dtype.type(math.log1p(row_rest(x, start, classes, inner, maximum)))
    even = smoothing / float32(classes)
    loss, error = x.dtype.type(0), x.dtype.type(0)
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        expected = class_weight(c, weight, has_weight) * ((ONE - smoothing) * target[j] + even)
        loss, error = added(loss, error, scalar.weighted(expected, scalar.negative_log(x[j], maximum, log_total)))
        c = int32(c + 1)
    losses[i] = corrected(loss, error)


@cuda.jit(cache=True)
def of_probabilities_grad_kernel(
    x, target, weight, has_weight, smoothing, dloss, scale, dx, outer, classes, inner
):  # fmt: skip
    """x, target and dx (outer, classes, inner), dloss one or (outer inner,); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    maximum = row_maximum(x, start, classes, inner)
    rest = row_rest(x, start, classes, inner, maximum)
    # total mass of the smoothed, weighted distribution
    even = smoothing / float32(classes)
    mass, error = x.dtype.type(0), x.dtype.type(0)
    c = int32(0)
    while c < classes:
        chance = (ONE - smoothing) * target[uint32(start + c * inner)] + even
        mass, error = added(mass, error, class_weight(c, weight, has_weight) * chance)
        c = int32(c + 1)
    mass, total = corrected(mass, error), ONE + rest
    # dx = grad_loss (softmax mass - distribution)
    grad_loss = scale * load_or_broadcast(dloss, i)
    per_power, others, top, c = mass / total, mass * (rest / total), scalar.top_power(rest), int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        expected = class_weight(c, weight, has_weight) * ((ONE - smoothing) * target[j] + even)
        power = exp_nonpositive(x[j] - maximum)
        dx[j] = grad_loss * scalar.mass_difference(power, expected, top, mass, per_power, others)
        c = int32(c + 1)
