"""Local arrays, in memory and in registers."""

import numpy as np
from numba import cuda, float32, from_dtype

from tests.emulator.catalog.entries import buggy, correct, ramp, zeros


@buggy("uninitialized", 1, 32, ramp(32))
def local_element_written_by_some(y):
    """The condition holds for no thread."""
    a = cuda.local.array(8, float32)
    t = cuda.threadIdx.x
    if y[t] > 100:
        a[t % 8] = 1
    y[t] = a[t % 8]  # FAULT


@buggy("uninitialized", 1, 32, ramp(32))
def local_array_filled_but_for_its_end(y):
    """The last element is not filled."""
    a = cuda.local.array(8, float32)
    t = cuda.threadIdx.x
    for k in range(7):
        a[(k + t) % 7] = k
    y[t] = a[t % 8]  # FAULT


@buggy("uninitialized", 1, 32, ramp(128), zeros(32, np.float32))
def sums_never_zeroed(x, y):
    """Sums in registers that start from nothing."""
    sums = cuda.local.array(4, float32)
    t = cuda.threadIdx.x
    for k in range(4):
        sums[k] += x[4 * t + k]  # FAULT
    y[t] = sums[0] + sums[1] + sums[2] + sums[3]


@correct(1, 32, ramp(128), zeros(32, np.float32), result=lambda: np.arange(128).reshape(32, 4).sum(1))
def sums_zeroed(x, y):
    """The same from zero."""
    sums = cuda.local.array(4, float32)
    t = cuda.threadIdx.x
    for k in range(4):
        sums[k] = 0
    for k in range(4):
        sums[k] += x[4 * t + k]
    y[t] = sums[0] + sums[1] + sums[2] + sums[3]


@correct(
    1,
    32,
    ramp(32, np.int32),
    zeros(32),
    result=lambda: [np.bincount([t * k % 5 for k in range(9)])[0] for t in range(32)],
)
def local_histogram(x, y):
    """Counts at computed places, zeroed first."""
    bins = cuda.local.array(5, np.int32)
    t = cuda.threadIdx.x
    for k in range(5):
        bins[k] = 0
    for k in range(9):
        bins[x[t] * k % 5] += 1
    y[t] = bins[x[t] * 0]


@correct(1, 32, ramp(32, np.int32), zeros(32), result=lambda: [0, *range(31)])
def local_value_of_the_last_round(x, y):
    """Read in every round but the first, which writes it."""
    last = cuda.local.array(1, np.int32)
    t, total = cuda.threadIdx.x, 0
    for k in range(2):
        if k > 0:
            total += last[0]
        last[0] = max(x[t] - 1, 0)
    y[t] = total


@buggy("uninitialized", 1, 32, zeros(32, np.float32))
def column_of_a_local_matrix(y):
    """The last column is never written; the loops are unrolled, and all indices are constants."""
    a = cuda.local.array((3, 3), float32)
    t, total = cuda.threadIdx.x, float32(0)
    for i in range(3):
        for j in range(2):
            a[i, j] = i * j + t
    for i in range(3):
        for j in range(3):
            total += a[i, j]  # FAULT
    y[t] = total


@buggy("uninitialized", 1, 32, ramp(32), zeros(32, np.float32))
def local_element_with_a_constant_index(x, y):
    """Written by some threads alone."""
    a = cuda.local.array(2, float32)
    t = cuda.threadIdx.x
    if x[t] > 3:
        a[0] = 1
    a[1] = 2
    y[t] = a[0] + a[1]  # FAULT


@cuda.jit(device=True)
def fill(a, n):
    """Count up to n."""
    for k in range(n):
        a[k] = k


@buggy("uninitialized", 1, 32, zeros(32, np.float32))
def local_array_filled_by_a_function(y):
    """The function writes three elements of four."""
    a = cuda.local.array(4, float32)
    fill(a, 3)
    y[cuda.threadIdx.x] = a[0] + a[3]  # FAULT


PAIR = from_dtype(np.dtype([("a", "f4"), ("b", "i4")]))


@correct(1, 32, zeros(32, np.float32), result=lambda: 3 * np.arange(32))
def local_record(y):
    """Its fields are written one by one."""
    pair = cuda.local.array(1, PAIR)
    t = cuda.threadIdx.x
    pair[0].a = t
    pair[0].b = 2 * t
    y[t] = pair[0].a + pair[0].b
