"""1x1 kernels on maps of one element: what a fully connected layer computes, by the same matrix products.

    y[n, k] = f(sum_c w[k, c] x[n, c] + b[k]),    dx[n, c] = sum_k dy[n, k] w[k, c] f'(x[n, c])

The weight gradient is one of filter_vectorized_wgrad.py, to which images are positions as all others are.
"""

import numpy as np
from numba import njit

from ....core.scalar import IDENTITY, activate, activate_grad
from ....cpu import gemm


class SinglePlan:
    """A pass as one matrix product, launched as the plans of the other algorithms are.

    Parameters
    ----------
    filters : int
        Of the result.
    transposed : bool
        Whether the weights are read as they lie, for the input gradient.
    """

    __slots__ = ("kernel", "no_bias", "no_pre_activation", "transposed")

    def __init__(self, filters, transposed, dtype):
        self.kernel, self.transposed = _finish, transposed
        self.no_bias, self.no_pre_activation = np.zeros(filters, dtype), np.empty((0, 0, 0, 0), dtype)

    def launch(self, x, w, bias, activation, slope, pre_activation, y):
        """y = f(x w + bias), or (x w) f'(pre_activation)."""
        bias = None if bias is self.no_bias else bias
        gemm.multiply(_matrix(x), _matrix(w), bias, _matrix(y), transposed_b=not self.transposed)
        if activation != IDENTITY:
            self.kernel(y.reshape(-1), activation, slope, pre_activation.reshape(-1))


def is_single(shape):
    """Whether maps have one element, and all channels are one group."""
    return shape.h * shape.w * shape.p * shape.q * shape.groups == 1


def _matrix(a):
    return a.reshape(a.shape[:2])


@njit(cache=True, nogil=True)
def _finish(y, activation, slope, pre_activation):
    """y = f(y), or y f'(pre_activation); flat arrays."""
    for j in range(y.size):
        if pre_activation.size:
            y[j] = activate_grad(y[j], pre_activation[j], activation, slope)
        else:
            y[j] = activate(y[j], activation, slope)
