"""Softmax and log-softmax on the CPU; x is (outer, classes, inner), a thread takes whole rows of classes.

Bytes a call: 2 x.nbytes forward, 3 x.nbytes for a gradient. FLOPs: some 30 an element, in vectors.
"""

from ...core.scalar_math import ZERO
from ...cpu.parallel import share, streaming
from ...cpu.reduce import sum_in_blocks
from ...cpu.wide import wide_vectors
from .. import scalar
from . import softmax_blocks
from .class_blocks import takes_blocks
from .class_rows import (
    ELEMENTS_PER_EXPONENTIAL,
    exponentials,
    load_row,
    log_of_total,
    product_of_differences,
    row_start,
    scratch_row,
    store_row,
    value_of_winners,
)


def softmax(x, y):
    """y_c = exp(x_c - max) / sum_j exp(x_j - max)."""
    _launch_over_rows(_softmax, softmax_blocks.softmax, x, y)


def softmax_grad(dy, x, dx):
    """dx_c = y_c (dy_c - sum_j dy_j y_j), y = softmax(x)."""
    _launch_over_rows(_softmax_grad, softmax_blocks.softmax_grad, x, dx, dy)


def log_softmax(x, y):
    """y_c = (x_c - max) - log sum_j exp(x_j - max)."""
    _launch_over_rows(_log_softmax, softmax_blocks.log_softmax, x, y)


def log_softmax_grad(dy, x, dx):
    """dx_c = dy_c - softmax(x)_c sum_j dy_j."""
    _launch_over_rows(_log_softmax_grad, softmax_blocks.log_softmax_grad, x, dx, dy)


def _launch_over_rows(kernel, blocks_kernel, x, *arrays):
    """Launch a kernel(x, *arrays, rows, classes, inner) with flat arrays; nothing to do where x is empty."""
    outer, classes, inner = x.shape
    if takes_blocks(classes, inner):
        kernel = blocks_kernel
    if x.size:
        flat = (a.reshape(-1) for a in (x, *arrays))
        kernel(outer * inner, ELEMENTS_PER_EXPONENTIAL * x.size, *flat, outer * inner, classes, inner)


@streaming
def _softmax(x, y, rows, classes, inner, thread, threads):
    wide_vectors()
    row, powers = scratch_row(classes, x), scratch_row(classes, x)
    first, last = share(rows, thread, threads)
    for i in range(first, last):
        start = row_start(i, classes, inner)
        load_row(x, start, classes, inner, row, x[start])
        rest, _ = exponentials(row, classes, powers)
        scale = x.dtype.type(1.0 / (1.0 + rest))
        for c in range(row.size):
            row[c] = powers[c] * scale
        store_row(row, classes, y, start, inner)


@streaming
def _softmax_grad(x, dx, dy, rows, classes, inner, thread, threads):
    wide_vectors()
    row, powers, gradient = scratch_row(classes, x), scratch_row(classes, x), scratch_row(classes, x)
    first, last = share(rows, thread, threads)
    for i in range(first, last):
        start = row_start(i, classes, inner)
        load_row(x, start, classes, inner, row, x[start])
        load_row(dy, start, classes, inner, gradient, ZERO)
        rest, _ = exponentials(row, classes, powers)
        # differences from dy of the largest class, of which a softmax near 1 leaves no digits otherwise
        reference, scale = x.dtype.type(value_of_winners(powers, gradient)), x.dtype.type(1.0 / (1.0 + rest))
        product = x.dtype.type(product_of_differences(gradient, reference, powers) / (1.0 + rest))
        for c in range(row.size):
            row[c] = powers[c] * scale * ((gradient[c] - reference) - product)
        store_row(row, classes, dx, start, inner)


@streaming
def _log_softmax(x, y, rows, classes, inner, thread, threads):
    wide_vectors()
    row, powers = scratch_row(classes, x), scratch_row(classes, x)
    first, last = share(rows, thread, threads)
    for i in range(first, last):
        start = row_start(i, classes, inner)
        load_row(x, start, classes, inner, row, x[start])
        rest, maximum = exponentials(row, classes, powers)
        log_total = log_of_total(rest, x)
        for c in range(row.size):
            powers[c] = row[c] - maximum - log_total
        store_row(powers, classes, y, start, inner)


@streaming
def _log_softmax_grad(x, dx, dy, rows, classes, inner, thread, threads):
    wide_vectors()
    row, powers, gradient = scratch_row(classes, x), scratch_row(classes, x), scratch_row(classes, x)
    first, last = share(rows, thread, threads)
    for i in range(first, last):
        start = row_start(i, classes, inner)
        load_row(x, start, classes, inner, row, x[start])
        load_row(dy, start, classes, inner, gradient, ZERO)
        rest, _ = exponentials(row, classes, powers)
        # of the top class softmax - 1 is formed from the others: softmax itself may be 1
        sum_dy = sum_in_blocks(gradient)
        mass, others = x.dtype.type(sum_dy / (1.0 + rest)), x.dtype.type(sum_dy * (rest / (1.0 + rest)))
        sum_dy, top = x.dtype.type(sum_dy), scalar.top_power(rest)
        for c in range(row.size):
            row[c] = scalar.log_softmax_grad(gradient[c], powers[c], top, sum_dy, mass, others)
        store_row(row, classes, dx, start, inner)
