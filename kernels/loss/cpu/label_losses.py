"""Cross-entropy and negative log-likelihood of class labels, on the CPU; a thread takes whole rows of classes.

x is (outer, classes, inner); target, losses and weights are (outer, inner), and row i is one sample and position. With
the label's smoothed, weighted distribution d over the classes, a row's loss is

    -sum_c d_c log softmax(x)_c,    d_c = weight_c ((1 - smoothing) [c = label] + smoothing / classes)

A call is one compiled function: it looks at the labels first and returns False, with nothing written, where one is
neither ignored nor a class. Totals are sums of blocks in float64, in a fixed order.

Bytes a call: x and target once, dx once for a gradient. FLOPs: some 30 an element, in vectors; none for nll.
"""

import numpy as np
from numba import njit

from ...core.scalar_math import ONE, ZERO
from ...cpu.parallel import on_threads, share, thread_count
from ...cpu.reduce import sum_in_blocks
from .. import scalar
from .class_blocks import takes_blocks
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
from .label_blocks import cross_entropy_blocks, cross_entropy_grad_blocks


def cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights):
    """losses = -sum_c d_c log softmax(x)_c, weights = weight[label]; both 0 where the label is ignored.

    Returns whether every label is ignored or a class; nothing is written otherwise.
    """
    flat = target.reshape(-1), class_weights(x, weight), ignore_index, smoothing, losses.reshape(-1)
    return _cross_entropy(x, *flat, weights.reshape(-1), _threads(x, ELEMENTS_PER_EXPONENTIAL))


def cross_entropy_total(x, target, weight, ignore_index, smoothing, mean, loss):
    """loss[0] = the sum of cross_entropy's losses, divided by that of the weights if mean; 0 if nothing has weight.

    Returns whether every label is ignored or a class; nothing is written otherwise.
    """
    options = class_weights(x, weight), ignore_index, smoothing, mean
    return _cross_entropy_total(x, target.reshape(-1), *options, loss, _threads(x, ELEMENTS_PER_EXPONENTIAL))


def cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, mean, dx):
    """dx_c = dloss (softmax(x)_c sum_j d_j - d_c), divided by the labels' total weight if mean; dx may be x.

    dloss has one element or one for each row. Returns whether every label is ignored or a class; nothing is written
    otherwise.
    """
    options = class_weights(x, weight), ignore_index, smoothing, dloss, mean
    return _cross_entropy_grad(x, target.reshape(-1), *options, dx, _threads(x, ELEMENTS_PER_EXPONENTIAL))


def nll(x, target, weight, ignore_index, losses, weights):
    """losses = -weight[label] x[label], weights = weight[label]; both 0 where the label is ignored.

    Returns whether every label is ignored or a class; nothing is written otherwise.
    """
    flat = target.reshape(-1), class_weights(x, weight), ignore_index, losses.reshape(-1), weights.reshape(-1)
    return _nll(x, *flat, _threads(x, 1))


def nll_total(x, target, weight, ignore_index, mean, loss):
    """loss[0] = the sum of nll's losses, divided by that of the weights if mean; 0 if nothing has weight.

    Returns whether every label is ignored or a class; nothing is written otherwise.
    """
    return _nll_total(x, target.reshape(-1), class_weights(x, weight), ignore_index, mean, loss, _threads(x, 1))


def nll_grad(target, weight, ignore_index, dloss, mean, dx):
    """dx[label] = -dloss weight[label], divided by the labels' total weight if mean; 0 elsewhere.

    dloss has one element or one for each row. Returns whether every label is ignored or a class; nothing is written
    otherwise.
    """
    options = class_weights(dx, weight), ignore_index, dloss, mean
    return _nll_grad(target.reshape(-1), *options, dx, _threads(dx, 1))


def _threads(x, work_per_element):
    return thread_count(x.shape[0] * x.shape[2], work_per_element * x.size)


