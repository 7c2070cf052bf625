"""Losses and their gradients."""

import numpy as np

from .activation import softmax


def _reduce(losses, divisor, reduction):
    if reduction == "none":
        return losses
    total = losses.sum()
    return total if reduction == "sum" else total / divisor


def mse_loss(x, target, reduction):
    """Squared differences."""
    return _reduce((x.astype(np.float64) - target) ** 2, x.size, reduction)


def mse_loss_grad(x, target, dloss, reduction):
    """Twice the difference."""
    return 2 * (x.astype(np.float64) - target) * dloss / (x.size if reduction == "mean" else 1)


def pairwise_loss(name, x, target, parameter):
    """Each pair's absolute, Huber's or smooth absolute loss."""
    difference = np.abs(x.astype(np.float64) - target)
    if name == "l1" or (name == "smooth_l1" and parameter == 0):
        return difference
    near, far = {
        "huber": (difference**2 / 2, parameter * (difference - parameter / 2)),
        "smooth_l1": (difference**2 / 2 / (parameter or 1), difference - parameter / 2),
    }[name]
    return np.where(difference < parameter, near, far)


def pairwise_loss_grad(name, x, target, parameter):
    """Derivatives of the same: a slope that is held between two limits."""
    difference = x.astype(np.float64) - target
    if name == "l1" or (name == "smooth_l1" and parameter == 0):
        return np.sign(difference)
    clipped = np.clip(difference, -parameter, parameter)
    return clipped if name == "huber" else clipped / parameter


def binary_loss(x, target, weight, pos_weight):
    """-w (p t log s + (1 - t) log(1 - s)), the logarithms from sums of exponentials."""
    x = x.astype(np.float64)
    log_yes, log_no = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    return -weight * (pos_weight * target * log_yes + (1 - target) * log_no)


def binary_loss_grad(x, target, weight, pos_weight):
    """-w (p t (1 - s) - (1 - t) s)."""
    s = 1 / (1 + np.exp(-x.astype(np.float64)))
    return -weight * (pos_weight * target * (1 - s) - (1 - target) * s)


def cross_entropy_of_probabilities(x, target, weight, smoothing):
    """-sum_c w_c t_c log softmax(x)_c of each row, and its gradient with respect to x."""
    classes = x.shape[1]
    weight = (np.ones(classes) if weight is None else weight).reshape(-1, *[1] * (x.ndim - 2)).astype(np.float64)
    spread = weight * ((1 - smoothing) * target.astype(np.float64) + smoothing / classes)
    y = softmax(x, 1)
    return -(spread * np.log(y)).sum(1), y * spread.sum(1, keepdims=True) - spread


def nll_loss(x, target, weight, ignore_index):
    """-w[label] x[label] of each row, the weights, and the gradient with respect to x."""
    losses, weights, dx = np.zeros(target.shape), np.zeros(target.shape), np.zeros(x.shape)
    for i in np.ndindex(target.shape):
        if target[i] != ignore_index:
            place = (i[0], target[i], *i[1:])
            weights[i] = 1 if weight is None else weight[target[i]]
            losses[i], dx[place] = -weights[i] * x[place], -weights[i]
    return losses, weights, dx


def _label_distribution(x, target, weight, ignore_index, smoothing):
    """Weighted label distribution like x, and each label's weight: cross entropy is -sum distribution log softmax."""
    classes = x.shape[1]
    weight = np.ones(classes) if weight is None else weight.astype(np.float64)
    spread, weights = np.zeros(x.shape), np.zeros(target.shape)
    for i in np.ndindex(target.shape):
        label = target[i]
        if label == ignore_index:
            continue
        row = (i[0], slice(None), *i[1:])
        spread[row] = smoothing / classes * weight
        spread[(i[0], label, *i[1:])] += (1 - smoothing) * weight[label]
        weights[i] = weight[label]
    return spread, weights


def cross_entropy(x, target, weight, ignore_index, reduction, smoothing):
    """-sum_c distribution_c log softmax(x)_c, divided by the total weight for the mean; 0 if there is none."""
    spread, weights = _label_distribution(x, target, weight, ignore_index, smoothing)
    losses = -(spread * np.log(softmax(x, 1))).sum(1)
    if reduction == "mean" and weights.sum() == 0:
        return np.float64(0)
    return _reduce(losses, weights.sum(), reduction)


def cross_entropy_grad(x, target, weight, ignore_index, dloss, reduction, smoothing):
    """Softmax times the distribution's total, less the distribution."""
    spread, weights = _label_distribution(x, target, weight, ignore_index, smoothing)
    dx = softmax(x, 1) * spread.sum(1, keepdims=True) - spread
    if reduction == "none":
        return dx * np.expand_dims(dloss, 1)
    if reduction == "mean":
        return dx * dloss / weights.sum() if weights.sum() else np.zeros(x.shape)
    return dx * dloss
