"""Cross-entropy and negative log-likelihood of class labels, on CUDA.

x is (outer, classes, inner); target, losses and weights are (outer, inner). With the label's smoothed, weighted
distribution d over the classes, a row's loss is -sum_c d_c log softmax(x)_c. Where inner is 1 a warp takes a row
(label_losses_warp.py), otherwise a thread does, next to its neighbours'. A label that is no class gives a loss and a
gradient of NaN: nothing is read out of bounds, and nothing is read back. Totals are sums of blocks in a fixed order.

Bytes a launch: x twice, the second time from the cache where a row fits, dx once for a gradient.
"""

import math

import numpy as np
from numba import float32

from ...core.scalar import added, corrected
from ...core.scalar_math import ONE, ZERO, exp_nonpositive
from ...cuda.launch import cuda, each, empty_like_on, int32, one, uint32
from ...cuda.reduce import sum_to_few
from ...cuda.vectorized import load_or_broadcast
from ...cuda.warp_rows import launch_warp_rows
from .. import scalar
from .class_rows import (
    class_offset,
    class_weight,
    class_weights,
    label_weight,
    row_maximum,
    row_rest,
    row_start,
)
from .label_losses_warp import cross_entropy_grad_rows_kernel, cross_entropy_rows_kernel
from .pairwise import sum_of


def cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights):
    """losses = -sum_c d_c log softmax(x)_c, weights = weight[label]; both 0 where the label is ignored.

    Returns True: the labels are not looked at on the host.
    """
    options = *class_weights(x, weight), np.int64(ignore_index)
    if x.shape[2] == 1 and x.size:
        launch_warp_rows(
            cross_entropy_rows_kernel, [_matrix(x)], target, *options, smoothing, losses, weights, x.shape[0]
        )
    else:
        count = x.shape[0] * x.shape[2]
        each(cross_entropy_kernel, count, x, target, *options, smoothing, losses, weights, *x.shape)
    return True


def cross_entropy_total(x, target, weight, ignore_index, smoothing, mean, loss):
    """loss[0] = the sum of cross_entropy's losses, divided by that of the weights if mean; 0 if nothing has weight."""
    losses, weights = empty_like_on(x, target.size), empty_like_on(x, target.size)
    cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights)
    _reduce(losses, weights, mean, loss)
    return True


def cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, mean, dx):
    """dx_c = dloss (softmax(x)_c sum_j d_j - d_c), divided by the labels' total weight if mean; dx may be x.

    dloss has one element or one for each row.
    """
    options = *class_weights(x, weight), np.int64(ignore_index)
    dloss = _divided_by_label_weight(target, options, dloss, x.shape[1]) if mean else dloss
    if x.shape[2] == 1 and x.size:
        arrays = _matrix(x), _matrix(dx)
        launch_warp_rows(cross_entropy_grad_rows_kernel, arrays, target, *options, smoothing, dloss, x.shape[0])
    else:
        count = x.shape[0] * x.shape[2]
        each(cross_entropy_grad_kernel, count, x, target, *options, smoothing, dloss, dx, *x.shape)
    return True


def nll(x, target, weight, ignore_index, losses, weights):
    """losses = -weight[label] x[label], weights = weight[label]; both 0 where the label is ignored."""
    options = *class_weights(x, weight), np.int64(ignore_index)
    each(nll_kernel, x.shape[0] * x.shape[2], x, target, *options, losses, weights, *x.shape)
    return True


def nll_total(x, target, weight, ignore_index, mean, loss):
    """loss[0] = the sum of nll's losses, divided by that of the weights if mean; 0 if nothing has weight."""
    losses, weights = empty_like_on(x, target.size), empty_like_on(x, target.size)
    nll(x, target, weight, ignore_index, losses, weights)
    _reduce(losses, weights, mean, loss)
    return True


def nll_grad(target, weight, ignore_index, dloss, mean, dx):
    """dx[label] = -dloss weight[label], divided by the labels' total weight if mean; 0 elsewhere."""
    options = *class_weights(dx, weight), np.int64(ignore_index)
    dloss = _divided_by_label_weight(target, options, dloss, dx.shape[1]) if mean else dloss
    each(nll_grad_kernel, dx.shape[0] * dx.shape[2], target, *options, dloss, dx, *dx.shape)
    return True


def _reduce(losses, weights, mean, loss):
    """loss[0] = sum(losses), divided by sum(weights) if mean: by the mean of each, which does not overflow."""
    if mean:
        scale = losses.dtype.type(1 / max(losses.size, 1))
        one(finish_ratio_kernel, *sum_to_few(losses, scale), *sum_to_few(weights, scale), loss)
    else:
        sum_of(losses, losses.dtype.type(1), loss)


def _divided_by_label_weight(target, options, dloss, classes):
    """dloss over the labels' total weight, 0 if that is 0; on the device."""
    weights, quotient = empty_like_on(dloss, max(target.size, 1)), empty_like_on(dloss, 1)
    each(label_weight_kernel, target.size, target, *options, weights, target.size, classes)
    unit = dloss.dtype.type(1)
    one(finish_ratio_kernel, dloss, unit, *sum_to_few(weights[: target.size], unit), quotient)
    return quotient


