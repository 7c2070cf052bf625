"""Softmax and its logarithm on CUDA; x is viewed as (outer, classes, inner), and a thread takes one row of classes.

Bytes a launch: the row is read again for each pass over it, from the cache where it fits.
"""

import math

from .. import scalar
from ..scalar_math import ZERO, exp
from .launch import cuda, each, int32, uint32


def softmax(x, y):
    """y_c = exp(x_c - max) / sum_c exp(x_c - max)."""
    each(softmax_kernel, _rows(x), x, y, *x.shape)


def softmax_grad(dy, x, dx):
    """dx_c = y_c (dy_c - sum_j dy_j y_j), y = softmax(x)."""
    each(softmax_grad_kernel, _rows(x), dy, x, dx, *x.shape)


def log_softmax(x, y):
    """y_c = (x_c - max) - log sum_j exp(x_j - max)."""
    each(log_softmax_kernel, _rows(x), x, y, *x.shape)


def log_softmax_grad(dy, x, dx):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j."""
    each(log_softmax_grad_kernel, _rows(x), dy, x, dx, *x.shape)


def _rows(x):
    """Rows with something in them: a kernel reads the first class before it looks for others."""
    return x.shape[0] * x.shape[2] if x.size else 0


@cuda.jit(device=True, inline="always")
def row_start(i, classes, inner):
    """Where row i of classes starts."""
    return uint32(uint32(i // uint32(inner)) * uint32(classes * inner) + i % uint32(inner))


@cuda.jit(device=True, inline="always")
def largest_of(x, start, classes, inner):
    """The largest element of a row."""
    largest = x[start]
    c = int32(1)
    while c < classes:
        largest = max(largest, x[uint32(start + c * inner)])
        c = int32(c + 1)
    return largest


@cuda.jit(device=True, inline="always")
def exponential_sum(x, start, classes, inner, largest):
    """sum_c exp(x_c - largest)."""
    total = ZERO
    c = int32(0)
    while c < classes:
        total += exp(x[uint32(start + c * inner)] - largest)
        c = int32(c + 1)
    return total


@cuda.jit(cache=True)
def softmax_kernel(x, y, outer, classes, inner):
    """y_c = exp(x_c - max) / sum_c exp(x_c - max); x and y (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    largest = largest_of(x, start, classes, inner)
    total = exponential_sum(x, start, classes, inner, largest)
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        y[j] = exp(x[j] - largest) / total
        c = int32(c + 1)


@cuda.jit(cache=True)
def softmax_grad_kernel(dy, x, dx, outer, classes, inner):
    """dx_c = y_c (dy_c - sum_j dy_j y_j); dy, x and dx (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    largest = largest_of(x, start, classes, inner)
    total = exponential_sum(x, start, classes, inner, largest)
    product = ZERO
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        product += dy[j] * exp(x[j] - largest) / total
        c = int32(c + 1)
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        dx[j] = scalar.softmax_grad(dy[j], exp(x[j] - largest) / total, product)
        c = int32(c + 1)


@cuda.jit(cache=True)
def log_softmax_kernel(x, y, outer, classes, inner):
    """y_c = (x_c - max) - log sum_j exp(x_j - max); x and y (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    largest = largest_of(x, start, classes, inner)
    log_total = x.dtype.type(math.log(exponential_sum(x, start, classes, inner, largest)))
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        y[j] = x[j] - largest - log_total
        c = int32(c + 1)


@cuda.jit(cache=True)
def log_softmax_grad_kernel(dy, x, dx, outer, classes, inner):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j; dy, x and dx (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    largest = largest_of(x, start, classes, inner)
    total = exponential_sum(x, start, classes, inner, largest)
    mass = ZERO
    c = int32(0)
    while c < classes:
        mass += dy[uint32(start + c * inner)]
        c = int32(c + 1)
    mass = mass / total
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        dx[j] = dy[j] - mass * exp(x[j] - largest)
        c = int32(c + 1)
