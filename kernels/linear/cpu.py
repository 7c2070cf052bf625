"""The fully connected layer on the CPU: three matrix products."""

from ..cpu import gemm, pair_gemm
from ..cpu.reduce import sum_columns


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
    _multiply(dy, x, None, dw, transposed_a=True)


def linear_bias_grad(dy, db):
    """db[k] = sum_m dy[m, k]."""
    sum_columns(dy.reshape(*dy.shape, 1), db)
