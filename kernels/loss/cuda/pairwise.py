"""Losses of pairs of elements on CUDA: a thread for four, in 128-bit accesses.

Bytes a launch: x and target once, dx or each loss once. Sums are taken in passes of blocks (cuda/reduce.py), the
last few numbers by one thread: deterministic, without atomics.
"""

from numba import float32, float64

from ...core.scalar_math import ZERO
from ...core.templates import instance
from ...cuda.launch import cuda, empty_like_on, one, reduce, uint32
from ...cuda.reduce import ELEMENTS_PER_ROUND, WARPS_PER_BLOCK, block_range, block_sum, blocks_for, sum_to_few
from ...cuda.vectorized import (
    FOUR,
    aligned,
    launch_vectorized,
    load4,
    load4_if_aligned,
    load4_or_broadcast,
    load_or_broadcast,
    scalar_index,
    store4,
)
from ..scalar import PAIRWISE, bce_with_logits, bce_with_logits_grad

f = kind = None  # globals that each instance of a template binds


def pairwise_each(name, x, target, parameter, losses):
    """losses[i] = f(x[i], target[i], parameter) with the loss of that name."""
    launch_vectorized(EACH[name], (x, target, losses), parameter)


def pairwise_sum(name, x, target, parameter, scale, loss):
    """loss[0] = scale sum_i f(x[i], target[i], parameter), in one pass over x and target."""
    partials = empty_like_on(x, blocks_for(x.size))
    reduce(SUMS[x.dtype.itemsize][name], partials.size, x, target, aligned(x, target), parameter, scale, partials)
    one(finish_sum_kernel, *sum_to_few(partials, x.dtype.type(1)), loss)


def pairwise_grad(name, x, target, parameter, dloss, scale, dx):
    """dx[i] = scale dloss f'(x[i], target[i], parameter); dloss has one element or one for each."""
    launch_vectorized(GRADS[name], (x, target, dx), parameter, dloss, scale)


def bce_each(x, target, weight, pos_weight, losses):
    """losses[i] = the binary cross-entropy of the logit x[i]; the weights have one element or one for each."""
    launch_vectorized(bce_kernel, (x, target, losses), weight, pos_weight)


def bce_grad(x, target, weight, pos_weight, dloss, scale, dx):
    """dx[i] = scale dloss times the derivative; dloss has one element or one for each."""
    launch_vectorized(bce_grad_kernel, (x, target, dx), weight, pos_weight, dloss, scale)


def sum_of(losses, scale, loss):
    """loss[0] = scale sum(losses)."""
    one(finish_sum_kernel, *sum_to_few(losses, scale), loss)


