"""The fully connected layer on the CPU: three matrix products."""

from ..cpu.gemm import multiply
from ..cpu.reduce import sum_columns


def linear(x, w, b, y):
    """y[m, k] = sum_c x[m, c] w[k, c] + b[k]: Y = X W^T."""
    multiply(x, w, b, y, transposed_b=True)


def linear_input_grad(dy, w, dx):
    """dx[m, c] = sum_k dy[m, k] w[k, c]: dX = dY W."""
    multiply(dy, w, None, dx)


def linear_weight_grad(x, dy, dw):
    """dw[k, c] = sum_m dy[m, k] x[m, c]: dW = dY^T X."""
    if x.shape[0] == 0:
        dw[...] = 0
        return
    multiply(dy, x, None, dw, transposed_a=True)


def linear_bias_grad(dy, db):
    """db[k] = sum_m dy[m, k]."""
    sum_columns(dy.reshape(*dy.shape, 1), db)
