"""Addition and concatenation on CUDA. Bytes a launch: every operand and the result once."""

from ..cuda.launch import cuda, each, uint32
from ..cuda.vectorized import FOUR, launch_vectorized, load4, scalar_index, store4


def add(a, b, y):
    """y[i] = a[i] + b[i]."""
    launch_vectorized(add_kernel, (a, b, y))


def copy_columns(x, first, y, start, columns):
    """y[:, start + i] = x[:, first + i] for i < columns; x and y are matrices of as many rows."""
    each(copy_columns_kernel, x.shape[0] * columns, x, first, y, start, columns, x.shape[0], x.shape[1], y.shape[1])


@cuda.jit(cache=True)
def add_kernel(a, b, y, vectors):
    """y[i] = a[i] + b[i]."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        (a0, a1, a2, a3), (b0, b1, b2, b3) = load4(a, j), load4(b, j)
        store4(y, j, (a0 + b0, a1 + b1, a2 + b2, a3 + b3))
        return
    j = scalar_index(i, vectors)
    if j < y.size:
        y[j] = a[j] + b[j]


@cuda.jit(cache=True)
def copy_columns_kernel(x, first, y, start, columns, rows, x_columns, y_columns):
    """y[r, start + c] = x[r, first + c]; x (rows, x_columns), y (rows, y_columns); thread r * columns + c."""
    i = uint32(cuda.grid(1))
    if i >= uint32(rows * columns):
        return
    row, column = uint32(i // uint32(columns)), uint32(i % uint32(columns))
    source = uint32(row * uint32(x_columns) + uint32(first) + column)
    y[uint32(row * uint32(y_columns) + uint32(start) + column)] = x[source]
