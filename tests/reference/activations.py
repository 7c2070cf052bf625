"""Activations, softmax and their gradients."""

import numpy as np


def relu(x):
    """The larger of x and 0."""
    return np.maximum(x.astype(np.float64), 0)


def relu_grad(dy, x):
    """Dy where x is not <= 0."""
    return np.where(x <= 0, 0.0, dy.astype(np.float64))


def leaky_relu(x, slope):
    """X, or slope x where it is not positive."""
    x = x.astype(np.float64)
    return np.where(x > 0, x, slope * x)


def leaky_relu_grad(dy, x, slope):
    """Dy, or slope dy where x is not positive."""
    dy = dy.astype(np.float64)
    return np.where(x > 0, dy, slope * dy)


def softmax(x, axis):
    """The definition, shifted by the maximum."""
    e = np.exp(x.astype(np.float64) - x.astype(np.float64).max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax_grad(dy, x, axis):
    """The Jacobian diag(y) - y y^T, row by row."""
    y, dx = np.moveaxis(softmax(x, axis), axis, -1), np.zeros(x.shape)
    out, dy = np.moveaxis(dx, axis, -1), np.moveaxis(dy.astype(np.float64), axis, -1)
    for i in np.ndindex(y.shape[:-1]):
        out[i] = (np.diag(y[i]) - np.outer(y[i], y[i])) @ dy[i]
    return dx
