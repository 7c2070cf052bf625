"""Parameter updates on the CPU: one pass over memory, every array read and written once.

Launchers take a list with a tuple of arrays for each parameter, as on CUDA, where that is one launch.
Constants come as Python numbers and are rounded once, to the arrays' type. `sign` is -1 to maximize, else 1.
"""

from ...core.scalar import maximum
from ...cpu.parallel import part, streaming
from .. import scalar


def sgd(several, sign, weight_decay, lr, momentum, rate, nesterov, first):
    """w <- w - lr g with g = sign dw + weight_decay w, along the velocity v with momentum; (w, dw, v).

    Bytes a call: 3 w.nbytes without momentum, 5 with it.
    """
    descent = _typed(several, sign, weight_decay, lr)
    push = *_typed(several, sign, weight_decay, lr, momentum, rate), bool(nesterov), bool(first)
    for w, dw, v in several:
        if v is None:
            _descend(w.size, w.size, *_flat(w, dw), *descent)
        else:
            _descend_with_momentum(w.size, w.size, *_flat(w, dw, v), *push)


def adam(several, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps):
    """w <- shrink w - size m / (sqrt(v) correction + eps), m and v the moving averages of g and g^2.

    (w, dw, mean, square, largest); g = sign dw + weight_decay w; v is replaced by the largest so far where `largest`
    is given (AMSGrad). Bytes a call: 7 w.nbytes, 9 with `largest`.
    """
    constants = _typed(several, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps)
    for arrays in several:
        _adam(arrays[0].size, arrays[0].size, *_flat(*arrays), *constants)


def rmsprop(several, sign, weight_decay, lr, kept, rate, momentum, eps):
    """w <- w - lr g / (sqrt(E[g^2] - E[g]^2) + eps), along the velocity v with momentum.

    (w, dw, square, mean, v); g = sign dw + weight_decay w; E[g] is the array `mean`, left out where that is None.
    Bytes a call: 5 w.nbytes, 2 more for each of mean and v.
    """
    constants = _typed(several, sign, weight_decay, lr, kept, rate, momentum, eps)
    for arrays in several:
        _rmsprop(arrays[0].size, arrays[0].size, *_flat(*arrays), *constants)


def adagrad(several, sign, weight_decay, lr, eps):
    """w <- w - lr g / (sqrt(total) + eps), total the sum of all g^2, g = sign dw + weight_decay w; (w, dw, total).

    Bytes a call: 5 w.nbytes.
    """
    constants = _typed(several, sign, weight_decay, lr, eps)
    for arrays in several:
        _adagrad(arrays[0].size, arrays[0].size, *_flat(*arrays), *constants)


def _flat(*arrays):
    """The arrays as one row each; None stays None."""
    return (None if a is None else a.reshape(-1) for a in arrays)


def _typed(several, *constants):
    """The constants in the arrays' type."""
    return tuple(map(several[0][0].dtype.type, constants))


@streaming
def _descend(w, dw, sign, weight_decay, lr, thread, threads):
    w, dw = part(w, thread, threads), part(dw, thread, threads)
    for i in range(w.size):
        w[i] = w[i] - lr * scalar.decayed(dw[i], w[i], sign, weight_decay)


@streaming
def _descend_with_momentum(w, dw, v, sign, weight_decay, lr, momentum, rate, nesterov, first, thread, threads):
    w, dw, v = part(w, thread, threads), part(dw, thread, threads), part(v, thread, threads)
    for i in range(w.size):
        g = scalar.decayed(dw[i], w[i], sign, weight_decay)
        velocity = scalar.velocity(g, v[i], momentum, rate, first)
        w[i] = w[i] - lr * scalar.direction(g, velocity, momentum, nesterov)
        v[i] = velocity


@streaming
def _adam(
    w, dw, mean, square, largest,
    sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps, thread, threads,
):  # fmt: skip
    """All arrays flat, of one size; largest is None without AMSGrad."""
    peaks = part(w if largest is None else largest, thread, threads)
    w, dw = part(w, thread, threads), part(dw, thread, threads)
    mean, square = part(mean, thread, threads), part(square, thread, threads)
    for i in range(w.size):
        g = scalar.decayed(dw[i], w[i], sign, weight_decay)
        m = scalar.moved_towards(mean[i], g, rate)
        v = scalar.mean_square(square[i], g, kept, square_rate)
        mean[i], square[i] = m, v
        if largest is not None:
            v = maximum(peaks[i], v)
            peaks[i] = v
        w[i] = shrink * w[i] - scalar.adam_step(m, v, size, correction, eps)


@streaming
def _rmsprop(w, dw, square, mean, v, sign, weight_decay, lr, kept, rate, momentum, eps, thread, threads):
    """All arrays flat, of one size; mean is None unless centered, v without momentum."""
    means = part(w if mean is None else mean, thread, threads)
    velocities = part(w if v is None else v, thread, threads)
    w, dw, square = part(w, thread, threads), part(dw, thread, threads), part(square, thread, threads)
    for i in range(w.size):
        g = scalar.decayed(dw[i], w[i], sign, weight_decay)
        spread = scalar.mean_square(square[i], g, kept, rate)
        square[i] = spread
        if mean is not None:
            m = scalar.moved_towards(means[i], g, rate)
            means[i] = m
            spread = scalar.variance(spread, m)
        step = scalar.normalized(g, spread, eps)
        if v is not None:
            step = momentum * velocities[i] + step
            velocities[i] = step
        w[i] = w[i] - lr * step


@streaming
def _adagrad(w, dw, total, sign, weight_decay, lr, eps, thread, threads):
    w, dw, total = part(w, thread, threads), part(dw, thread, threads), part(total, thread, threads)
    for i in range(w.size):
        g = scalar.decayed(dw[i], w[i], sign, weight_decay)
        total[i] = total[i] + g * g
        w[i] = w[i] - lr * scalar.normalized(g, total[i], eps)
