"""Joining arrays on CUDA: a thread for each element. Bytes a launch: what is joined once, and the result."""

from .launch import cuda, each, uint32


def add(a, b, y):
    """y[i] = a[i] + b[i]."""
    each(add_kernel, y.size, a, b, y)


def copy_columns(x, first, y, start, columns):
    """y[:, start + i] = x[:, first + i] for i < columns; x and y are matrices of as many rows."""
    each(copy_columns_kernel, x.shape[0] * columns, x, first, y, start, columns, x.shape[0], x.shape[1], y.shape[1])


@cuda.jit(cache=True)
def add_kernel(a, b, y):
    """y[i] = a[i] + b[i]."""
    i = uint32(cuda.grid(1))
    if i < y.size:
        y[i] = a[i] + b[i]


@cuda.jit(cache=True)
def copy_columns_kernel(x, first, y, start, columns, rows, x_columns, y_columns):
    """y[r, start + c] = x[r, first + c]; x (rows, x_columns), y (rows, y_columns); thread r * columns + c."""
    i = uint32(cuda.grid(1))
    if i >= uint32(rows * columns):
        return
    row, column = uint32(i // uint32(columns)), uint32(i % uint32(columns))
    source = uint32(row * uint32(x_columns) + uint32(first) + column)
    y[uint32(row * uint32(y_columns) + uint32(start) + column)] = x[source]
