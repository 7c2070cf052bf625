"""Losses on the CPU; x is viewed as (outer, classes, inner) and each row of classes is one problem."""

import math

import numpy as np
from numba import njit

from .. import scalar
from ..scalar_math import ONE, ZERO
from .parallel import part, share, streaming
from .rows import exponentials, load, place, store
from .softmax import EXPONENTIAL
from .sums import total, total_of_squares


def mse_loss_each(x, target, losses):
    """losses[i] = (x[i] - target[i])^2."""
    _squares(x.size, x.size, x.reshape(-1), target.reshape(-1), losses.reshape(-1))


def mse_loss_sum(x, target, scale, loss):
    """loss[0] = scale sum_i (x[i] - target[i])^2, in one pass."""
    loss[0] = scale * total_of_squares(x, target)


def mse_loss_grad(x, target, dloss, scale, dx):
    """dx[i] = scale dloss 2 (x[i] - target[i]); dloss has one element or one for each."""
    _square_grads(x.size, x.size, x.reshape(-1), target.reshape(-1), dloss, scale, dx.reshape(-1))


def cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights):
    """losses = -sum_c d_c log softmax(x)_c with the label's smoothed, weighted distribution d; weights = its weight.

    Both are 0 where the label is ignored.
    """
    weight = np.ones(x.shape[1], x.dtype) if weight is None else weight
    rows = (losses.reshape(target.shape), weights.reshape(target.shape))
    _cross_entropy(_rows(x), EXPONENTIAL * x.size, x, target, weight, ignore_index, smoothing, *rows)


def ratio_of_sums(losses, weights, loss):
    """loss[0] = sum(losses) / sum(weights); 0 if nothing has weight."""
    weight = total(weights)
    loss[0] = total(losses) / weight if weight else 0


def sum_of(losses, loss):
    """loss[0] = sum(losses)."""
    loss[0] = total(losses)


def cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, mean, dx):
    """dx_c = dloss (softmax(x)_c sum_j d_j - d_c), for the mean divided by the labels' total weight."""
    weight = np.ones(x.shape[1], x.dtype) if weight is None else weight
    if mean:
        label_weight = _label_weight(target.reshape(-1), weight, ignore_index)
        dloss = (dloss / label_weight if label_weight else np.zeros_like(dloss)).astype(x.dtype)
    _cross_entropy_grad(_rows(x), EXPONENTIAL * x.size, x, target, weight, ignore_index, smoothing, dloss, dx)


def _rows(x):
    return x.shape[0] * x.shape[2]


@streaming
def _squares(x, target, losses, thread, threads):
    x, target, losses = part(x, thread, threads), part(target, thread, threads), part(losses, thread, threads)
    for i in range(x.size):
        losses[i] = scalar.squared_difference(x[i], target[i])


@streaming
def _square_grads(x, target, dloss, scale, dx, thread, threads):
    x, target, dx = part(x, thread, threads), part(target, thread, threads), part(dx, thread, threads)
    if dloss.size == 1:
        factor = scale * dloss[0]
        for i in range(x.size):
            dx[i] = scalar.squared_difference_grad(factor, x[i], target[i])
    else:
        dloss = part(dloss, thread, threads)
        for i in range(x.size):
            dx[i] = scalar.squared_difference_grad(scale * dloss[i], x[i], target[i])


@njit(cache=True, nogil=True)
def _label_weight(target, weight, ignore_index):
    total = 0.0
    for i in range(target.size):
        if target[i] != ignore_index:
            total += weight[target[i]]
    return total


@streaming
def _cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights, thread, threads):
    classes, inners = x.shape[1], x.shape[2]
    logits, powers = np.empty(classes, x.dtype), np.empty(classes, x.dtype)
    flat = x.reshape(-1)
    first, last = share(x.shape[0] * inners, thread, threads)
    for row in range(first, last):
        outer, inner = row // inners, row % inners
        label = target[outer, inner]
        if label == ignore_index:
            losses[outer, inner] = weights[outer, inner] = 0
            continue
        load(flat, place(row, classes, inners), inners, logits)
        total, largest = exponentials(logits, powers)
        log_total = x.dtype.type(math.log(total))
        spread = x.dtype.type(0)
        for c in range(classes if smoothing > ZERO else 0):
            spread += weight[c] * scalar.negative_log(logits[c], largest, log_total)
        hit = weight[label] * scalar.negative_log(logits[label], largest, log_total)
        losses[outer, inner] = scalar.smoothed(hit, spread, smoothing, x.dtype.type(classes))
        weights[outer, inner] = weight[label]


@streaming
def _cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, dx, thread, threads):
    classes, inners = x.shape[1], x.shape[2]
    even, weight_of_all = smoothing / x.dtype.type(classes), x.dtype.type(0)
    for c in range(classes):
        weight_of_all += even * weight[c]
    gradient, powers = np.empty(classes, x.dtype), np.empty(classes, x.dtype)
    flat, result = x.reshape(-1), dx.reshape(-1)
    first, last = share(x.shape[0] * inners, thread, threads)
    for row in range(first, last):
        outer, inner = row // inners, row % inners
        label = target[outer, inner]
        if label == ignore_index:
            for c in range(classes):
                dx[outer, c, inner] = 0
            continue
        sure = (ONE - smoothing) * weight[label]
        load(flat, place(row, classes, inners), inners, gradient)
        total, _ = exponentials(gradient, powers)
        factor, mass = dloss[row if dloss.size > 1 else 0], sure + weight_of_all
        for c in range(classes):
            gradient[c] = factor * (mass * powers[c] / total - even * weight[c])
        gradient[label] -= factor * sure
        store(gradient, result, place(row, classes, inners), inners)
