"""Cross-entropy and the negative log-likelihood on the CPU.

x is viewed as (outer, classes, inner) and each row of classes is one problem. A row's loss is

    -sum_c d_c log softmax(x)_c

with the label's smoothed, weighted distribution d over the classes, or the one that was given.
"""

import math

import numpy as np
from numba import njit

from ...core.scalar_math import ONE, ZERO
from ...cpu.parallel import share, streaming
from ...cpu.reduce import total
from .. import scalar
from .rows import exponentials, load, place, store
from .softmax import EXPONENTIAL


def cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights):
    """losses = -sum_c d_c log softmax(x)_c with the label's smoothed, weighted distribution d; weights = its weight.

    Both are 0 where the label is ignored.
    """
    weight = np.ones(x.shape[1], x.dtype) if weight is None else weight
    rows = target.reshape(-1), weight, ignore_index, smoothing, losses.reshape(-1), weights.reshape(-1)
    _cross_entropy(_rows(x), EXPONENTIAL * x.size, x, *rows)


def cross_entropy_of_probabilities(x, target, weight, smoothing, losses):
    """The same for distributions like x, each class times its weight; losses (outer, inner)."""
    weight = np.ones(x.shape[1], x.dtype) if weight is None else weight
    _of_probabilities(_rows(x), EXPONENTIAL * x.size, x, target, weight, smoothing, losses.reshape(-1))


def nll(x, target, weight, ignore_index, losses, weights):
    """losses = -weight[label] x[label], and the weight; both 0 where the label is ignored."""
    weight = np.ones(x.shape[1], x.dtype) if weight is None else weight
    rows = (losses.reshape(target.shape), weights.reshape(target.shape))
    _nll(_rows(x), _rows(x), x, target, weight, ignore_index, *rows)


def ratio_of_sums(losses, weights, loss):
    """loss[0] = sum(losses) / sum(weights); 0 if nothing has weight."""
    weight = total(weights)
    loss[0] = total(losses) / weight if weight else 0


def cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, mean, dx):
    """dx_c = dloss (softmax(x)_c sum_j d_j - d_c), for the mean divided by the labels' total weight."""
    weight = np.ones(x.shape[1], x.dtype) if weight is None else weight
    dloss = _of_mean(target, weight, ignore_index, dloss) if mean else dloss
    rows = target.reshape(-1), weight, ignore_index, smoothing, dloss, dx
    _cross_entropy_grad(_rows(x), EXPONENTIAL * x.size, x, *rows)


def cross_entropy_of_probabilities_grad(x, target, weight, smoothing, dloss, scale, dx):
    """dx_c = scale dloss (softmax(x)_c sum_j d_j - d_c)."""
    weight = np.ones(x.shape[1], x.dtype) if weight is None else weight
    _of_probabilities_grad(_rows(x), EXPONENTIAL * x.size, x, target, weight, smoothing, dloss, scale, dx)


def nll_grad(target, weight, ignore_index, dloss, mean, dx):
    """dx[label] = -dloss weight[label], for the mean divided by the labels' total weight; 0 elsewhere."""
    weight = np.ones(dx.shape[1], dx.dtype) if weight is None else weight
    dloss = _of_mean(target, weight, ignore_index, dloss) if mean else dloss
    _nll_grad(_rows(dx), dx.size, target, weight, ignore_index, dloss, dx)


def _of_mean(target, weight, ignore_index, dloss):
    """dloss over the labels' total weight, 0 if there is none."""
    label_weight = _label_weight(target.reshape(-1), weight, ignore_index)
    return (dloss / label_weight if label_weight else np.zeros_like(dloss)).astype(weight.dtype)


