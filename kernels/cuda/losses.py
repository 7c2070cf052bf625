"""Losses on CUDA; x is viewed as (outer, classes, inner), and a thread takes one row of classes.

Sums go in passes of blocks (sums.py), the last few numbers by one thread: deterministic, without atomics.
"""

import math

import numpy as np
from numba import float32

from .. import scalar
from ..scalar_math import ONE, ZERO, exp
from .launch import beside, cuda, each, int32, one, uint32
from .softmax import exponential_sum, largest_of, row_start
from .sums import few_square_sums, few_sums


def mse_loss_each(x, target, losses):
    """losses[i] = (x[i] - target[i])^2."""
    each(squares_kernel, x.size, x, target, losses)


def mse_loss_sum(x, target, scale, loss):
    """loss[0] = scale sum_i (x[i] - target[i])^2, in one pass over x and target."""
    one(finish_sum_kernel, few_square_sums(x, target), scale, loss)


def mse_loss_grad(x, target, dloss, scale, dx):
    """dx[i] = scale dloss 2 (x[i] - target[i]); dloss has one element or one for each."""
    each(squares_grad_kernel, x.size, x, target, dloss, scale, dx)


def cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights):
    """losses = -sum_c d_c log softmax(x)_c with the label's smoothed, weighted distribution d; weights = its weight.

    Both are 0 where the label is ignored.
    """
    options = *_class_weights(x, weight), np.int64(ignore_index)
    rows = x.shape[0] * x.shape[2]
    each(cross_entropy_kernel, rows, x, target, *options, smoothing, losses, weights, *x.shape)


def ratio_of_sums(losses, weights, loss):
    """loss[0] = sum(losses) / sum(weights); 0 if nothing has weight."""
    one(finish_ratio_kernel, few_sums(losses), few_sums(weights), loss)


def sum_of(losses, loss):
    """loss[0] = sum(losses)."""
    one(finish_sum_kernel, few_sums(losses), loss.dtype.type(1), loss)


def cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, mean, dx):
    """dx_c = dloss (softmax(x)_c sum_j d_j - d_c), for the mean divided by the labels' total weight."""
    options = *_class_weights(x, weight), np.int64(ignore_index)
    rows = x.shape[0] * x.shape[2]
    if mean:
        weights, share = beside(x, max(rows, 1)), beside(x, 1)
        each(label_weight_kernel, rows, target, *options, weights, rows)
        one(finish_ratio_kernel, dloss, few_sums(weights[:rows]), share)
        dloss = share
    each(cross_entropy_grad_kernel, rows, x, target, *options, smoothing, dloss, dx, *x.shape)


def _class_weights(x, weight):
    """The class weights and whether there are any; without them some array, so that it is the same kernel."""
    return (x.reshape(-1)[:1], 0) if weight is None else (weight, 1)


@cuda.jit(cache=True)
def squares_kernel(x, target, losses):
    """losses[i] = (x[i] - target[i])^2."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        losses[i] = scalar.squared_difference(x[i], target[i])


@cuda.jit(cache=True)
def squares_grad_kernel(x, target, dloss, scale, dx):
    """dx[i] = scale dloss 2 (x[i] - target[i])."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        dx[i] = scalar.squared_difference_grad(scale * dloss[i if dloss.size > 1 else uint32(0)], x[i], target[i])


@cuda.jit(device=True, inline="always")
def _weight_of(label, weight, weighted):
    return weight[uint32(label)] if weighted else ONE


@cuda.jit(cache=True)
def label_weight_kernel(target, weight, weighted, ignore_index, weights, rows):
    """weights[i] = the weight of the class of label i, 0 where it is ignored."""
    i = uint32(cuda.grid(1))
    if i < rows:
        weights[i] = ZERO if target[i] == ignore_index else _weight_of(target[i], weight, weighted)


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
    label, start = int32(target[i]), row_start(i, classes, inner)
    largest = largest_of(x, start, classes, inner)
    log_total = x.dtype.type(math.log(exponential_sum(x, start, classes, inner, largest)))
    spread = ZERO
    c = int32(0)
    while c < classes and smoothing > ZERO:
        loss = scalar.negative_log(x[uint32(start + c * inner)], largest, log_total)
        spread += _weight_of(c, weight, weighted) * x.dtype.type(loss)  # the simulator makes it a Python float
        c = int32(c + 1)
    weights[i] = _weight_of(label, weight, weighted)
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
    label, start = int32(target[i]), row_start(i, classes, inner)
    if target[i] == ignore_index:
        c = int32(0)
        while c < classes:
            dx[uint32(start + c * inner)] = ZERO
            c = int32(c + 1)
        return
    even = smoothing / float32(classes)
    sure = (ONE - smoothing) * _weight_of(label, weight, weighted)
    mass = sure
    c = int32(0)
    while c < classes:
        mass += even * _weight_of(c, weight, weighted)
        c = int32(c + 1)
    largest = largest_of(x, start, classes, inner)
    total = exponential_sum(x, start, classes, inner, largest)
    factor = dloss[i if dloss.size > 1 else uint32(0)]
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        expected = even * _weight_of(c, weight, weighted) + (sure if c == label else ZERO)
        dx[j] = factor * (mass * exp(x[j] - largest) / total - expected)
        c = int32(c + 1)


@cuda.jit(cache=True)
def finish_sum_kernel(partials, scale, loss):
    """loss[0] = scale sum(partials), by a single thread."""
    total = ZERO
    i = uint32(0)
    while i < partials.size:
        total += partials[i]
        i = uint32(i + uint32(1))
    loss[uint32(0)] = scale * total


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
