"""Parameter updates on CUDA: one pass, in place, a thread for each element.

Constants come as Python numbers and are rounded once, to the arrays' type. `sign` is -1 to maximise, else 1. Where an
array is left out, the kernel is given dw in its place and a flag that keeps it from looking there.
"""

from .. import scalar_updates as scalar
from .launch import cuda, each, uint32


def sgd(w, dw, v, sign, weight_decay, lr, momentum, rate, nesterov, first):
    """w <- w - lr g with g = sign dw + weight_decay w, through the velocity v where there is momentum.

    Bytes a launch: 3 w.nbytes without momentum, 5 with it.
    """
    if v is None:
        each(sgd_kernel, w.size, w, dw, *_typed(w, sign, weight_decay, lr))
    else:
        constants = _typed(w, sign, weight_decay, lr, momentum, rate)
        each(sgd_momentum_kernel, w.size, w, dw, v, *constants, bool(nesterov), bool(first))


def adam(w, dw, mean, square, largest, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps):
    """w <- shrink w - size m / (sqrt(v) correction + eps), m and v the moving averages of g and g^2.

    g = sign dw + weight_decay w; v is replaced by the largest so far where `largest` is given (AMSGrad).
    Bytes a launch: 7 w.nbytes, 9 with `largest`.
    """
    constants = _typed(w, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps)
    arrays = (w, dw, mean, square, dw if largest is None else largest)
    each(adam_kernel, w.size, *arrays, *constants, largest is not None)


def rmsprop(w, dw, square, mean, v, sign, weight_decay, lr, kept, rate, momentum, eps):
    """w <- w - lr g / (sqrt(E[g^2] - E[g]^2) + eps), through the velocity v where there is momentum.

    g = sign dw + weight_decay w; E[g] is the array `mean`, left out where that is None.
    Bytes a launch: 5 w.nbytes, 2 more for each of mean and v.
    """
    constants = _typed(w, sign, weight_decay, lr, kept, rate, momentum, eps)
    arrays = (w, dw, square, dw if mean is None else mean, dw if v is None else v)
    each(rmsprop_kernel, w.size, *arrays, *constants, mean is not None, v is not None)


def adagrad(w, dw, total, sign, weight_decay, lr, eps):
    """w <- w - lr g / (sqrt(total) + eps), total the sum of all g^2, g = sign dw + weight_decay w.

    Bytes a launch: 5 w.nbytes.
    """
    each(adagrad_kernel, w.size, w, dw, total, *_typed(w, sign, weight_decay, lr, eps))


def _typed(like, *constants):
    return map(like.dtype.type, constants)


@cuda.jit(cache=True)
def sgd_kernel(w, dw, sign, weight_decay, lr):
    """w[i] <- w[i] - lr g, g = sign dw[i] + weight_decay w[i]."""
    i = uint32(cuda.grid(1))
    if i < w.size:
        w[i] = w[i] - lr * scalar.decayed(dw[i], w[i], sign, weight_decay)


@cuda.jit(cache=True)
def sgd_momentum_kernel(w, dw, v, sign, weight_decay, lr, momentum, rate, nesterov, first):
    """The same along the velocity v[i]."""
    i = uint32(cuda.grid(1))
    if i < w.size:
        g = scalar.decayed(dw[i], w[i], sign, weight_decay)
        velocity = scalar.velocity(g, v[i], momentum, rate, first)
        w[i] = w[i] - lr * scalar.direction(g, velocity, momentum, nesterov)
        v[i] = velocity


@cuda.jit(cache=True)
def adam_kernel(
    w, dw, mean, square, largest, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps, amsgrad
):
    """mean[i], square[i] follow g, g^2; w[i] <- shrink w[i] - size mean[i] / (sqrt(square[i]) correction + eps)."""
    i = uint32(cuda.grid(1))
    if i < w.size:
        g = scalar.decayed(dw[i], w[i], sign, weight_decay)
        m = scalar.moved_towards(mean[i], g, rate)
        v = scalar.mean_square(square[i], g, kept, square_rate)
        mean[i] = m
        square[i] = v
        if amsgrad:
            v = scalar.larger(largest[i], v)
            largest[i] = v
        w[i] = shrink * w[i] - scalar.adam_step(m, v, size, correction, eps)


@cuda.jit(cache=True)
def rmsprop_kernel(w, dw, square, mean, v, sign, weight_decay, lr, kept, rate, momentum, eps, centered, moving):
    """square[i] (and mean[i]) follow g^2 (and g); w[i] <- w[i] - lr times g normalised, or its velocity v[i]."""
    i = uint32(cuda.grid(1))
    if i < w.size:
        g = scalar.decayed(dw[i], w[i], sign, weight_decay)
        spread = scalar.mean_square(square[i], g, kept, rate)
        square[i] = spread
        if centered:
            m = scalar.moved_towards(mean[i], g, rate)
            mean[i] = m
            spread = scalar.variance(spread, m)
        step = scalar.normalized(g, spread, eps)
        if moving:
            step = momentum * v[i] + step
            v[i] = step
        w[i] = w[i] - lr * step


@cuda.jit(cache=True)
def adagrad_kernel(w, dw, total, sign, weight_decay, lr, eps):
    """total[i] <- total[i] + g^2; w[i] <- w[i] - lr g / (sqrt(total[i]) + eps)."""
    i = uint32(cuda.grid(1))
    if i < w.size:
        g = scalar.decayed(dw[i], w[i], sign, weight_decay)
        squares = total[i] + g * g
        total[i] = squares
        w[i] = w[i] - lr * scalar.normalized(g, squares, eps)
