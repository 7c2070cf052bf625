"""Parameter updates on CUDA: one pass, in place, a thread for each element."""

from .. import scalar
from .launch import cuda, each, uint32


def sgd(w, dw, v, lr, momentum, dampening, weight_decay, nesterov, first):
    """w <- w - lr g with g = dw + weight_decay w, through the velocity v where there is momentum.

    Bytes a launch: 3 w.nbytes without momentum, 5 with it.
    """
    lr, momentum, dampening, weight_decay = (w.dtype.type(c) for c in (lr, momentum, dampening, weight_decay))
    if v is None:
        each(sgd_kernel, w.size, w, dw, lr, weight_decay)
    else:
        flags = bool(nesterov), bool(first)
        each(sgd_momentum_kernel, w.size, w, dw, v, lr, momentum, dampening, weight_decay, *flags)


@cuda.jit(cache=True)
def sgd_kernel(w, dw, lr, weight_decay):
    """w[i] <- w[i] - lr (dw[i] + weight_decay w[i])."""
    i = uint32(cuda.grid(1))
    if i < w.size:
        w[i] = w[i] - lr * scalar.decayed(dw[i], w[i], weight_decay)


@cuda.jit(cache=True)
def sgd_momentum_kernel(w, dw, v, lr, momentum, dampening, weight_decay, nesterov, first):
    """The same along the velocity v[i]."""
    i = uint32(cuda.grid(1))
    if i < w.size:
        g = scalar.decayed(dw[i], w[i], weight_decay)
        velocity = scalar.velocity(g, v[i], momentum, dampening, first)
        w[i] = w[i] - lr * scalar.direction(g, velocity, momentum, nesterov)
        v[i] = velocity