def _matrix(x):
    """(outer, classes, 1) as (outer, classes)."""
    return x.reshape(x.shape[:2])


@cuda.jit(cache=True)
def label_weight_kernel(target, weight, has_weight, ignore_index, weights, rows, classes):
    """weights[i] = the weight of the class of label i, 0 where it is ignored."""
    i = uint32(cuda.grid(1))
    if i < rows:
        weights[i] = ZERO if target[i] == ignore_index else label_weight(target[i], classes, weight, has_weight)


@cuda.jit(cache=True)
def cross_entropy_kernel(
    x, target, weight, has_weight, ignore_index, smoothing, losses, weights, outer, classes, inner
):  # fmt: skip
    """x (outer, classes, inner), target, losses and weights (outer, inner); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    if target[i] == ignore_index:
        losses[i] = ZERO
        weights[i] = ZERO
        return
    # log sum exp(x - max)
    label, start = class_offset(target[i], classes), row_start(i, classes, inner)
    maximum = row_maximum(x, start, classes, inner)
    log_total = x.dtype.type(math.log1p(row_rest(x, start, classes, inner, maximum)))
    # the label's loss, and with smoothing the sum of all classes' losses
    spread, error = x.dtype.type(0), x.dtype.type(0)
    c = int32(0)
    while c < classes and smoothing > ZERO:
        loss = scalar.negative_log(x[uint32(start + c * inner)], maximum, log_total)
        spread, error = added(spread, error, scalar.weighted(class_weight(c, weight, has_weight), loss))
        c = int32(c + 1)
    weights[i] = label_weight(target[i], classes, weight, has_weight)
    hit = scalar.weighted(weights[i], scalar.negative_log(x[uint32(start + label * inner)], maximum, log_total))
    losses[i] = scalar.smoothed(hit, corrected(spread, error), smoothing, float32(classes))


@cuda.jit(cache=True)
def cross_entropy_grad_kernel(
    x, target, weight, has_weight, ignore_index, smoothing, dloss, dx, outer, classes, inner
):  # fmt: skip
    """x and dx (outer, classes, inner), target (outer, inner), dloss one or (outer inner,); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    label, start = class_offset(target[i], classes), row_start(i, classes, inner)
    if target[i] == ignore_index:
        c = int32(0)
        while c < classes:
            dx[uint32(start + c * inner)] = ZERO
            c = int32(c + 1)
        return
    # total mass of the distribution
    even = smoothing / float32(classes)
    sure = (ONE - smoothing) * label_weight(target[i], classes, weight, has_weight)
    mass, error = sure, x.dtype.type(0)
    c = int32(0)
    while c < classes:
        mass, error = added(mass, error, even * class_weight(c, weight, has_weight))
        c = int32(c + 1)
    mass = corrected(mass, error)
    # dx = grad_loss (softmax mass - distribution)
    maximum = row_maximum(x, start, classes, inner)
    rest = row_rest(x, start, classes, inner, maximum)
    grad_loss, total = load_or_broadcast(dloss, i), ONE + rest
    per_power, others, top, c = mass / total, mass * (rest / total), scalar.top_power(rest), int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        expected = even * class_weight(c, weight, has_weight) + (sure if c == label else ZERO)
        power = exp_nonpositive(x[j] - maximum)
        dx[j] = grad_loss * scalar.mass_difference(power, expected, top, mass, per_power, others)
        c = int32(c + 1)


@cuda.jit(cache=True)
def nll_kernel(x, target, weight, has_weight, ignore_index, losses, weights, outer, classes, inner):
    """x (outer, classes, inner), target, losses and weights (outer, inner); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    if target[i] == ignore_index:
        losses[i] = ZERO
        weights[i] = ZERO
        return
    label = class_offset(target[i], classes)
    weights[i] = label_weight(target[i], classes, weight, has_weight)
    losses[i] = scalar.weighted(weights[i], -x[uint32(row_start(i, classes, inner) + label * inner)])


@cuda.jit(cache=True)
def nll_grad_kernel(target, weight, has_weight, ignore_index, dloss, dx, outer, classes, inner):
    """dx (outer, classes, inner), target (outer, inner), dloss one or (outer inner,); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start, label = row_start(i, classes, inner), target[i]
    value = ZERO
    if label != ignore_index:
        value = -load_or_broadcast(dloss, i) * label_weight(label, classes, weight, has_weight)
    c = int32(0)
    while c < classes:
        dx[uint32(start + c * inner)] = value if c == label or math.isnan(value) else ZERO
        c = int32(c + 1)


@cuda.jit(cache=True)
def finish_ratio_kernel(losses, scale, weights, weight_scale, loss):
    """loss[0] = scale sum(losses) / (weight_scale sum(weights)), 0 if nothing has weight; by a single thread."""
    total = ZERO
    i = uint32(0)
    while i < losses.size:
        total += scale * losses[i]
        i = uint32(i + uint32(1))
    weight = ZERO
    i = uint32(0)
    while i < weights.size:
        weight += weight_scale * weights[i]
        i = uint32(i + uint32(1))
    loss[uint32(0)] = total / weight if weight != ZERO else ZERO
