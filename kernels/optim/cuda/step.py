"""Parameter updates on CUDA: one launch for all parameters of a step (multi-tensor apply), vectorized.

Launchers take a list with a tuple of arrays for each parameter. Constants come as Python numbers and are rounded once,
to the arrays' type. `sign` is -1 to maximize, else 1. Where an array is None the table of pointers holds dw, and a flag
tells the kernel not to read it.
"""

from ...cuda.launch import cuda
from ...cuda.multi_tensor import chunk_of_thread, multi_tensor_apply, tensor_address
from ...cuda.vectorized import FOUR, load4_at, load_at, store4_at, store_at
from .. import scalar


def sgd(several, sign, weight_decay, lr, momentum, rate, nesterov, first):
    """w <- w - lr g with g = sign dw + weight_decay w, along the velocity v with momentum; (w, dw, v).

    Bytes a launch: 3 w.nbytes without momentum, 5 with it.
    """
    if several[0][2] is None:
        multi_tensor_apply(sgd_kernel, [arrays[:2] for arrays in several], *_typed(several, sign, weight_decay, lr))
    else:
        constants = _typed(several, sign, weight_decay, lr, momentum, rate)
        multi_tensor_apply(sgd_momentum_kernel, several, *constants, bool(nesterov), bool(first))


def adam(several, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps):
    """w <- shrink w - size m / (sqrt(v) correction + eps), m and v the moving averages of g and g^2.

    (w, dw, mean, square, largest); g = sign dw + weight_decay w; v is replaced by the largest so far where `largest`
    is given (AMSGrad). Bytes a launch: 7 w.nbytes, 9 with `largest`.
    """
    constants = _typed(several, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps)
    multi_tensor_apply(adam_kernel, several, several[0][4] is not None, *constants)


def rmsprop(several, sign, weight_decay, lr, kept, rate, momentum, eps):
    """w <- w - lr g / (sqrt(E[g^2] - E[g]^2) + eps), along the velocity v with momentum.

    (w, dw, square, mean, v); g = sign dw + weight_decay w; E[g] is the array `mean`, left out where that is None.
    Bytes a launch: 5 w.nbytes, 2 more for each of mean and v.
    """
    constants = _typed(several, sign, weight_decay, lr, kept, rate, momentum, eps)
    multi_tensor_apply(rmsprop_kernel, several, several[0][3] is not None, several[0][4] is not None, *constants)


def adagrad(several, sign, weight_decay, lr, eps):
    """w <- w - lr g / (sqrt(total) + eps), total the sum of all g^2, g = sign dw + weight_decay w; (w, dw, total).

    Bytes a launch: 5 w.nbytes.
    """
    multi_tensor_apply(adagrad_kernel, several, *_typed(several, sign, weight_decay, lr, eps))


def _typed(several, *constants):
    """The constants in the arrays' type."""
    return map(several[0][0].dtype.type, constants)


@cuda.jit(device=True, inline="always")
def _descended(w, dw, options):
    """w after a step of gradient descent."""
    sign, weight_decay, lr = options
    return w - lr * scalar.decayed(dw, w, sign, weight_decay)


@cuda.jit(cache=True)
def sgd_kernel(table, rows, sign, weight_decay, lr):
    """w[i] <- w[i] - lr g, g = sign dw[i] + weight_decay w[i]."""
    # the tensor, the first element and the number of elements of this thread
    at, j, count = chunk_of_thread(table, rows)
    w, dw = tensor_address(table, at, 0), tensor_address(table, at, 1)
    options = sign, weight_decay, lr
    # four elements, in 128-bit accesses
    if count == FOUR:
        (w0, w1, w2, w3), (g0, g1, g2, g3) = load4_at(w, j, lr), load4_at(dw, j, lr)
        w0, w1 = _descended(w0, g0, options), _descended(w1, g1, options)
        store4_at(w, j, (w0, w1, _descended(w2, g2, options), _descended(w3, g3, options)))
    # one element, at the end of a tensor or in an unaligned one
    elif count:
        store_at(w, j, _descended(load_at(w, j, lr), load_at(dw, j, lr), options))