def _each(x, target, losses, vectors, p):
    """losses[i] = f(x[i], target[i], p)."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        (x0, x1, x2, x3), (t0, t1, t2, t3) = load4(x, j), load4(target, j)
        store4(losses, j, (f(x0, t0, p), f(x1, t1, p), f(x2, t2, p), f(x3, t3, p)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        losses[j] = f(x[j], target[j], p)


def _sums(x, target, reachable, p, scale, sums):
    """sums[b] = the sum of scale f(x, target, p) over block b's range. Bytes: x and target once.

    Each term is scaled, not their sum: where the scale makes a mean of it, the sum would overflow before the mean does.
    """
    memory = cuda.shared.array(WARPS_PER_BLOCK, kind)
    j, whole, end = block_range(cuda.blockIdx.x, x.size)
    total = kind(0)
    while j < whole:
        (x0, x1, x2, x3), (t0, t1, t2, t3) = load4_if_aligned(x, j, reachable), load4_if_aligned(target, j, reachable)
        first, second = scale * f(x0, t0, p) + scale * f(x1, t1, p), scale * f(x2, t2, p) + scale * f(x3, t3, p)
        total += first + second
        j = uint32(j + uint32(ELEMENTS_PER_ROUND))
    j = uint32(whole + uint32(cuda.threadIdx.x))
    if j < end:
        total += scale * f(x[j], target[j], p)
    total = block_sum(memory, total)
    if cuda.threadIdx.x == 0:
        sums[uint32(cuda.blockIdx.x)] = total


def _grads(x, target, dx, vectors, p, dloss, scale):
    """dx[i] = scale dloss f'(x[i], target[i], p); dloss has one element or one for each."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        (x0, x1, x2, x3), (t0, t1, t2, t3), (d0, d1, d2, d3) = (
            load4(x, j),
            load4(target, j),
            load4_or_broadcast(dloss, j),
        )
        dx0, dx1 = f(scale * d0, x0, t0, p), f(scale * d1, x1, t1, p)
        store4(dx, j, (dx0, dx1, f(scale * d2, x2, t2, p), f(scale * d3, x3, t3, p)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        dx[j] = f(scale * load_or_broadcast(dloss, j), x[j], target[j], p)


def _kernels(template, side, suffix, **names):
    """{name: kernel} of the losses (0) or their gradients (1)."""
    return {
        name: cuda.jit(cache=True)(instance(template, f"{name}_{suffix}_kernel", f=formulas[side], **names))
        for name, formulas in PAIRWISE.items()
    }


EACH, GRADS = _kernels(_each, 0, "each"), _kernels(_grads, 1, "grads")
SUMS = {4: _kernels(_sums, 0, "sums", kind=float32), 8: _kernels(_sums, 0, "sums", kind=float64)}


@cuda.jit(cache=True)
def bce_kernel(x, target, losses, vectors, weight, pos_weight):
    """losses[i] = the binary cross-entropy of the logit x[i]; the weights have one element or one for each."""
    i, f = uint32(cuda.grid(1)), bce_with_logits
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        (x0, x1, x2, x3), (t0, t1, t2, t3) = load4(x, j), load4(target, j)
        (w0, w1, w2, w3), (p0, p1, p2, p3) = load4_or_broadcast(weight, j), load4_or_broadcast(pos_weight, j)
        store4(losses, j, (f(x0, t0, w0, p0), f(x1, t1, w1, p1), f(x2, t2, w2, p2), f(x3, t3, w3, p3)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        losses[j] = bce_with_logits(x[j], target[j], load_or_broadcast(weight, j), load_or_broadcast(pos_weight, j))


@cuda.jit(cache=True)
def bce_grad_kernel(x, target, dx, vectors, weight, pos_weight, dloss, scale):
    """dx[i] = scale dloss times the derivative of the binary cross-entropy."""
    i, f = uint32(cuda.grid(1)), bce_with_logits_grad
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        (x0, x1, x2, x3), (t0, t1, t2, t3), (d0, d1, d2, d3) = (
            load4(x, j),
            load4(target, j),
            load4_or_broadcast(dloss, j),
        )
        (w0, w1, w2, w3), (p0, p1, p2, p3) = load4_or_broadcast(weight, j), load4_or_broadcast(pos_weight, j)
        dx0, dx1 = f(scale * d0, x0, t0, w0, p0), f(scale * d1, x1, t1, w1, p1)
        store4(dx, j, (dx0, dx1, f(scale * d2, x2, t2, w2, p2), f(scale * d3, x3, t3, w3, p3)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        sample_weight, positive, grad_loss = (
            load_or_broadcast(weight, j),
            load_or_broadcast(pos_weight, j),
            scale * load_or_broadcast(dloss, j),
        )
        dx[j] = bce_with_logits_grad(grad_loss, x[j], target[j], sample_weight, positive)


@cuda.jit(cache=True)
def finish_sum_kernel(partials, scale, loss):
    """loss[0] = scale sum(partials), by a single thread."""
    total = ZERO
    i = uint32(0)
    while i < partials.size:
        total += scale * partials[i]
        i = uint32(i + uint32(1))
    loss[uint32(0)] = total