@njit(cache=True, nogil=True)
def _labels_in_range(target, classes, ignore_index):
    """Whether every label is ignored or a class."""
    outside = False
    for i in range(target.size):
        outside |= ((target[i] < 0) | (target[i] >= classes)) & (target[i] != ignore_index)
    return not outside


@njit(cache=True, nogil=True)
def _label_weight(target, weight, ignore_index):
    """Total weight of the labels that are not ignored, in float64."""
    total = 0.0
    for i in range(target.size):
        if target[i] != ignore_index:
            total += weight[target[i]]
    return total


@njit(cache=True, nogil=True)
def _reduced(losses, weights, mean):
    """Sum of the losses, or their weighted mean; the mean is 0 if nothing has weight."""
    total = sum_in_blocks(losses)
    if not mean:
        return total
    weight = sum_in_blocks(weights)
    return total / weight if weight != 0 else 0.0


@njit(cache=True, nogil=True)
def _cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights, threads):
    if not _labels_in_range(target, x.shape[1], ignore_index):
        return False
    arguments = x, target, weight, ignore_index, smoothing, losses, weights
    if takes_blocks(x.shape[1], x.shape[2]):
        on_threads(cross_entropy_blocks, arguments, threads)
    else:
        on_threads(_cross_entropy_rows, arguments, threads)
    return True


@njit(cache=True, nogil=True)
def _cross_entropy_total(x, target, weight, ignore_index, smoothing, mean, loss, threads):
    losses, weights = np.empty(target.size, x.dtype), np.empty(target.size, x.dtype)
    in_range = _cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights, threads)
    if in_range:
        loss[0] = _reduced(losses, weights, mean)
    return in_range


@njit(cache=True, nogil=True)
def _cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, mean, dx, threads):
    if not _labels_in_range(target, x.shape[1], ignore_index):
        return False
    divisor = x.dtype.type(_label_weight(target, weight, ignore_index) if mean else 1.0)
    arguments = x, target, weight, ignore_index, smoothing, dloss, divisor, dx
    if takes_blocks(x.shape[1], x.shape[2]):
        on_threads(cross_entropy_grad_blocks, arguments, threads)
    else:
        on_threads(_cross_entropy_grad_rows, arguments, threads)
    return True


@njit(cache=True, nogil=True)
def _nll(x, target, weight, ignore_index, losses, weights, threads):
    if not _labels_in_range(target, x.shape[1], ignore_index):
        return False
    on_threads(_nll_rows, (x, target, weight, ignore_index, losses, weights), threads)
    return True


@njit(cache=True, nogil=True)
def _nll_total(x, target, weight, ignore_index, mean, loss, threads):
    losses, weights = np.empty(target.size, x.dtype), np.empty(target.size, x.dtype)
    in_range = _nll(x, target, weight, ignore_index, losses, weights, threads)
    if in_range:
        loss[0] = _reduced(losses, weights, mean)
    return in_range


@njit(cache=True, nogil=True)
def _nll_grad(target, weight, ignore_index, dloss, mean, dx, threads):
    if not _labels_in_range(target, dx.shape[1], ignore_index):
        return False
    divisor = dx.dtype.type(_label_weight(target, weight, ignore_index) if mean else 1.0)
    on_threads(_nll_grad_rows, (target, weight, ignore_index, dloss, divisor, dx), threads)
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _cross_entropy_rows(x, target, weight, ignore_index, smoothing, losses, weights, thread, threads):
    """x (outer, classes, inner), target, losses and weights (rows,); a thread takes rows."""
    classes, inner, flat_x = x.shape[1], x.shape[2], x.reshape(-1)
    logits, powers = scratch_row(classes, x), scratch_row(classes, x)
    first, last = share(target.size, thread, threads)
    for i in range(first, last):
        label = target[i]
        if label == ignore_index:
            losses[i] = weights[i] = 0
            continue
        # log sum exp(x - max)
        start = row_start(i, classes, inner)
        load_row(flat_x, start, classes, inner, logits, flat_x[start])
        rest, maximum = exponentials(logits, classes, powers)
        log_total = log_of_total(rest, x)
        # the label's loss, and with smoothing the sum of all classes' losses
        spread = x.dtype.type(0)
        if smoothing > ZERO:
            spread = x.dtype.type(sum_of_losses(weight, logits, maximum, log_total, powers))
        hit = scalar.weighted(weight[label], scalar.negative_log(logits[label], maximum, log_total))
        losses[i] = scalar.smoothed(hit, spread, smoothing, x.dtype.type(classes))
        weights[i] = weight[label]