def _rows(x):
    return x.shape[0] * x.shape[2]


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
        label = target[row]
        if label == ignore_index:
            losses[row] = weights[row] = 0
            continue
        load(flat, place(row, classes, inners), inners, logits)
        total, largest = exponentials(logits, powers)
        log_total = x.dtype.type(math.log(total))
        spread = x.dtype.type(0)
        for c in range(classes if smoothing > ZERO else 0):
            spread += weight[c] * scalar.negative_log(logits[c], largest, log_total)
        hit = weight[label] * scalar.negative_log(logits[label], largest, log_total)
        losses[row] = scalar.smoothed(hit, spread, smoothing, x.dtype.type(classes))
        weights[row] = weight[label]


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
        label = target[row]
        if label == ignore_index:
            gradient[:] = 0
            store(gradient, result, place(row, classes, inners), inners)
            continue
        sure = (ONE - smoothing) * weight[label]
        load(flat, place(row, classes, inners), inners, gradient)
        total, _ = exponentials(gradient, powers)
        factor = dloss[row if dloss.size > 1 else 0]
        share_of_power, share_of_weight = factor * (sure + weight_of_all) / total, factor * even
        for c in range(classes):
            gradient[c] = share_of_power * powers[c] - share_of_weight * weight[c]
        gradient[label] -= factor * sure
        store(gradient, result, place(row, classes, inners), inners)


@streaming
def _of_probabilities(x, target, weight, smoothing, losses, thread, threads):
    classes, inners = x.shape[1], x.shape[2]
    logits, powers, chances = np.empty(classes, x.dtype), np.empty(classes, x.dtype), np.empty(classes, x.dtype)
    flat, given = x.reshape(-1), target.reshape(-1)
    even = smoothing / x.dtype.type(classes)
    first, last = share(x.shape[0] * inners, thread, threads)
    for row in range(first, last):
        load(flat, place(row, classes, inners), inners, logits)
        load(given, place(row, classes, inners), inners, chances)
        total, largest = exponentials(logits, powers)
        log_total, loss = x.dtype.type(math.log(total)), x.dtype.type(0)
        for c in range(classes):
            chance = (ONE - smoothing) * chances[c] + even
            loss += weight[c] * chance * scalar.negative_log(logits[c], largest, log_total)
        losses[row] = loss


@streaming
def _of_probabilities_grad(x, target, weight, smoothing, dloss, scale, dx, thread, threads):
    classes, inners = x.shape[1], x.shape[2]
    gradient, powers, chances = np.empty(classes, x.dtype), np.empty(classes, x.dtype), np.empty(classes, x.dtype)
    flat, given, result = x.reshape(-1), target.reshape(-1), dx.reshape(-1)
    even = smoothing / x.dtype.type(classes)
    first, last = share(x.shape[0] * inners, thread, threads)
    for row in range(first, last):
        load(flat, place(row, classes, inners), inners, gradient)
        load(given, place(row, classes, inners), inners, chances)
        total, _ = exponentials(gradient, powers)
        factor, mass = scale * dloss[row if dloss.size > 1 else 0], x.dtype.type(0)
        for c in range(classes):
            chances[c] = weight[c] * ((ONE - smoothing) * chances[c] + even)
            mass += chances[c]
        share_of_power = factor * mass / total
        for c in range(classes):
            gradient[c] = share_of_power * powers[c] - factor * chances[c]
        store(gradient, result, place(row, classes, inners), inners)


@streaming
def _nll(x, target, weight, ignore_index, losses, weights, thread, threads):
    inners = x.shape[2]
    first, last = share(x.shape[0] * inners, thread, threads)
    for row in range(first, last):
        outer, inner = row // inners, row % inners
        label = target[outer, inner]
        if label == ignore_index:
            losses[outer, inner] = weights[outer, inner] = 0
        else:
            losses[outer, inner] = -weight[label] * x[outer, label, inner]
            weights[outer, inner] = weight[label]


@streaming
def _nll_grad(target, weight, ignore_index, dloss, dx, thread, threads):
    classes, inners = dx.shape[1], dx.shape[2]
    first, last = share(dx.shape[0] * inners, thread, threads)
    for row in range(first, last):
        outer, inner = row // inners, row % inners
        for c in range(classes):
            dx[outer, c, inner] = 0
        label = target[outer, inner]
        if label != ignore_index:
            dx[outer, label, inner] = -dloss[row if dloss.size > 1 else 0] * weight[label]
