"""One row of classes at a time, in contiguous memory of its own: what softmax and cross-entropy have in common.

A row is copied first, so that the loops below run over contiguous memory whichever axis the classes lie along.
"""

import numpy as np
from llvmlite import ir
from numba import njit
from numba.extending import intrinsic

from ..scalar_math import exp


@intrinsic
def _maximum(typingctx, a, b):
    """The larger of two, NaN if either is: unlike max, LLVM makes vectors of a chain of these."""

    def codegen(context, builder, signature, arguments):
        kind = arguments[0].type
        name = f"llvm.maximum.{kind.intrinsic_name}"
        function = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(kind, (kind, kind)), name
        )
        return builder.call(function, arguments)

    return a(a, b), codegen


@njit(cache=True, nogil=True)
def largest_of(row):
    """The largest element; NaN if one is."""
    largest = row[0]
    for c in range(1, row.size):
        largest = _maximum(largest, row[c])
    return largest


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def sum_of_row(row):
    """The sum of a row; the order depends on nothing but its length."""
    total = row.dtype.type(0)
    for c in range(row.size):
        total += row[c]
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def product_of_rows(a, b):
    """The inner product of two rows."""
    total = a.dtype.type(0)
    for c in range(a.size):
        total += a[c] * b[c]
    return total


@njit(inline="always")
def place(i, classes, inner):
    """Where row i of a flat array (outer, classes, inner) begins."""
    return np.uint64(i // inner * classes * inner + i % inner)


@njit(cache=True, nogil=True)
def load(x, start, inner, row):
    """row[c] = x[start + c inner]."""
    if inner == 1:  # a loop of its own, of which LLVM makes vectors
        for c in range(row.size):
            row[c] = x[start + np.uint64(c)]
    else:
        for c in range(row.size):
            row[c] = x[start + np.uint64(c * inner)]


@njit(cache=True, nogil=True)
def store(row, x, start, inner):
    """x[start + c inner] = row[c]."""
    if inner == 1:
        for c in range(row.size):
            x[start + np.uint64(c)] = row[c]
    else:
        for c in range(row.size):
            x[start + np.uint64(c * inner)] = row[c]


@njit(cache=True, nogil=True)
def exponentials(row, result):
    """result = exp(row - max), in memory of its own or LLVM cannot make vectors of it; their sum, and the maximum."""
    largest = largest_of(row)
    for c in range(row.size):
        result[c] = exp(row[c] - largest)
    return sum_of_row(result), largest
