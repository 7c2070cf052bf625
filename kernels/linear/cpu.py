"""The fully connected layer on the CPU: three matrix products."""

from ..cpu import gemm, pair_gemm
from ..cpu.parallel import share, streaming
from ..cpu.reduce import sum_columns

FEW_ROWS = 4
"""Of x, up to which the weight gradient is bound by storing dw (Granite Rapids, 2026-11)."""


def takes_half(rows, columns, length):
    """Whether a product of bfloat16 arrays, of so many rows, columns and terms, is computed without converting them."""
    return pair_gemm.is_profitable(rows, columns, length)


def _multiply(a, b, bias, c, **options):
    """C = A B + bias."""
    (pair_gemm if c.dtype.itemsize == 2 else gemm).multiply(a, b, bias, c, **options)


def linear(x, w, b, y):
    """y[m, k] = sum_c x[m, c] w[k, c] + b[k]: Y = X W^T."""
    _multiply(x, w, b, y, transposed_b=True)


def linear_input_grad(dy, w, dx):
    """dx[m, c] = sum_k dy[m, k] w[k, c]: dX = dY W."""
    _multiply(dy, w, None, dx)


def linear_weight_grad(x, dy, dw):
    """dw[k, c] = sum_m dy[m, k] x[m, c]: dW = dY^T X."""
    if x.shape[0] == 0:
        dw[...] = 0
        return
    if x.shape[0] <= FEW_ROWS and dw.dtype.itemsize != 2:
        _add_outer_products(dw.shape[0], dw.size * x.shape[0], x, dy, dw)
        return
    _multiply(dy, x, None, dw, transposed_a=True)


def linear_bias_grad(dy, db):
    """db[k] = sum_m dy[m, k]."""
    sum_columns(dy.reshape(*dy.shape, 1), db)


@streaming
def _add_outer_products(x, dy, dw, thread, threads):
    """dw = the sum of the outer products of dy's and x's few rows; a thread takes rows of dw. Bytes: dw once."""
    first, last = share(dw.shape[0], thread, threads)
    for k in range(first, last):
        target = dw[k]
        for m in range(x.shape[0]):
            factor, row = dy[m, k], x[m]
            if m == 0:
                for c in range(target.size):
                    target[c] = factor * row[c]
            else:
                for c in range(target.size):
                    target[c] += factor * row[c]
