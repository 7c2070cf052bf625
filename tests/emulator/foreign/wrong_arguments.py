"""Accesses outside of arguments of unusual kinds, and arguments that kernels do not take."""

import numpy as np
from numba import cuda

from tests.emulator.foreign.entries import wrong


def y(n=32):
    return np.zeros(n)


@wrong("out-of-bounds", lambda: [np.arange(64.0)[::2], y(33)], 1, 33)
@cuda.jit
def past_a_strided_array(x, y):
    i = cuda.grid(1)
    y[i] = x[i]  # FAULT


@wrong("out-of-bounds", lambda: [np.arange(32.0)[::-1], y(33)], 1, 33)
@cuda.jit
def before_a_reversed_array(x, y):
    i = cuda.grid(1)
    y[i] = x[i]  # FAULT


@wrong("out-of-bounds", lambda: [np.arange(64.0).reshape(8, 8)[:, 3], y(33)], 1, 9)
@cuda.jit
def past_a_column(x, y):
    i = cuda.grid(1)
    y[i] = x[i]  # FAULT


@wrong("out-of-bounds", lambda: [np.arange(12.0).reshape(3, 4).T, y()], 1, (4, 4))
@cuda.jit
def transposed_index(x, y):
    i, j = cuda.grid(2)
    y[4 * i + j] = x[i, j]  # FAULT


@wrong("read-only", lambda: [np.broadcast_to(np.float64(3), 32)])
@cuda.jit
def write_to_a_broadcast_array(x):
    x[cuda.grid(1)] = 1  # FAULT


@wrong("out-of-bounds", lambda: [np.zeros(0), y()])
@cuda.jit
def read_of_an_empty_array(x, y):
    i = cuda.grid(1)
    y[i] = x[i]  # FAULT


@wrong("out-of-bounds", lambda: [np.zeros(31, [("a", "f8"), ("b", "f8")]), y()])
@cuda.jit
def past_an_array_of_records(r, y):
    i = cuda.grid(1)
    y[i] = r[i].b  # FAULT


@wrong("out-of-bounds", lambda: [(1, (np.zeros(31), 2)), y()])
@cuda.jit
def past_an_array_in_a_tuple(t, y):
    i = cuda.grid(1)
    y[i] = t[1][0][i]  # FAULT


@wrong("misaligned", lambda: [np.zeros(32, [("a", "i1"), ("b", "f8")]), y()])
@cuda.jit
def field_of_a_packed_record(r, y):
    i = cuda.grid(1)
    y[i] = r[i].b  # FAULT


@wrong("bad-launch", lambda: [np.zeros(32), 1], marked=False)
@cuda.jit("void(float32[:], int32)")
def declared_for_another_type(x, n):
    x[0] = n


@wrong("bad-launch", lambda: [np.zeros(64)[::2]], marked=False)
@cuda.jit("void(float64[::1])")
def declared_as_contiguous(x):
    x[0] = 1


@wrong("bad-launch", lambda: [np.zeros(32), 1.5], marked=False)
@cuda.jit("void(float64[:], int32)")
def declared_for_an_integer(x, n):
    x[0] = n


@wrong("bad-launch", lambda: [np.zeros(32)], marked=False)
@cuda.jit
def too_few_arguments(x, n):
    x[0] = n


@wrong("bad-launch", lambda: [np.zeros(32), 1, 2], marked=False)
@cuda.jit
def too_many_arguments(x, n=1):
    x[0] = n


@wrong("bad-launch", lambda: [np.zeros(32), "text"], marked=False)
@cuda.jit
def argument_of_text(x, n):
    x[0] = len(n)


@wrong("bad-launch", lambda: [np.zeros(32, ">f8")], marked=False)
@cuda.jit
def bytes_in_another_order(x):
    x[0] = 1


@wrong("bad-launch", lambda: [np.zeros(32), None], marked=False)
@cuda.jit
def argument_of_none(x, n):
    x[0] = 1


@wrong("bad-launch", lambda: [np.zeros(32)])
@cuda.jit
def does_not_compile(x):
    x[0] = "text"  # FAULT
