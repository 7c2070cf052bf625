"""Local arrays, in memory and in registers."""

import numpy as np
from numba import cuda, float32

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
