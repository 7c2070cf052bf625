"""Cross-entropy and the negative log-likelihood on CUDA, of rows of classes in (outer, classes, inner).

A warp takes a row of logits that lie side by side (rows.py), else a thread takes one, next to its neighbours'.
A row's loss is -sum_c d_c log softmax(x)_c with the label's smoothed, weighted distribution d, or the one given. Sums
go in passes of blocks (sums.py), the last few numbers by one thread: deterministic, without atomics.
"""

import math

import numpy as np
from numba import float32

from ...core.scalar_math import ONE, ZERO, exp_nonpositive
from ...cuda.launch import cuda, each, empty_like_on, int32, one, uint32
from ...cuda.reduce import sum_to_few
from ...cuda.vectorized import load_or_broadcast
from ...cuda.warp_rows import launch_warp_rows
from .. import scalar
from .cross_entropy_rows import (
    cross_entropy_grad_rows_kernel,
    cross_entropy_rows_kernel,
    place_of,
    weight_of,
    weight_of_class,
)
from .softmax import exponential_sum, largest_of, row_start


def cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights):
    """losses = -sum_c d_c log softmax(x)_c with the label's smoothed, weighted distribution d; weights = its weight.

    Both are 0 where the label is ignored.
    """
    options = *_class_weights(x, weight), np.int64(ignore_index)
    if x.shape[2] == 1 and x.size:
        launch_warp_rows(
            cross_entropy_rows_kernel, [_matrix(x)], target, *options, smoothing, losses, weights, x.shape[0]
        )
    else:
        count = x.shape[0] * x.shape[2]
        each(cross_entropy_kernel, count, x, target, *options, smoothing, losses, weights, *x.shape)


def cross_entropy_of_probabilities(x, target, weight, smoothing, losses):
    """The same for distributions like x, each class times its weight; losses (outer, inner)."""
    count = x.shape[0] * x.shape[2]
    each(of_probabilities_kernel, count, x, target, *_class_weights(x, weight), smoothing, losses, *x.shape)


def nll(x, target, weight, ignore_index, losses, weights):
    """losses = -weight[label] x[label], and the weight; both 0 where the label is ignored."""
    options = *_class_weights(x, weight), np.int64(ignore_index)
    each(nll_kernel, x.shape[0] * x.shape[2], x, target, *options, losses, weights, *x.shape)


def ratio_of_sums(losses, weights, loss):
    """loss[0] = sum(losses) / sum(weights); 0 if nothing has weight."""
    one(finish_ratio_kernel, sum_to_few(losses), sum_to_few(weights), loss)


def cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, mean, dx):
    """dx_c = dloss (softmax(x)_c sum_j d_j - d_c), for the mean divided by the labels' total weight."""
    options = *_class_weights(x, weight), np.int64(ignore_index)
    dloss = _of_mean(target, options, dloss, x.shape[1]) if mean else dloss
    if x.shape[2] == 1 and x.size:
        arrays = _matrix(x), _matrix(dx)
        launch_warp_rows(cross_entropy_grad_rows_kernel, arrays, target, *options, smoothing, dloss, x.shape[0])
    else:
        count = x.shape[0] * x.shape[2]
        each(cross_entropy_grad_kernel, count, x, target, *options, smoothing, dloss, dx, *x.shape)


def cross_entropy_of_probabilities_grad(x, target, weight, smoothing, dloss, scale, dx):
    """dx_c = scale dloss (softmax(x)_c sum_j d_j - d_c)."""
    options = *_class_weights(x, weight), smoothing, dloss, scale
    each(of_probabilities_grad_kernel, x.shape[0] * x.shape[2], x, target, *options, dx, *x.shape)


def nll_grad(target, weight, ignore_index, dloss, mean, dx):
    """dx[label] = -dloss weight[label], for the mean divided by the labels' total weight; 0 elsewhere."""
    options = *_class_weights(dx, weight), np.int64(ignore_index)
    dloss = _of_mean(target, options, dloss, dx.shape[1]) if mean else dloss
    each(nll_grad_kernel, dx.shape[0] * dx.shape[2], target, *options, dloss, dx, *dx.shape)


def _of_mean(target, options, dloss, classes):
    """dloss over the labels' total weight, 0 if there is none."""
    weights, share = empty_like_on(dloss, max(target.size, 1)), empty_like_on(dloss, 1)
    each(label_weight_kernel, target.size, target, *options, weights, target.size, classes)
    one(finish_ratio_kernel, dloss, sum_to_few(weights[: target.size]), share)
    return share


def _matrix(x):
    """(outer, classes, 1) as (outer, classes)."""
    return x.reshape(x.shape[:2])


def _class_weights(x, weight):
    """The class weights and whether there are any; without them some array, so that it is the same kernel."""
    return (x.reshape(-1)[:1], 0) if weight is None else (weight, 1)


@cuda.jit(cache=True)
def label_weight_kernel(target, weight, weighted, ignore_index, weights, rows, classes):
    """weights[i] = the weight of the class of label i, 0 where it is ignored."""
    i = uint32(cuda.grid(1))
    if i < rows:
        weights[i] = ZERO if target[i] == ignore_index else weight_of(target[i], classes, weight, weighted)


