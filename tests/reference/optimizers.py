"""Parameter updates, as torch.optim defines them."""

import numpy as np


def sgd(w, dw, v, lr, momentum, dampening, weight_decay, nesterov, first):
    """torch.optim.SGD, line by line: (w, v)."""
    w, g = w.astype(np.float64), dw.astype(np.float64) + weight_decay * w.astype(np.float64)
    if momentum:
        v = g if first else momentum * v.astype(np.float64) + (1 - dampening) * g
        g = g + momentum * v if nesterov else v
    return w - lr * g, v
