"""The fully connected layer on the CPU: matrix products, each a 1x1 convolution of one image one row high.

correlate(image (1, C, 1, Q), weights (K, C, 1, 1)) is the product of a (K, C) and a (C, Q) matrix. Which operand
is the image is chosen so that nothing need be copied; only the forward pass, whose bias belongs to the filters,
goes through transposed copies of x and y.
"""

import numpy as np

from ..scalar import IDENTITY
from .conv_direct import Lattice, correlate

ONE_TAP = ((0, 0, 0, 0),)


def linear(x, w, b, y):
    """y[m, k] = sum_c x[m, c] w[k, c] + b[k]: Y^T = W X^T."""
    result = np.empty(y.shape[::-1], y.dtype)
    _product(w, False, np.ascontiguousarray(x.T), b, result)
    y[...] = result.T


def linear_input_grad(dy, w, dx):
    """dx[m, c] = sum_k dy[m, k] w[k, c]."""
    _product(dy, False, w, None, dx)


def linear_weight_grad(x, dy, dw):
    """dw[k, c] = sum_m dy[m, k] x[m, c]."""
    if x.shape[0] == 0:
        dw[...] = 0
        return
    _product(dy, True, x, None, dw)


def linear_bias_grad(dy, db):
    """db[k] = sum_m dy[m, k]."""
    np.sum(dy, axis=0, out=db)


def _product(a, transposed, b, bias, c):
    """C = A B, or A^T B, plus a bias for each row."""
    bias = np.zeros(c.shape[0], c.dtype) if bias is None else bias
    nothing = np.empty((0, 0, 0, 0), c.dtype)
    image, result = b[None, :, None, :], c[None, :, None, :]
    lattice = Lattice(c.shape[0], 1, c.shape[1], 1, c.shape[1])
    zero = c.dtype.type(0)
    weights = a[:, :, None, None]
    correlate(image, weights, ONE_TAP, (1, 1), 1, transposed, lattice, bias, IDENTITY, zero, nothing, result)
