"""Rows of classes on CUDA for kernels with a thread a row, where neighbouring rows are neighbours in memory.

x is flat (outer, classes, inner); row i holds x[start + c inner] with start = row_start(i, classes, inner).
"""

from ...core.scalar import added, corrected
from ...core.scalar_math import NAN, ONE, ZERO, exp_nonpositive
from ...cuda.launch import cuda, int32, uint32


@cuda.jit(device=True, inline="always")
def row_start(i, classes, inner):
    """Offset of row i's first class in x (outer, classes, inner)."""
    return uint32(uint32(i // uint32(inner)) * uint32(classes * inner) + i % uint32(inner))


@cuda.jit(device=True, inline="always")
def row_maximum(x, start, classes, inner):
    """max_c x[start + c inner]."""
    maximum = x[start]
    c = int32(1)
    while c < classes:
        maximum = max(maximum, x[uint32(start + c * inner)])
        c = int32(c + 1)
    return maximum


@cuda.jit(device=True, inline="always")
def row_rest(x, start, classes, inner, maximum):
    """sum_c exp(x[start + c inner] - maximum), less 1 for a class that is the maximum.

    Where the others are all but nothing, the logarithm and 1 - softmax need what the whole sum would lose.
    """
    total, error, winners = ZERO, ZERO, ZERO
    c = int32(0)
    while c < classes:
        difference = x[uint32(start + c * inner)] - maximum
        won = difference == ZERO
        total, error = added(total, error, ZERO if won else exp_nonpositive(difference))
        winners += ONE if won else ZERO
        c = int32(c + 1)
    return corrected(total, error) + (winners - ONE)


@cuda.jit(device=True, inline="always")
def class_weight(c, weight, has_weight):
    """weight[c], or 1 without weights."""
    return weight[uint32(c)] if has_weight else ONE


@cuda.jit(device=True, inline="always")
def label_weight(label, classes, weight, has_weight):
    """A label's weight; NaN if it is no class, which makes its loss and gradient NaN."""
    if label < 0 or label >= classes:
        return NAN
    return class_weight(label, weight, has_weight)


@cuda.jit(device=True, inline="always")
def class_offset(label, classes):
    """The label as an offset into its row, 0 if it is no class: nothing is read out of bounds."""
    return int32(label) if 0 <= label < classes else int32(0)


def class_weights(x, weight):
    """(weights of the classes, 1), or (any array, 0) for None: one kernel takes both."""
    return (x.reshape(-1)[:1], 0) if weight is None else (weight, 1)
