"""Softmax and log-softmax on CUDA; x is (outer, classes, inner).

Where inner is 1 a row's classes are contiguous and a warp takes it (cuda/warp_rows.py); otherwise a thread takes a row,
next to its neighbours'. Bytes a launch: x twice (dy too for a gradient), the second time from the cache where a row
fits, and the result once.
"""

import math

from ...core.scalar import added, corrected
from ...core.scalar_math import ONE, ZERO, exp_nonpositive
from ...cuda.launch import cuda, each, int32, uint32
from ...cuda.warp_rows import (
    CLASSES_PER_STEP,
    LOWEST,
    launch_warp_rows,
    load_classes,
    row_and_class,
    store_classes,
    sum_exponentials,
    warp_sum,
)
from .. import scalar
from .class_rows import row_maximum, row_rest, row_start


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
    maximum, rest = sum_exponentials(x, start, first, classes, vectors)
    total, c = ONE + rest, first
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
    maximum, rest = sum_exponentials(x, start, first, classes, vectors)
    # sum_j dy_j y_j without the top class, and dy of that
    zero, total, lowest, c, top = x.dtype.type(0), ONE + rest, x.dtype.type(LOWEST), first, scalar.top_power(rest)
    product, error, of_top = zero, zero, zero
    while c < classes:
        d = load_classes(dy, start, c, classes, vectors, ZERO)
        v = load_classes(x, start, c, classes, vectors, lowest)
        p0, p1, p2, p3 = (
            math.exp(v[0] - maximum),
            math.exp(v[1] - maximum),
            math.exp(v[2] - maximum),
            math.exp(v[3] - maximum),
        )
        n0, n1, n2, n3 = p0 == top, p1 == top, p2 == top, p3 == top
        left = (zero if n0 else d[0] * (p0 / total)) + (zero if n1 else d[1] * (p1 / total))
        right = (zero if n2 else d[2] * (p2 / total)) + (zero if n3 else d[3] * (p3 / total))
        product, error = added(product, error, left + right)
        of_top += ((d[0] if n0 else zero) + (d[1] if n1 else zero)) + ((d[2] if n2 else zero) + (d[3] if n3 else zero))
        c = int32(c + CLASSES_PER_STEP)
    product = warp_sum(corrected(product, error))
    products = product, product + warp_sum(of_top) / total
    # dx = y (dy - sum_j dy_j y_j)
    others, c, f = rest / total, first, scalar.softmax_grad
    while c < classes:
        d = load_classes(dy, start, c, classes, vectors, ZERO)
        v = load_classes(x, start, c, classes, vectors, maximum)
        p0, p1, p2, p3 = (
            math.exp(v[0] - maximum),
            math.exp(v[1] - maximum),
            math.exp(v[2] - maximum),
            math.exp(v[3] - maximum),
        )
        dx0, dx1 = f(d[0], p0, top, total, products, others), f(d[1], p1, top, total, products, others)
        dx2, dx3 = f(d[2], p2, top, total, products, others), f(d[3], p3, top, total, products, others)
        store_classes(dx, start, c, classes, vectors, (dx0, dx1, dx2, dx3))
        c = int32(c + CLASSES_PER_STEP)


@cuda.jit(cache=True)
def log_softmax_rows_kernel(x, y, vectors, classes, rows):
    """y_c = (x_c - max) - log sum_j exp(x_j - max); x and y (rows, classes)."""
    row, start, first = row_and_class(classes)
    if row >= rows:
        return
    maximum, rest = sum_exponentials(x, start, first, classes, vectors)
    log_total, c = x.dtype.type(math.log1p(rest)), first
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
    maximum, rest = sum_exponentials(x, start, first, classes, vectors)
    # sum_j dy_j
    mass, error, c = x.dtype.type(0), x.dtype.type(0), first
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        mass, error = added(mass, error, (d0 + d1) + (d2 + d3))
        c = int32(c + CLASSES_PER_STEP)
    mass, total = warp_sum(corrected(mass, error)), ONE + rest
    # dx = dy - softmax(x) sum_j dy_j
    per_power, others, top, c = mass / total, mass * (rest / total), scalar.top_power(rest), first
    f = scalar.log_softmax_grad
    while c < classes:
        d0, d1, d2, d3 = load_classes(dy, start, c, classes, vectors, ZERO)
        x0, x1, x2, x3 = load_classes(x, start, c, classes, vectors, maximum)
        p0, p1, p2, p3 = math.exp(x0 - maximum), math.exp(x1 - maximum), math.exp(x2 - maximum), math.exp(x3 - maximum)
        dx0, dx1 = f(d0, p0, top, mass, per_power, others), f(d1, p1, top, mass, per_power, others)
        dx2, dx3 = f(d2, p2, top, mass, per_power, others), f(d3, p3, top, mass, per_power, others)
        store_classes(dx, start, c, classes, vectors, (dx0, dx1, dx2, dx3))
        c = int32(c + CLASSES_PER_STEP)


@cuda.jit(cache=True)
def softmax_kernel(x, y, outer, classes, inner):
    """y_c = exp(x_c - max) / sum_j exp(x_j - max); x and y (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    maximum = row_maximum(x, start, classes, inner)
    total = ONE + row_rest(x, start, classes, inner, maximum)
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
    start, zero = row_start(i, classes, inner), x.dtype.type(0)
    maximum = row_maximum(x, start, classes, inner)
    rest = row_rest(x, start, classes, inner, maximum)
    # sum_j dy_j y_j without the top class, and dy of that
    total, product, error, of_top, top = ONE + rest, zero, zero, zero, scalar.top_power(rest)
    c = int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        power = exp_nonpositive(x[j] - maximum)
        won = power == top
        product, error = added(product, error, zero if won else dy[j] * (power / total))
        of_top += dy[j] if won else zero
        c = int32(c + 1)
    product = corrected(product, error)
    products = product, product + of_top / total
    # dx = y (dy - sum_j dy_j y_j)
    others, c = rest / total, int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        dx[j] = scalar.softmax_grad(dy[j], exp_nonpositive(x[j] - maximum), top, total, products, others)
        c = int32(c + 1)


@cuda.jit(cache=True)
def log_softmax_kernel(x, y, outer, classes, inner):
    """y_c = (x_c - max) - log sum_j exp(x_j - max); x and y (outer, classes, inner)."""
    i = uint32(cuda.grid(1))
    if i >= outer * inner:
        return
    start = row_start(i, classes, inner)
    maximum = row_maximum(x, start, classes, inner)
    log_total = x.dtype.type(math.log1p(row_rest(x, start, classes, inner, maximum)))
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
    rest = row_rest(x, start, classes, inner, maximum)
    # sum_j dy_j
    mass, error, c = x.dtype.type(0), x.dtype.type(0), int32(0)
    while c < classes:
        mass, error = added(mass, error, dy[uint32(start + c * inner)])
        c = int32(c + 1)
    mass, total = corrected(mass, error), ONE + rest
    # dx = dy - softmax(x) sum_j dy_j
    per_power, others, top, c = mass / total, mass * (rest / total), scalar.top_power(rest), int32(0)
    while c < classes:
        j = uint32(start + c * inner)
        dx[j] = scalar.log_softmax_grad(dy[j], exp_nonpositive(x[j] - maximum), top, mass, per_power, others)
        c = int32(c + 1)