@cuda.jit(cache=True)
def cross_entropy_kernel(
    x, target, weight, weighted, ignore_index, smoothing, losses, weights, outer, classes, inner
):  # fmt: skip
    """x (outer, classes, inner), target, losses and weights (outer, inner); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    if target[i] == ignore_index:
        losses[i] = ZERO
        weights[i] = ZERO
        return
    label, start = place_of(target[i], classes), row_start(i, classes, inner)
    largest = largest_of(x, start, classes, inner)
    log_total = x.dtype.type(math.log(exponential_sum(x, start, classes, inner, largest)))
    spread = ZERO
    c = int32(0)
    while c < classes and smoothing > ZERO:
        loss = scalar.negative_log(x[uint32(start + c * inner)], largest, log_total)
        spread += weight_of_class(c, weight, weighted) * loss
        c = int32(c + 1)
    weights[i] = weight_of(target[i], classes, weight, weighted)
    hit = weights[i] * scalar.negative_log(x[uint32(start + label * inner)], largest, log_total)
    losses[i] = scalar.smoothed(hit, spread, smoothing, float32(classes))


@cuda.jit(cache=True)
def cross_entropy_grad_kernel(
    x, target, weight, weighted, ignore_index, smoothing, dloss, dx, outer, classes, inner
):  # fmt: skip
    """x and dx (outer, classes, inner), target (outer, inner), dloss one or (outer inner,); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    label, start = place_of(target[i], classes), row_start(i, classes, inner)
    if target[i] == ignore_index:
        c = int32(0)
        while c < classes:
            dx[uint32(start + c * inner)] = ZERO
            c = int32(c + 1)
        return
    even = smoothing / float32(classes)
    sure = (ONE - smoothing) * weight_of(target[i], classes, weight, weighted)
    mass = sure
    c = int32(0)
    while c < classes:
        mass += even * weight_of_class(c, weight, weighted)
        c = int32(c + 1)
    largest = largest_of(x, start, classes, inner)
    total = exponential_sum(x, start, classes, inner, largest)
    factor = load_or_broadcast(dloss, i)
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        expected = even * weight_of_class(c, weight, weighted) + (sure if c == label else ZERO)
        dx[j] = factor * (mass * exp_nonpositive(x[j] - largest) / total - expected)
        c = int32(c + 1)


@cuda.jit(cache=True)
def of_probabilities_kernel(x, target, weight, weighted, smoothing, losses, outer, classes, inner):
    """x and target (outer, classes, inner), losses (outer, inner); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    largest = largest_of(x, start, classes, inner)
    log_total = x.dtype.type(math.log(exponential_sum(x, start, classes, inner, largest)))
    even = smoothing / float32(classes)
    loss = ZERO
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        chance = (ONE - smoothing) * target[j] + even
        loss += weight_of_class(c, weight, weighted) * chance * scalar.negative_log(x[j], largest, log_total)
        c = int32(c + 1)
    losses[i] = loss


@cuda.jit(cache=True)
def of_probabilities_grad_kernel(
    x, target, weight, weighted, smoothing, dloss, scale, dx, outer, classes, inner
):  # fmt: skip
    """x, target and dx (outer, classes, inner), dloss one or (outer inner,); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    largest = largest_of(x, start, classes, inner)
    total = exponential_sum(x, start, classes, inner, largest)
    even = smoothing / float32(classes)
    mass = ZERO
    c = int32(0)
    while c < classes:
        chance = (ONE - smoothing) * target[uint32(start + c * inner)] + even
        mass += weight_of_class(c, weight, weighted) * chance
        c = int32(c + 1)
    factor = scale * load_or_broadcast(dloss, i)
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        expected = weight_of_class(c, weight, weighted) * ((ONE - smoothing) * target[j] + even)
        dx[j] = factor * (mass * exp_nonpositive(x[j] - largest) / total - expected)
        c = int32(c + 1)


@cuda.jit(cache=True)
def nll_kernel(x, target, weight, weighted, ignore_index, losses, weights, outer, classes, inner):
    """x (outer, classes, inner), target, losses and weights (outer, inner); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    if target[i] == ignore_index:
        losses[i] = ZERO
        weights[i] = ZERO
        return
    label = place_of(target[i], classes)
    weights[i] = weight_of(target[i], classes, weight, weighted)
    losses[i] = -weights[i] * x[uint32(row_start(i, classes, inner) + label * inner)]


@cuda.jit(cache=True)
def nll_grad_kernel(target, weight, weighted, ignore_index, dloss, dx, outer, classes, inner):
    """dx (outer, classes, inner), target (outer, inner), dloss one or (outer inner,); a thread for each row."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start, label = row_start(i, classes, inner), target[i]
    value = ZERO
    if label != ignore_index:
        value = -load_or_broadcast(dloss, i) * weight_of(label, classes, weight, weighted)
    c = int32(0)
    while c < classes:
        dx[uint32(start + c * inner)] = value if c == label or math.isnan(value) else ZERO
        c = int32(c + 1)


@cuda.jit(cache=True)
def finish_ratio_kernel(losses, weights, loss):
    """loss[0] = sum(losses) / sum(weights), 0 if nothing has weight; by a single thread."""
    total = ZERO
    i = uint32(0)
    while i < losses.size:
        total += losses[i]
        i = uint32(i + uint32(1))
    weight = ZERO
    i = uint32(0)
    while i < weights.size:
        weight += weights[i]
        i = uint32(i + uint32(1))
    loss[uint32(0)] = total / weight if weight != ZERO else ZERO