@njit(cache=True, nogil=True, error_model="numpy")
def _cross_entropy_grad_rows(x, target, weight, ignore_index, smoothing, dloss, divisor, dx, thread, threads):
    """x and dx (outer, classes, inner), target (rows,), dloss one or (rows,), divided by the divisor."""
    classes, inner, flat_x, flat_dx = x.shape[1], x.shape[2], x.reshape(-1), dx.reshape(-1)
    even = smoothing / x.dtype.type(classes)
    even_mass = even * x.dtype.type(sum_in_blocks(weight))
    gradient, powers = scratch_row(classes, x), scratch_row(classes, x)
    first, last = share(target.size, thread, threads)
    for i in range(first, last):
        label, start = target[i], row_start(i, classes, inner)
        if label == ignore_index:
            gradient[:] = 0
            store_row(gradient, classes, flat_dx, start, inner)
            continue
        # softmax numerators, and what they are multiplied by
        load_row(flat_x, start, classes, inner, gradient, flat_x[start])
        rest, _ = exponentials(gradient, classes, powers)
        total, sure = x.dtype.type(1.0 + rest), (ONE - smoothing) * weight[label]
        grad_loss = dloss[i if dloss.size > 1 else 0] / divisor if divisor != 0 else x.dtype.type(0)
        mass, grad_even = sure + even_mass, grad_loss * even
        grad_power = grad_loss * mass / total
        # dx = grad_loss (softmax mass - distribution)
        for c in range(classes):
            gradient[c] = scalar.unless_weightless(mass, grad_power * powers[c] - grad_even * weight[c])
        # softmax - 1 of the label is formed from the other classes: softmax itself may be 1
        others = x.dtype.type((rest + (1.0 - powers[label])) / (1.0 + rest))
        probability = powers[label] / total
        difference = even_mass * probability - even * weight[label] - sure * others
        gradient[label] = scalar.unless_weightless(mass, grad_loss * difference)
        store_row(gradient, classes, flat_dx, start, inner)


@njit(cache=True, nogil=True)
def _nll_rows(x, target, weight, ignore_index, losses, weights, thread, threads):
    classes, inner, flat_x = x.shape[1], x.shape[2], x.reshape(-1)
    first, last = share(target.size, thread, threads)
    for i in range(first, last):
        label = target[i]
        if label == ignore_index:
            losses[i] = weights[i] = 0
        else:
            log_probability = flat_x[row_start(i, classes, inner) + np.uint64(label * inner)]
            losses[i] = scalar.weighted(weight[label], -log_probability)
            weights[i] = weight[label]


@njit(cache=True, nogil=True, error_model="numpy")
def _nll_grad_rows(target, weight, ignore_index, dloss, divisor, dx, thread, threads):
    classes, inner, flat_dx = dx.shape[1], dx.shape[2], dx.reshape(-1)
    first, last = share(target.size, thread, threads)
    for i in range(first, last):
        start, label = row_start(i, classes, inner), target[i]
        for c in range(classes):
            flat_dx[start + np.uint64(c * inner)] = 0
        if label != ignore_index:
            grad_loss = dloss[i if dloss.size > 1 else 0] / divisor if divisor != 0 else dx.dtype.type(0)
            flat_dx[start + np.uint64(label * inner)] = -grad_loss * weight[label]
