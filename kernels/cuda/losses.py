"""Losses of pairs of elements on CUDA: a thread for each, neighbours touch neighbours.

Bytes a launch: x and target once, dx or each loss once. Sums go in passes of blocks (sums.py), the last few numbers by
one thread: deterministic, without atomics.
"""

from numba import float32, float64

from ..scalar_losses import PAIRWISE, bce_with_logits, bce_with_logits_grad
from ..scalar_math import ZERO
from ..templates import instance
from .launch import THREADS, beside, cuda, each, one, reduce, uint32
from .sums import STRETCH, block_sum, few_sums, stretches

f, kind = None, None  # each kernel has its own


def pairwise_each(name, x, target, parameter, losses):
    """losses[i] = f(x[i], target[i], parameter) with the loss of that name."""
    each(EACH[name], x.size, x, target, parameter, losses)


def pairwise_sum(name, x, target, parameter, scale, loss):
    """loss[0] = scale sum_i f(x[i], target[i], parameter), in one pass over x and target."""
    partials = beside(x, stretches(x.size))
    reduce(SUMS[x.dtype.itemsize][name], partials.size, x, target, parameter, partials)
    one(finish_sum_kernel, few_sums(partials), scale, loss)


def pairwise_grad(name, x, target, parameter, dloss, scale, dx):
    """dx[i] = scale dloss f'(x[i], target[i], parameter); dloss has one element or one for each."""
    each(GRADS[name], x.size, x, target, parameter, dloss, scale, dx)


def bce_each(x, target, weight, pos_weight, losses):
    """losses[i] = the binary cross-entropy of the logit x[i]; the weights have one element or one for each."""
    each(bce_kernel, x.size, x, target, weight, pos_weight, losses)


def bce_grad(x, target, weight, pos_weight, dloss, scale, dx):
    """dx[i] = scale dloss times the derivative; dloss has one element or one for each."""
    each(bce_grad_kernel, x.size, x, target, weight, pos_weight, dloss, scale, dx)


def sum_of(losses, scale, loss):
    """loss[0] = scale sum(losses)."""
    one(finish_sum_kernel, few_sums(losses), scale, loss)


def _each(x, target, parameter, losses):
    """losses[i] = f(x[i], target[i], parameter)."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        losses[i] = f(x[i], target[i], parameter)


def _sums(x, target, parameter, sums):
    """sums[b] = the sum of stretch b of f(x, target, parameter). Bytes: x and target once."""
    memory = cuda.shared.array(THREADS, kind)
    i = uint32(cuda.blockIdx.x * uint32(STRETCH) + cuda.threadIdx.x)
    end = min(uint32(x.size), uint32(uint32(cuda.blockIdx.x + uint32(1)) * uint32(STRETCH)))
    total = kind(0)
    while i < end:
        total += f(x[i], target[i], parameter)
        i = uint32(i + uint32(THREADS))
    total = block_sum(memory, total)
    if cuda.threadIdx.x == 0:
        sums[uint32(cuda.blockIdx.x)] = total


def _grads(x, target, parameter, dloss, scale, dx):
    """dx[i] = scale dloss f'(x[i], target[i], parameter)."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        dx[i] = f(scale * dloss[i if dloss.size > 1 else uint32(0)], x[i], target[i], parameter)


def _kernels(template, side, suffix, **names):
    """{name: kernel} of the losses (0) or their gradients (1)."""
    return {
        name: cuda.jit(cache=True)(instance(template, f"{name}_{suffix}_kernel", f=formulas[side], **names))
        for name, formulas in PAIRWISE.items()
    }


EACH, GRADS = _kernels(_each, 0, "each"), _kernels(_grads, 1, "grads")
SUMS = {4: _kernels(_sums, 0, "sums", kind=float32), 8: _kernels(_sums, 0, "sums", kind=float64)}


@cuda.jit(cache=True)
def bce_kernel(x, target, weight, pos_weight, losses):
    """losses[i] = the binary cross-entropy of the logit x[i]."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        own = weight[i if weight.size > 1 else uint32(0)]
        losses[i] = bce_with_logits(x[i], target[i], own, pos_weight[i if pos_weight.size > 1 else uint32(0)])


@cuda.jit(cache=True)
def bce_grad_kernel(x, target, weight, pos_weight, dloss, scale, dx):
    """dx[i] = scale dloss times the derivative of the binary cross-entropy."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        own = weight[i if weight.size > 1 else uint32(0)]
        positive = pos_weight[i if pos_weight.size > 1 else uint32(0)]
        factor = scale * dloss[i if dloss.size > 1 else uint32(0)]
        dx[i] = bce_with_logits_grad(factor, x[i], target[i], own, positive)


@cuda.jit(cache=True)
def finish_sum_kernel(partials, scale, loss):
    """loss[0] = scale sum(partials), by a single thread."""
    total = ZERO
    i = uint32(0)
    while i < partials.size:
        total += partials[i]
        i = uint32(i + uint32(1))
    loss[uint32(0)] = scale * total
