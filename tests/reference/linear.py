"""The fully connected layer and its gradients."""

import numpy as np


def linear(x, w, b):
    """A row of dot products for each row of x."""
    y = np.array([[float(np.dot(row.astype(np.float64), k.astype(np.float64))) for k in w] for row in x])
    y = y.reshape(len(x), len(w))
    return y if b is None else y + b.astype(np.float64)


def linear_grads(dy, x, w):
    """(dx, dw, db), one sample at a time."""
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for m in range(len(x)):
        for k in range(len(w)):
            g = float(dy[m, k])
            dx[m] += g * w[k].astype(np.float64)
            dw[k] += g * x[m].astype(np.float64)
            db[k] += g
    return dx, dw, db
