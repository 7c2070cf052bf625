"""Exceptions of kernels that are compiled with `debug=True`: the class and the line of each; without it, nothing."""

import numpy as np
from numba import cuda

from tests.emulator.foreign.entries import gives, wrong


class OwnError(Exception):
    """An exception of the user's."""


def ones():
    return [np.ones(32)]


@wrong("exception", ones)
@cuda.jit(debug=True, opt=False)
def raises_value_error(x):
    i = cuda.grid(1)
    if i == 3 and x[i] > 0:
        raise ValueError("not allowed")  # FAULT


@wrong("exception", ones)
@cuda.jit(debug=True, opt=False)
def raises_own_error(x):
    if x[cuda.grid(1)] > 0:
        raise OwnError  # FAULT


@wrong("exception", ones)
@cuda.jit(debug=True, opt=False)
def raises_assertion_error(x):
    assert x[cuda.grid(1)] < 1, "too large"  # FAULT


@wrong("exception", lambda: [np.zeros(32, np.int64)])
@cuda.jit(debug=True, opt=False)
def raises_zero_division_error(x):
    i = cuda.grid(1)
    x[i] = 7 // x[i]  # FAULT


@wrong("exception", lambda: [np.arange(32), (1, 2, 3)])
@cuda.jit(debug=True, opt=False)
def raises_index_error(x, t):
    i = cuda.grid(1)
    x[i] = t[x[i]]  # FAULT


@cuda.jit(device=True)
def checked(value):
    if value > 0:
        raise KeyError("in a function")  # FAULT
    return value


@wrong("exception", ones)
@cuda.jit(debug=True, opt=False)
def raises_key_error(x):
    i = cuda.grid(1)
    if i > 40:
        raise ValueError("never")
    x[i] = checked(x[i])


@wrong("exception", lambda: [np.ones(64)], 1, 64)
@cuda.jit(debug=True, opt=False)
def raises_before_a_barrier_type_error(x):
    i = cuda.grid(1)
    if i == 40:
        raise TypeError("before the others arrive")  # FAULT
    cuda.syncthreads()
    x[i] = 0


@gives(ones, lambda x: 2 * x)
@cuda.jit
def raises_nothing_without_debug(x, y):
    i = cuda.grid(1)
    y[i] = 2 * x[i]
    if x[i] > 0:
        raise ValueError("not looked at")


@gives(ones, lambda x: 2 * x)
@cuda.jit(debug=True, opt=False)
def debugged_and_right(x, y):
    i = cuda.grid(1)
    if i >= x.size:
        raise IndexError("never")
    y[i] = x[i] // 1 + checked(-x[i]) + 2


@wrong("out-of-bounds", ones)
@cuda.jit(debug=True, opt=False)
def debugged_out_of_bounds(x):
    i = cuda.grid(1)
    x[i + 1] = 0  # FAULT
