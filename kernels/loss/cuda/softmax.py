"""Softmax and its logarithm on CUDA; x is viewed as (outer, classes, inner).

A warp takes a row of classes that lie side by side (rows.py), else a thread takes one, next to its neighbours'. Bytes a
launch: the row is read again for each pass over it, from the cache where it fits.
"""

import math

from ...core.scalar_math import ZERO, exp_nonpositive
from ...cuda.launch import cuda, each, int32, uint32
from ...cuda.warp_rows import (
    CLASSES_PER_STEP,
    launch_warp_rows,
    load_classes,
    row_and_class,
    store_classes,
    sum_exponentials,
    warp_sum,
)
from .. import scalar


def softmax(x, y):
    """y_c = exp(x_c - max) / sum_c exp(x_c - max)."""
    _launch(softmax_rows_kernel, softmax_kernel, x, y)


def softmax_grad(dy, x, dx):
    """dx_c = y_c (dy_c - sum_j dy_j y_j), y = softmax(x)."""
    _launch(softmax_grad_rows_kernel, softmax_grad_kernel, dy, x, dx)


def log_softmax(x, y):
    """y_c = (x_c - max) - log sum_j exp(x_j - max)."""
    _launch(log_softmax_rows_kernel, log_softmax_kernel, x, y)


def log_softmax_grad(dy, x, dx):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j."""
    _launch(log_softmax_grad_rows_kernel, log_softmax_grad_kernel, dy, x, dx)


def _launch(of_rows, of_columns, *arrays):
    """A warp for each row of classes that lie side by side, else a thread for each."""
    outer, classes, inner = arrays[0].shape
    if inner == 1 and arrays[0].size:
        launch_warp_rows(of_rows, [a.reshape(outer, classes) for a in arrays], outer)
    else:
        each(of_columns, _rows(arrays[0]), *arrays, outer, classes, inner)


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
        total += exp_nonpositive(x[uint32(start + c * inner)] - largest)
        c = int32(c + 1)
    return total


@cuda.jit(cache=True)
def softmax_rows_kernel(x, y, vectors, classes, count):
    """y_c = math.exp(x_c - max) / sum_c math.exp(x_c - max); x and y (count, classes)."""
    row, start, first = row_and_class(classes)
    if row >= count:
        return
    largest, total = sum_exponentials(x, start, first, classes, vectors)
    c = first
    while c < classes:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, ZERO)
        y0, y1, y2, y3 = math.exp(x0 - largest), math.exp(x1 - largest), math.exp(x2 - largest), math.exp(x3 - largest)
        store_classes(y, start, c, classes, vectors, (y0 / total, y1 / total, y2 / total, y3 / total))
        c = int32(c + CLASSES_PER_STEP)


@cuda.jit(cache=True)
def softmax_grad_rows_kernel(dy, x, dx, vectors, classes, count):
    """dx_c = y_c (dy_c - sum_j dy_j y_j); dy, x and dx (count, classes)."""
    row, start, first = row_and_class(classes)
    if row >= count:
        return
    largest, total = sum_exponentials(x, start, first, classes, vectors)
    product, c = x.dtype.type(0), first
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, largest)
        y0, y1, y2, y3 = math.exp(x0 - largest), math.exp(x1 - largest), math.exp(x2 - largest), math.exp(x3 - largest)
        product += (d0 * (y0 / total) + d1 * (y1 / total)) + (d2 * (y2 / total) + d3 * (y3 / total))
        c = int32(c + CLASSES_PER_STEP)
    product, c, f = warp_sum(product), first, scalar.softmax_grad
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, largest)
        y0, y1, y2, y3 = math.exp(x0 - largest), math.exp(x1 - largest), math.exp(x2 - largest), math.exp(x3 - largest)
        dx0, dx1 = f(d0, y0 / total, product), f(d1, y1 / total, product)
        values = dx0, dx1, f(d2, y2 / total, product), f(d3, y3 / total, product)
        store_classes(dx, start, c, classes, vectors, values)
        c = int32(c + CLASSES_PER_STEP)


@cuda.jit(cache=True)
def log_softmax_rows_kernel(x, y, vectors, classes, count):
    """y_c = (x_c - max) - log sum_j math.exp(x_j - max); x and y (count, classes)."""
    row, start, first = row_and_class(classes)
    if row >= count:
        return
    largest, total = sum_exponentials(x, start, first, classes, vectors)
    log_total, c = x.dtype.type(math.log(total)), first
    while c < classes:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, ZERO)
        y0, y1 = x0 - largest - log_total, x1 - largest - log_total
        store_classes(y, start, c, classes, vectors, (y0, y1, x2 - largest - log_total, x3 - largest - log_total))
        c = int32(c + CLASSES_PER_STEP)


@cuda.jit(cache=True)
def log_softmax_grad_rows_kernel(dy, x, dx, vectors, classes, count):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j; dy, x and dx (count, classes)."""
    row, start, first = row_and_class(classes)
    if row >= count:
        return
    largest, total = sum_exponentials(x, start, first, classes, vectors)
    mass, c = x.dtype.type(0), first
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        mass += (d0 + d1) + (d2 + d3)
        c = int32(c + CLASSES_PER_STEP)
    mass, c = warp_sum(mass) / total, first
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, largest)
        dx0, dx1 = d0 - mass * math.exp(x0 - largest), d1 - mass * math.exp(x1 - largest)
        values = dx0, dx1, d2 - mass * math.exp(x2 - largest), d3 - mass * math.exp(x3 - largest)
        store_classes(dx, start, c, classes, vectors, values)
        c = int32(c + CLASSES_PER_STEP)


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
        y[j] = exp_nonpositive(x[j] - largest) / total
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
        product += dy[j] * exp_nonpositive(x[j] - largest) / total
        c = int32(c + 1)
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        dx[j] = scalar.softmax_grad(dy[j], exp_nonpositive(x[j] - largest) / total, product)
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
        dx[j] = dy[j] - mass * exp_nonpositive(x[j] - largest)
        c = int32(c + 1)
