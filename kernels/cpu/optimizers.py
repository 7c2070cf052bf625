"""Parameter updates on the CPU: one pass, in place."""

import numpy as np

from .. import scalar
from .parallel import part, streaming


def sgd(w, dw, v, lr, momentum, dampening, weight_decay, nesterov, first):
    """w <- w - lr g with g = dw + weight_decay w, through the velocity v where there is momentum.

    Bytes a call: 3 w.nbytes without momentum, 5 with it.
    """
    constants = tuple(w.dtype.type(c) for c in (lr, momentum, dampening, weight_decay))
    if v is None:
        _descend(w.size, w.size, w.reshape(-1), dw.reshape(-1), constants[0], constants[3])
    else:
        flat = (a.reshape(-1) for a in (w, dw, v))
        _descend_with_momentum(w.size, w.size, *flat, *constants, np.bool_(nesterov), np.bool_(first))


@streaming
def _descend(w, dw, lr, weight_decay, thread, threads):
    w, dw = part(w, thread, threads), part(dw, thread, threads)
    for i in range(w.size):
        w[i] = w[i] - lr * scalar.decayed(dw[i], w[i], weight_decay)


@streaming
def _descend_with_momentum(w, dw, v, lr, momentum, dampening, weight_decay, nesterov, first, thread, threads):
    w, dw, v = part(w, thread, threads), part(dw, thread, threads), part(v, thread, threads)
    for i in range(w.size):
        g = scalar.decayed(dw[i], w[i], weight_decay)
        velocity = scalar.velocity(g, v[i], momentum, dampening, first)
        w[i] = w[i] - lr * scalar.direction(g, velocity, momentum, nesterov)
        v[i] = velocity