@cuda.jit(cache=True)
def sgd_momentum_kernel(table, rows, sign, weight_decay, lr, momentum, rate, nesterov, first):
    """v[i] <- momentum v[i] + rate g; w[i] <- w[i] - lr v[i], or Nesterov's direction."""
    # the tensor, the first element and the number of elements of this thread
    at, j, count = chunk_of_thread(table, rows)
    w, dw, v = tensor_address(table, at, 0), tensor_address(table, at, 1), tensor_address(table, at, 2)
    f, options = scalar.sgd_momentum, (sign, weight_decay, lr, momentum, rate, nesterov, first)
    # four elements, in 128-bit accesses
    if count == FOUR:
        (w0, w1, w2, w3), (g0, g1, g2, g3), (v0, v1, v2, v3) = (
            load4_at(w, j, lr),
            load4_at(dw, j, lr),
            load4_at(v, j, lr),
        )
        (w0, v0), (w1, v1) = f(w0, g0, v0, options), f(w1, g1, v1, options)
        (w2, v2), (w3, v3) = f(w2, g2, v2, options), f(w3, g3, v3, options)
        store4_at(w, j, (w0, w1, w2, w3))
        store4_at(v, j, (v0, v1, v2, v3))
    # one element, at the end of a tensor or in an unaligned one
    elif count:
        w0, v0 = f(load_at(w, j, lr), load_at(dw, j, lr), load_at(v, j, lr), options)
        store_at(w, j, w0)
        store_at(v, j, v0)


@cuda.jit(cache=True)
def adam_kernel(
    table, rows, amsgrad, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps
):  # fmt: skip
    """mean[i], square[i] follow g, g^2; w[i] <- shrink w[i] - size mean[i] / (sqrt(square[i]) correction + eps)."""
    # the tensor, the first element and the number of elements of this thread
    at, j, count = chunk_of_thread(table, rows)
    w, dw, mean = tensor_address(table, at, 0), tensor_address(table, at, 1), tensor_address(table, at, 2)
    square, largest = tensor_address(table, at, 3), tensor_address(table, at, 4)
    f, options = scalar.adam, (amsgrad, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps)
    # four elements, in 128-bit accesses
    if count == FOUR:
        (w0, w1, w2, w3), (g0, g1, g2, g3), (m0, m1, m2, m3) = (
            load4_at(w, j, eps),
            load4_at(dw, j, eps),
            load4_at(mean, j, eps),
        )
        (v0, v1, v2, v3) = (l0, l1, l2, l3) = load4_at(square, j, eps)
        if amsgrad:
            l0, l1, l2, l3 = load4_at(largest, j, eps)
        w0, m0, v0, l0 = f(w0, g0, m0, v0, l0, options)
        w1, m1, v1, l1 = f(w1, g1, m1, v1, l1, options)
        w2, m2, v2, l2 = f(w2, g2, m2, v2, l2, options)
        w3, m3, v3, l3 = f(w3, g3, m3, v3, l3, options)
        store4_at(w, j, (w0, w1, w2, w3))
        store4_at(mean, j, (m0, m1, m2, m3))
        store4_at(square, j, (v0, v1, v2, v3))
        if amsgrad:
            store4_at(largest, j, (l0, l1, l2, l3))
    # one element, at the end of a tensor or in an unaligned one
    elif count:
        v0 = l0 = load_at(square, j, eps)
        if amsgrad:
            l0 = load_at(largest, j, eps)
        w0, m0, v0, l0 = f(load_at(w, j, eps), load_at(dw, j, eps), load_at(mean, j, eps), v0, l0, options)
        store_at(w, j, w0)
        store_at(mean, j, m0)
        store_at(square, j, v0)
        if amsgrad:
            store_at(largest, j, l0)


