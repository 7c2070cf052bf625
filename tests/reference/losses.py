"""Losses and their gradients."""

import numpy as np

from .activations import softmax


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
