"""The fully connected layer on CUDA: one element of the result a thread, neighbors read neighboring weights.

Sums are compensated: a thread adds all terms one by one.
"""

from ..core.scalar import added, corrected
from ..cuda.launch import cuda, each, int32, uint32


def takes_half(rows, columns, length):
    """Whether a product of 16-bit arrays is computed without converting them."""
    return False


def linear(x, w, b, y):
    """y[m, k] = sum_c x[m, c] w[k, c] + b[k]."""
    each(linear_kernel, y.size, x, w, x[:1] if b is None else b, b is not None, y, x.shape[1], w.shape[0])


def linear_input_grad(dy, w, dx):
    """dx[m, c] = sum_k dy[m, k] w[k, c]."""
    each(linear_dgrad_kernel, dx.size, dy, w, dx, w.shape[1], w.shape[0])


def linear_weight_grad(x, dy, dw):
    """dw[k, c] = sum_m dy[m, k] x[m, c]."""
    each(linear_wgrad_kernel, dw.size, x, dy, dw, x.shape[0], x.shape[1], dy.shape[1])


def linear_bias_grad(dy, db):
    """db[k] = sum_m dy[m, k]."""
    each(linear_bias_grad_kernel, db.size, dy, db, dy.shape[0], dy.shape[1])


@cuda.jit(cache=True)
def linear_kernel(x, w, b, has_bias, y, C, K):
    """x (M, C), w (K, C), b (K,) if has_bias, y (M, K). FLOPs: 2 M K C."""
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    m, k = uint32(i // uint32(K)), uint32(i % uint32(K))
    total, error = x.dtype.type(0), x.dtype.type(0)
    c = int32(0)
    while c < C:
        total, error = added(total, error, x[uint32(m * C + c)] * w[uint32(k * C + c)])
        c = int32(c + 1)
    total = corrected(total, error)
    if has_bias:
        total += b[k]
    y[i] = total


@cuda.jit(cache=True)
def linear_dgrad_kernel(dy, w, dx, C, K):
    """dy (M, K), w (K, C), dx (M, C). FLOPs: 2 M K C."""
    i = uint32(cuda.grid(1))
    if i >= dx.size:
        return
    m, c = uint32(i // uint32(C)), uint32(i % uint32(C))
    total, error = dy.dtype.type(0), dy.dtype.type(0)
    k = int32(0)
    while k < K:
        total, error = added(total, error, dy[uint32(m * K + k)] * w[uint32(k * C + c)])
        k = int32(k + 1)
    dx[i] = corrected(total, error)


@cuda.jit(cache=True)
def linear_wgrad_kernel(x, dy, dw, M, C, K):
    """x (M, C), dy (M, K), dw (K, C). FLOPs: 2 M K C."""
    i = uint32(cuda.grid(1))
    if i >= dw.size:
        return
    k, c = uint32(i // uint32(C)), uint32(i % uint32(C))
    total, error = x.dtype.type(0), x.dtype.type(0)
    m = int32(0)
    while m < M:
        total, error = added(total, error, dy[uint32(m * K + k)] * x[uint32(m * C + c)])
        m = int32(m + 1)
    dw[i] = corrected(total, error)


@cuda.jit(cache=True)
def linear_bias_grad_kernel(dy, db, M, K):
    """dy (M, K), db (K,); thread k sums a column, neighboring threads read neighboring elements."""
    k = uint32(cuda.grid(1))
    if k >= db.size:
        return
    total, error = dy.dtype.type(0), dy.dtype.type(0)
    m = int32(0)
    while m < M:
        total, error = added(total, error, dy[uint32(m * K + k)])
        m = int32(m + 1)
    db[k] = corrected(total, error)