@cuda.jit(cache=True)
def rmsprop_kernel(table, rows, centered, moving, sign, weight_decay, lr, kept, rate, momentum, eps):
    """square[i] (and mean[i]) follow g^2 (and g); w[i] <- w[i] - lr times g normalised, or its velocity v[i]."""
    # the tensor, the first element and the number of elements of this thread
    at, j, count = chunk_of_thread(table, rows)
    w, dw, square = tensor_address(table, at, 0), tensor_address(table, at, 1), tensor_address(table, at, 2)
    mean, v = tensor_address(table, at, 3), tensor_address(table, at, 4)
    f, options = scalar.rmsprop, (centered, moving, sign, weight_decay, lr, kept, rate, momentum, eps)
    # four elements, in 128-bit accesses
    if count == FOUR:
        (w0, w1, w2, w3), (g0, g1, g2, g3), (s0, s1, s2, s3) = (
            load4_at(w, j, lr),
            load4_at(dw, j, lr),
            load4_at(square, j, lr),
        )
        (m0, m1, m2, m3) = (v0, v1, v2, v3) = (g0, g1, g2, g3)
        if centered:
            m0, m1, m2, m3 = load4_at(mean, j, lr)
        if moving:
            v0, v1, v2, v3 = load4_at(v, j, lr)
        w0, s0, m0, v0 = f(w0, g0, s0, m0, v0, options)
        w1, s1, m1, v1 = f(w1, g1, s1, m1, v1, options)
        w2, s2, m2, v2 = f(w2, g2, s2, m2, v2, options)
        w3, s3, m3, v3 = f(w3, g3, s3, m3, v3, options)
        store4_at(w, j, (w0, w1, w2, w3))
        store4_at(square, j, (s0, s1, s2, s3))
        if centered:
            store4_at(mean, j, (m0, m1, m2, m3))
        if moving:
            store4_at(v, j, (v0, v1, v2, v3))
    # one element, at the end of a tensor or in an unaligned one
    elif count:
        m0 = v0 = g0 = load_at(dw, j, lr)
        if centered:
            m0 = load_at(mean, j, lr)
        if moving:
            v0 = load_at(v, j, lr)
        w0, s0, m0, v0 = f(load_at(w, j, lr), g0, load_at(square, j, lr), m0, v0, options)
        store_at(w, j, w0)
        store_at(square, j, s0)
        if centered:
            store_at(mean, j, m0)
        if moving:
            store_at(v, j, v0)


@cuda.jit(cache=True)
def adagrad_kernel(table, rows, sign, weight_decay, lr, eps):
    """total[i] <- total[i] + g^2; w[i] <- w[i] - lr g / (sqrt(total[i]) + eps)."""
    # the tensor, the first element and the number of elements of this thread
    at, j, count = chunk_of_thread(table, rows)
    w, dw, total = tensor_address(table, at, 0), tensor_address(table, at, 1), tensor_address(table, at, 2)
    f, options = scalar.adagrad, (sign, weight_decay, lr, eps)
    # four elements, in 128-bit accesses
    if count == FOUR:
        (w0, w1, w2, w3), (g0, g1, g2, g3), (t0, t1, t2, t3) = (
            load4_at(w, j, lr),
            load4_at(dw, j, lr),
            load4_at(total, j, lr),
        )
        (w0, t0), (w1, t1) = f(w0, g0, t0, options), f(w1, g1, t1, options)
        (w2, t2), (w3, t3) = f(w2, g2, t2, options), f(w3, g3, t3, options)
        store4_at(w, j, (w0, w1, w2, w3))
        store4_at(total, j, (t0, t1, t2, t3))
    # one element, at the end of a tensor or in an unaligned one
    elif count:
        w0, t0 = f(load_at(w, j, lr), load_at(dw, j, lr), load_at(total, j, lr), options)
        store_at(w, j, w0)
        store_at(total, j, t0)
