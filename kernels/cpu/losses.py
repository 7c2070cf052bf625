"""Softmax and losses on the CPU; x is viewed as (outer, classes, inner) and each row of classes is one problem.

Sums run in the arrays' type over blocks and in float64 over the blocks, in a fixed order: deterministic and accurate.
"""

import math

import numpy as np
from numba import njit, prange

from .. import scalar
from .parallel import streaming

BLOCK = 4096  # terms summed in the arrays' own type


def softmax(x, y):
    """y_c = exp(x_c - max) / sum_c exp(x_c - max)."""
    _softmax(x.size, x, y)


def softmax_grad(dy, x, dx):
    """dx_c = y_c (dy_c - sum_j dy_j y_j), y = softmax(x)."""
    _softmax_grad(x.size, dy, x, dx)


def mse_loss_each(x, target, losses):
    """losses[i] = (x[i] - target[i])^2."""
    _squares(x.size, x.reshape(-1), target.reshape(-1), losses.reshape(-1))


def mse_loss_sum(x, target, scale, loss):
    """loss[0] = scale sum_i (x[i] - target[i])^2, in one pass."""
    sums = np.empty(-(-x.size // BLOCK))
    _square_sums(x.size, x.reshape(-1), target.reshape(-1), sums)
    loss[0] = scale * sums.sum()


def mse_loss_grad(x, target, dloss, scale, dx):
    """dx[i] = scale dloss 2 (x[i] - target[i]); dloss has one element or one for each."""
    _square_grads(x.size, x.reshape(-1), target.reshape(-1), dloss, scale, dx.reshape(-1))


def cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights):
    """losses = -sum_c d_c log softmax(x)_c with the label's smoothed, weighted distribution d; weights = its weight.

    Both are 0 where the label is ignored.
    """
    weight = np.ones(x.shape[1], x.dtype) if weight is None else weight
    rows = (losses.reshape(target.shape), weights.reshape(target.shape))
    _cross_entropy(x.size, x, target, weight, ignore_index, smoothing, *rows)


def ratio_of_sums(losses, weights, loss):
    """loss[0] = sum(losses) / sum(weights); 0 if nothing has weight."""
    total = _sum(weights.reshape(-1))
    loss[0] = _sum(losses.reshape(-1)) / total if total else 0


def sum_of(losses, loss):
    """loss[0] = sum(losses)."""
    loss[0] = _sum(losses.reshape(-1))


def cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, mean, dx):
    """dx_c = dloss (softmax(x)_c sum_j d_j - d_c), for the mean divided by the labels' total weight."""
    weight = np.ones(x.shape[1], x.dtype) if weight is None else weight
    if mean:
        total = _label_weight(target.reshape(-1), weight, ignore_index)
        dloss = (dloss / total if total else np.zeros_like(dloss)).astype(x.dtype)
    _cross_entropy_grad(x.size, x, target, weight, ignore_index, smoothing, dloss, dx)


@njit(cache=True, nogil=True)
def _exponentials(x, outer, inner, y):
    """y = exp(x - max) along the classes of one row; their sum, and the maximum."""
    largest = x[outer, 0, inner]
    for c in range(1, x.shape[1]):
        largest = max(largest, x[outer, c, inner])
    total = x.dtype.type(0)
    for c in range(x.shape[1]):
        y[outer, c, inner] = math.exp(x[outer, c, inner] - largest)
        total += y[outer, c, inner]
    return total, largest


@streaming
def _softmax(x, y):
    for outer in prange(x.shape[0]):
        for inner in range(x.shape[2]):
            total, _ = _exponentials(x, outer, inner, y)
            for c in range(x.shape[1]):
                y[outer, c, inner] /= total


@streaming
def _softmax_grad(dy, x, dx):
    for outer in prange(x.shape[0]):
        y = np.empty((1, x.shape[1], 1), x.dtype)
        for inner in range(x.shape[2]):
            total, _ = _exponentials(x[outer : outer + 1, :, inner : inner + 1], 0, 0, y)
            product = x.dtype.type(0)
            for c in range(x.shape[1]):
                y[0, c, 0] /= total
                product += dy[outer, c, inner] * y[0, c, 0]
            for c in range(x.shape[1]):
                dx[outer, c, inner] = scalar.softmax_grad(dy[outer, c, inner], y[0, c, 0], product)


@streaming
def _squares(x, target, losses):
    for i in prange(x.size):
        losses[i] = scalar.squared_difference(x[i], target[i])


def _square_sums_body(x, target, sums):
    for block in prange(sums.size):
        total = x.dtype.type(0)
        for i in range(block * BLOCK, min((block + 1) * BLOCK, x.size)):
            total += scalar.squared_difference(x[i], target[i])
        sums[block] = total


_square_sums = streaming(_square_sums_body, fastmath={"reassoc", "nsz"})


@streaming
def _square_grads(x, target, dloss, scale, dx):
    for i in prange(x.size):
        dx[i] = scalar.squared_difference_grad(scale * dloss[i if dloss.size > 1 else 0], x[i], target[i])


@njit(cache=True, nogil=True)
def _sum(a):
    total = 0.0
    for i in range(a.size):
        total += a[i]
    return total


@njit(cache=True, nogil=True)
def _label_weight(target, weight, ignore_index):
    total = 0.0
    for i in range(target.size):
        if target[i] != ignore_index:
            total += weight[target[i]]
    return total


@streaming
def _cross_entropy(x, target, weight, ignore_index, smoothing, losses, weights):
    classes = x.shape[1]
    for outer in prange(x.shape[0]):
        y = np.empty((1, classes, 1), x.dtype)
        for inner in range(x.shape[2]):
            losses[outer, inner] = weights[outer, inner] = 0
            label = target[outer, inner]
            if label != ignore_index:
                total, largest = _exponentials(x[outer : outer + 1, :, inner : inner + 1], 0, 0, y)
                log_total = math.log(total) + largest
                spread = x.dtype.type(0)
                for c in range(classes):
                    spread += weight[c] * (log_total - x[outer, c, inner])
                hit = weight[label] * (log_total - x[outer, label, inner])
                losses[outer, inner] = scalar.smoothed(hit, spread, smoothing, x.dtype.type(classes))
                weights[outer, inner] = weight[label]


@streaming
def _cross_entropy_grad(x, target, weight, ignore_index, smoothing, dloss, dx):
    classes = x.shape[1]
    even = smoothing / x.dtype.type(classes)
    for outer in prange(x.shape[0]):
        for inner in range(x.shape[2]):
            label = target[outer, inner]
            if label == ignore_index:
                for c in range(classes):
                    dx[outer, c, inner] = 0
            else:
                factor = dloss[outer * x.shape[2] + inner if dloss.size > 1 else 0]
                sure = (scalar.ONE - smoothing) * weight[label]
                mass = sure
                for c in range(classes):
                    mass += even * weight[c]
                total, _ = _exponentials(x, outer, inner, dx)
                for c in range(classes):
                    expected = even * weight[c] + (sure if c == label else scalar.ZERO)
                    dx[outer, c, inner] = factor * (mass * dx[outer, c, inner] / total - expected)
