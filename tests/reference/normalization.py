"""Normalization, straight from the definition: a set of values at a time."""

import numpy as np


def _channels(x):
    """For each channel where its values stand."""
    for c in range(x.shape[1]):
        yield c, (slice(None), c)


def batch_norm_statistics(x):
    """Mean and biased variance of each channel."""
    x = x.astype(np.float64)
    values = [x[where] for _, where in _channels(x)]
    return np.array([v.mean() for v in values]), np.array([((v - v.mean()) ** 2).mean() for v in values])


def moved_statistics(x, running_mean, running_var, momentum):
    """The running statistics after a batch, the variance with n - 1."""
    mean, _ = batch_norm_statistics(x)
    var = np.array([x.astype(np.float64)[where].var(ddof=1) for _, where in _channels(x)])
    return (1 - momentum) * running_mean + momentum * mean, (1 - momentum) * running_var + momentum * var


def batch_norm(x, mean, var, weight, bias, eps):
    """Each channel with its statistics."""
    y = np.zeros(x.shape)
    for c, where in _channels(x):
        w, b = 1 if weight is None else float(weight[c]), 0 if bias is None else float(bias[c])
        y[where] = w * (x.astype(np.float64)[where] - mean[c]) / np.sqrt(var[c] + eps) + b
    return y


def batch_norm_grad(dy, x, mean, var, weight, eps, training):
    """(dx, dweight, dbias); in training the Jacobian of xhat, which knows the statistics, is written out."""
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for c, where in _channels(x):
        xhat, slopes = (x[where] - mean[c]) / np.sqrt(var[c] + eps), dy[where]
        dweight[c], dbias[c] = (slopes * xhat).sum(), slopes.sum()
        w = 1 if weight is None else float(weight[c])
        dx[where] = w * _through_the_set(slopes, xhat, var[c], eps, training)
    return dx, dweight, dbias


def _through_the_set(slopes, xhat, var, eps, training):
    """The gradient that reaches the values: d xhat_j / d x_i = (delta_ij - 1/n - xhat_i xhat_j / n) / deviation."""
    n, deviation = slopes.size, np.sqrt(var + eps)
    if not training:
        return slopes / deviation
    flat, hats = slopes.ravel(), xhat.ravel()
    jacobian = (np.eye(n) - 1 / n - np.outer(hats, hats) / n) / deviation
    return (jacobian @ flat).reshape(slopes.shape)


def group_norm(x, groups, weight, bias, eps):
    """Each sample's groups of channels by their own mean and deviation, then each channel's weight and bias."""
    x = x.astype(np.float64)
    y = np.zeros(x.shape)
    for n, g in np.ndindex(x.shape[0], groups):
        where = n, _group(x, groups, g)
        y[where] = (x[where] - x[where].mean()) / np.sqrt(x[where].var() + eps)
    for c in range(x.shape[1]):
        y[:, c] = y[:, c] * (1 if weight is None else float(weight[c])) + (0 if bias is None else float(bias[c]))
    return y


def group_norm_grad(dy, x, groups, weight, eps):
    """(dx, dweight, dbias)."""
    x, dy, w = x.astype(np.float64), dy.astype(np.float64), np.ones(x.shape[1]) if weight is None else weight
    xhat, dx = group_norm(x, groups, None, None, eps), np.zeros(x.shape)
    for n, g in np.ndindex(x.shape[0], groups):
        where = n, _group(x, groups, g)
        slopes = np.stack([float(w[c]) * dy[n, c] for c in range(x.shape[1])[where[1]]])
        dx[where] = _through_the_set(slopes, xhat[where], x[where].var(), eps, True)
    dweight = [(dy[:, c] * xhat[:, c]).sum() for c in range(x.shape[1])]
    return dx, np.array(dweight), np.array([dy[:, c].sum() for c in range(x.shape[1])])


def _group(x, groups, g):
    size = x.shape[1] // groups
    return slice(g * size, (g + 1) * size)
