"""Losses of pairs of elements on the CPU: one pass over memory, every array read or written once.

Bytes a call: x and target once, dx or each loss once. Sums are taken in blocks, as in cpu/reduce.py.
"""

import numpy as np
from numba import njit

from ...core.templates import instance
from ...cpu.parallel import on_threads, part, share, streaming, thread_count
from ...cpu.reduce import BLOCK_TERMS, total
from ..scalar import PAIRWISE, bce_with_logits, bce_with_logits_grad

f = add_blocks = None  # globals that each instance of a template binds


def pairwise_each(name, x, target, parameter, losses):
    """losses[i] = f(x[i], target[i], parameter) with the loss of that name."""
    EACH[name](x.size, x.size, x.reshape(-1), target.reshape(-1), parameter, losses.reshape(-1))


def pairwise_sum(name, x, target, parameter, scale, loss):
    """loss[0] = scale sum_i f(x[i], target[i], parameter), in one pass."""
    threads = thread_count(-(-x.size // BLOCK_TERMS), x.size)
    SUMS[name](x.reshape(-1), target.reshape(-1), parameter, scale, loss, threads)


def pairwise_grad(name, x, target, parameter, dloss, scale, dx):
    """dx[i] = scale dloss f'(x[i], target[i], parameter); dloss has one element or one for each."""
    GRADS[name](x.size, x.size, x.reshape(-1), target.reshape(-1), parameter, dloss, scale, dx.reshape(-1))


def bce_each(x, target, weight, pos_weight, losses):
    """losses[i] = the binary cross-entropy of the logit x[i]; the weights have one element or one for each."""
    flat = (a.reshape(-1) for a in (x, target, weight, pos_weight, losses))
    _bce(x.size, x.size, *flat)


def bce_grad(x, target, weight, pos_weight, dloss, scale, dx):
    """dx[i] = scale dloss times the derivative; dloss has one element or one for each."""
    flat = (a.reshape(-1) for a in (x, target, weight, pos_weight, dloss))
    _bce_grad(x.size, x.size, *flat, scale, dx.reshape(-1))


def sum_of(losses, scale, loss):
    """loss[0] = scale sum(losses)."""
    loss[0] = scale * total(losses)


def _each(x, target, parameter, losses, thread, threads):
    x, target, losses = part(x, thread, threads), part(target, thread, threads), part(losses, thread, threads)
    for i in range(x.size):
        losses[i] = f(x[i], target[i], parameter)


def _add_blocks(x, target, parameter, sums, thread, threads):
    first, last = share(sums.size, thread, threads)
    for block in range(first, last):
        start = block * BLOCK_TERMS
        xs, targets = x[start : start + BLOCK_TERMS], target[start : start + BLOCK_TERMS]
        partial = x.dtype.type(0)
        for i in range(xs.size):
            partial += f(xs[i], targets[i], parameter)
        sums[block] = partial


def _sum(x, target, parameter, scale, loss, threads):
    """loss[0] = scale times the sum of the blocks' sums, in float64 and in order."""
    sums, total = np.empty((x.size + BLOCK_TERMS - 1) // BLOCK_TERMS), 0.0
    on_threads(add_blocks, (x, target, parameter, sums), threads)
    for block in range(sums.size):
        # a block whose sum overflows is added again in float64
        if not np.isfinite(sums[block]):
            sums[block] = 0
            for i in range(block * BLOCK_TERMS, min((block + 1) * BLOCK_TERMS, x.size)):
                sums[block] += f(np.float64(x[i]), np.float64(target[i]), np.float64(parameter))
        total += sums[block]
    loss[0] = scale * total


def _grads(x, target, parameter, dloss, scale, dx, thread, threads):
    x, target, dx = part(x, thread, threads), part(target, thread, threads), part(dx, thread, threads)
    if dloss.size == 1:
        grad_loss = scale * dloss[0]
        for i in range(x.size):
            dx[i] = f(grad_loss, x[i], target[i], parameter)
    else:
        dloss = part(dloss, thread, threads)
        for i in range(x.size):
            dx[i] = f(scale * dloss[i], x[i], target[i], parameter)


def _streaming_kernels(template, side, suffix):
    """{name: kernel} of the losses (0) or their gradients (1)."""
    return {
        name: streaming(instance(template, f"{name}_{suffix}", f=formulas[side])) for name, formulas in PAIRWISE.items()
    }


def _sum_kernel(name, formula):
    """The compiled function that sums one loss."""
    blocks = instance(_add_blocks, f"{name}_add_blocks", f=formula)
    blocks = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})(blocks)
    return njit(cache=True, nogil=True)(instance(_sum, f"{name}_sum", add_blocks=blocks, f=formula))


EACH, GRADS = _streaming_kernels(_each, 0, "each"), _streaming_kernels(_grads, 1, "grads")
SUMS = {name: _sum_kernel(name, formulas[0]) for name, formulas in PAIRWISE.items()}


@streaming
def _bce(x, target, weight, pos_weight, losses, thread, threads):
    first, last = share(x.size, thread, threads)
    for i in range(first, last):
        sample_weight, positive = weight[i if weight.size > 1 else 0], pos_weight[i if pos_weight.size > 1 else 0]
        losses[i] = bce_with_logits(x[i], target[i], sample_weight, positive)


@streaming
def _bce_grad(x, target, weight, pos_weight, dloss, scale, dx, thread, threads):
    first, last = share(x.size, thread, threads)
    for i in range(first, last):
        sample_weight, positive = weight[i if weight.size > 1 else 0], pos_weight[i if pos_weight.size > 1 else 0]
        grad_loss = scale * dloss[i if dloss.size > 1 else 0]
        dx[i] = bce_with_logits_grad(grad_loss, x[i], target[i], sample_weight, positive)
