"""Softmax and its logarithm on the CPU; x is viewed as (outer, classes, inner) and each row of classes is one problem.

Bytes a call: 2 x.nbytes forward, 3 x.nbytes for a gradient. FLOPs: some 30 an element, in vectors.
"""

import math

import numpy as np

from ...cpu.parallel import share, streaming
from .rows import exponentials, load, place, product_of_rows, store, sum_of_row

EXPONENTIAL = 4  # an element whose exponential is taken costs as much as so many that are copied (Zen 3, 2026-11)


def softmax(x, y):
    """y_c = exp(x_c - max) / sum_j exp(x_j - max)."""
    _each_row(_softmax, x, y)


def softmax_grad(dy, x, dx):
    """dx_c = y_c (dy_c - sum_j dy_j y_j), y = softmax(x)."""
    _each_row(_softmax_grad, x, dx, dy)


def log_softmax(x, y):
    """y_c = (x_c - max) - log sum_j exp(x_j - max)."""
    _each_row(_log_softmax, x, y)


def log_softmax_grad(dy, x, dx):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j."""
    _each_row(_log_softmax_grad, x, dx, dy)


def _each_row(kernel, x, *arrays):
    """Launch a kernel over the rows, if they have elements."""
    outer, classes, inner = x.shape
    if x.size:
        flat = (a.reshape(-1) for a in (x, *arrays))
        kernel(outer * inner, EXPONENTIAL * x.size, *flat, outer * inner, classes, inner)


@streaming
def _softmax(x, y, rows, classes, inner, thread, threads):
    row, powers = np.empty(classes, x.dtype), np.empty(classes, x.dtype)
    first, last = share(rows, thread, threads)
    for i in range(first, last):
        start = place(i, classes, inner)
        load(x, start, inner, row)
        total, _ = exponentials(row, powers)
        for c in range(classes):
            row[c] = powers[c] / total
        store(row, y, start, inner)


@streaming
def _softmax_grad(x, dx, dy, rows, classes, inner, thread, threads):
    row, powers, gradient = np.empty(classes, x.dtype), np.empty(classes, x.dtype), np.empty(classes, x.dtype)
    first, last = share(rows, thread, threads)
    for i in range(first, last):
        start = place(i, classes, inner)
        load(x, start, inner, row)
        load(dy, start, inner, gradient)
        total, _ = exponentials(row, powers)
        product = product_of_rows(gradient, powers) / total
        for c in range(classes):
            row[c] = powers[c] / total * (gradient[c] - product)
        store(row, dx, start, inner)


@streaming
def _log_softmax(x, y, rows, classes, inner, thread, threads):
    row, powers = np.empty(classes, x.dtype), np.empty(classes, x.dtype)
    first, last = share(rows, thread, threads)
    for i in range(first, last):
        start = place(i, classes, inner)
        load(x, start, inner, row)
        total, largest = exponentials(row, powers)
        log_total = x.dtype.type(math.log(total))
        for c in range(classes):
            powers[c] = row[c] - largest - log_total
        store(powers, y, start, inner)


@streaming
def _log_softmax_grad(x, dx, dy, rows, classes, inner, thread, threads):
    row, powers, gradient = np.empty(classes, x.dtype), np.empty(classes, x.dtype), np.empty(classes, x.dtype)
    first, last = share(rows, thread, threads)
    for i in range(first, last):
        start = place(i, classes, inner)
        load(x, start, inner, row)
        load(dy, start, inner, gradient)
        total, _ = exponentials(row, powers)
        mass = sum_of_row(gradient) / total
        for c in range(classes):
            row[c] = gradient[c] - mass * powers[c]
        store(row, dx, start, inner)
