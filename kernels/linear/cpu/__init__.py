"""The fully connected layer on the CPU: three matrix products."""

from ...cpu import gemm, pair_gemm
from ...cpu.reduce import sum_columns
from . import skinny


def takes_half(rows, columns, length):
    """Whether a product of bfloat16 arrays, of so many rows, columns and terms, is computed without converting them."""
    return pair_gemm.is_profitable(rows, columns, length)


def _multiply(a, b, bias, c, **options):
    """C = A B + bias."""
    (pair_gemm if c.dtype.itemsize == 2 else gemm).multiply(a, b, bias, c, **options)


def linear(x, w, b, y):
    """y[m, k] = sum_c x[m, c] w[k, c] + b[k]: Y = X W^T."""
    if skinny.has_few_units(x, w):
        skinny.inner_products(x, w, b, y)
        return
    _multiply(x, w, b, y, transposed_b=True)


def linear_input_grad(dy, w, dx):
    """dx[m, c] = sum_k dy[m, k] w[k, c]: dX = dY W."""
    if skinny.has_few_terms(dx, dy.shape[1]):
        skinny.combine_rows(dx.shape[0], dx.size * dy.shape[1], dy, w, dx)
        return
    _multiply(dy, w, None, dx)


def linear_weight_grad(x, dy, dw):
    """dw[k, c] = sum_m dy[m, k] x[m, c]: dW = dY^T X."""
    if x.shape[0] == 0:
        dw[...] = 0
        return
    if skinny.has_few_terms(dw, x.shape[0]):
        skinny.combine_rows(dw.shape[0], dw.size * x.shape[0], dy.T.copy(), x, dw)
        return
    if skinny.has_few_rows(dw):
        skinny.weighted_row_sums(dw.shape[1] // skinny.TASK_COLUMNS, x.size * dw.shape[0], x, dy, dw)
        return
    _multiply(dy, x, None, dw, transposed_a=True)


def linear_bias_grad(dy, db):
    """db[k] = sum_m dy[m, k]."""
    sum_columns(dy.reshape(*dy.shape, 1), db)
