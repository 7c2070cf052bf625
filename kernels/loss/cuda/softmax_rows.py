"""Softmax and log-softmax on CUDA; x is (outer, classes, inner).

Where inner is 1 a row's classes are contiguous and a warp takes it (cuda/warp_rows.py); otherwise a thread takes a row,
next to its neighbours'. Bytes a launch: x twice (dy too for a gradient), the second time from the cache where a row
fits, and the result once.
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
from .class_rows import row_exponential_sum, row_maximum, row_start


def softmax(x, y):
    """y_c = exp(x_c - max) / sum_j exp(x_j - max)."""
    _launch_over_rows(softmax_rows_kernel, softmax_kernel, x, y)


def softmax_grad(dy, x, dx):
    """dx_c = y_c (dy_c - sum_j dy_j y_j), y = softmax(x)."""
    _launch_over_rows(softmax_grad_rows_kernel, softmax_grad_kernel, dy, x, dx)


def log_softmax(x, y):
    """y_c = (x_c - max) - log sum_j exp(x_j - max)."""
    _launch_over_rows(log_softmax_rows_kernel, log_softmax_kernel, x, y)


def log_softmax_grad(dy, x, dx):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j."""
    _launch_over_rows(log_softmax_grad_rows_kernel, log_softmax_grad_kernel, dy, x, dx)


def _launch_over_rows(warp_kernel, thread_kernel, *arrays):
    """A warp a row where the classes of a row are contiguous, else a thread a row."""
    outer, classes, inner = arrays[0].shape
    if inner == 1 and arrays[0].size:
        launch_warp_rows(warp_kernel, [a.reshape(outer, classes) for a in arrays], outer)
    elif arrays[0].size:  # a kernel reads the first class unconditionally
        each(thread_kernel, outer * inner, *arrays, outer, classes, inner)


@cuda.jit(cache=True)
def softmax_rows_kernel(x, y, vectors, classes, rows):
    """y_c = exp(x_c - max) / sum_j exp(x_j - max); x and y (rows, classes)."""
    row, start, first = row_and_class(classes)
    if row >= rows:
        return
    maximum, total = sum_exponentials(x, start, first, classes, vectors)
    c = first
    while c < classes:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, ZERO)
        y0, y1, y2, y3 = math.exp(x0 - maximum), math.exp(x1 - maximum), math.exp(x2 - maximum), math.exp(x3 - maximum)
        store_classes(y, start, c, classes, vectors, (y0 / total, y1 / total, y2 / total, y3 / total))
        c = int32(c + CLASSES_PER_STEP)


@cuda.jit(cache=True)
def softmax_grad_rows_kernel(dy, x, dx, vectors, classes, rows):
    """dx_c = y_c (dy_c - sum_j dy_j y_j); dy, x and dx (rows, classes)."""
    row, start, first = row_and_class(classes)
    if row >= rows:
        return
    maximum, total = sum_exponentials(x, start, first, classes, vectors)
    # sum_j dy_j y_j
    product, c = x.dtype.type(0), first
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, maximum)
        y0, y1, y2, y3 = math.exp(x0 - maximum), math.exp(x1 - maximum), math.exp(x2 - maximum), math.exp(x3 - maximum)
        product += (d0 * (y0 / total) + d1 * (y1 / total)) + (d2 * (y2 / total) + d3 * (y3 / total))
        c = int32(c + CLASSES_PER_STEP)
    # dx = y (dy - sum_j dy_j y_j)
    product, c, f = warp_sum(product), first, scalar.softmax_grad
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, maximum)
        y0, y1, y2, y3 = math.exp(x0 - maximum), math.exp(x1 - maximum), math.exp(x2 - maximum), math.exp(x3 - maximum)
        dx0, dx1 = f(d0, y0 / total, product), f(d1, y1 / total, product)
        values = dx0, dx1, f(d2, y2 / total, product), f(d3, y3 / total, product)
        store_classes(dx, start, c, classes, vectors, values)
        c = int32(c + CLASSES_PER_STEP)


@cuda.jit(cache=True)
def log_softmax_rows_kernel(x, y, vectors, classes, rows):
    """y_c = (x_c - max) - log sum_j exp(x_j - max); x and y (rows, classes)."""
    row, start, first = row_and_class(classes)
    if row >= rows:
        return
    maximum, total = sum_exponentials(x, start, first, classes, vectors)
    log_total, c = x.dtype.type(math.log(total)), first
    while c < classes:
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, ZERO)
        y0, y1 = x0 - maximum - log_total, x1 - maximum - log_total
        store_classes(y, start, c, classes, vectors, (y0, y1, x2 - maximum - log_total, x3 - maximum - log_total))
        c = int32(c + CLASSES_PER_STEP)


@cuda.jit(cache=True)
def log_softmax_grad_rows_kernel(dy, x, dx, vectors, classes, rows):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j; dy, x and dx (rows, classes)."""
    row, start, first = row_and_class(classes)
    if row >= rows:
        return
    maximum, total = sum_exponentials(x, start, first, classes, vectors)
    # sum_j dy_j
    mass, c = x.dtype.type(0), first
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        mass += (d0 + d1) + (d2 + d3)
        c = int32(c + CLASSES_PER_STEP)
    # dx = dy - softmax(x) sum_j dy_j
    mass, c = warp_sum(mass) / total, first
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, maximum)
        dx0, dx1 = d0 - mass * math.exp(x0 - maximum), d1 - mass * math.exp(x1 - maximum)
        values = dx0, dx1, d2 - mass * math.exp(x2 - maximum), d3 - mass * math.exp(x3 - maximum)
        store_classes(dx, start, c, classes, vectors, values)
        c = int32(c + CLASSES_PER_STEP)


@cuda.jit(cache=True)
def softmax_kernel(x, y, outer, classes, inner):
    """y_c = exp(x_c - max) / sum_j exp(x_j - max); x and y (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    maximum = row_maximum(x, start, classes, inner)
    total = row_exponential_sum(x, start, classes, inner, maximum)
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        y[j] = exp_nonpositive(x[j] - maximum) / total
        c = int32(c + 1)


@cuda.jit(cache=True)
def softmax_grad_kernel(dy, x, dx, outer, classes, inner):
    """dx_c = y_c (dy_c - sum_j dy_j y_j); dy, x and dx (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    maximum = row_maximum(x, start, classes, inner)
    total = row_exponential_sum(x, start, classes, inner, maximum)
    product = ZERO
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        product += dy[j] * exp_nonpositive(x[j] - maximum) / total
        c = int32(c + 1)
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        dx[j] = scalar.softmax_grad(dy[j], exp_nonpositive(x[j] - maximum) / total, product)
        c = int32(c + 1)


@cuda.jit(cache=True)
def log_softmax_kernel(x, y, outer, classes, inner):
    """y_c = (x_c - max) - log sum_j exp(x_j - max); x and y (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    maximum = row_maximum(x, start, classes, inner)
    log_total = x.dtype.type(math.log(row_exponential_sum(x, start, classes, inner, maximum)))
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        y[j] = x[j] - maximum - log_total
        c = int32(c + 1)


@cuda.jit(cache=True)
def log_softmax_grad_kernel(dy, x, dx, outer, classes, inner):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j; dy, x and dx (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    maximum = row_maximum(x, start, classes, inner)
    total = row_exponential_sum(x, start, classes, inner, maximum)
    mass = ZERO
    c = int32(0)
    while c < classes:
        mass += dy[uint32(start + c * inner)]
        c = int32(c + 1)
    mass = mass / total
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        dx[j] = dy[j] - mass * exp_nonpositive(x[j] - maximum)
        c = int32(c + 1)
