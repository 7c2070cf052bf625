"""exp over rows in vectors, for softmax and cross-entropy: the C library's takes one element at a time.

x = n ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^n exp(r): a polynomial, within two units in the last place, and
an addition to the exponent's bits. Adding 1.5 * 2^(digits - 1) rounds x / ln 2 to n and leaves n in the low bits.
"""

import math

import numpy as np
from numba import njit, types
from numba.extending import overload

# ln 2 in two parts: n times the first is exact, for |n| < 2^11.
SINGLE = tuple(np.float32(v) for v in (1 / math.log(2), 1.5 * 2**23, 0.693359375, math.log(2) - 0.693359375, -87.33654))
DOUBLE = (1 / math.log(2), 1.5 * 2**52, 0.6931471803691238, 1.9082149292705877e-10, -708.3964185322641)
SINGLE_TERMS = tuple(np.float32(1 / math.factorial(k)) for k in range(7, -1, -1))
DOUBLE_TERMS = tuple(1 / math.factorial(k) for k in range(13, -1, -1))


@njit(inline="always")
def exp32(x):
    """exp(x) for float32 x <= 88: 0 where the result would be denormal, NaN for NaN."""
    per_ln2, magic, high, low, least = SINGLE
    shifted = x * per_ln2 + magic
    n = shifted - magic
    r = (x - n * high) - n * low
    total = SINGLE_TERMS[0]
    for term in SINGLE_TERMS[1:]:
        total = total * r + term
    bits = np.float32(shifted).view(np.int32) << np.int32(23)
    power = np.int32(bits + np.int32(0x3F800000)).view(np.float32)
    return np.float32(0) if x < least else total * power


@njit(inline="always")
def exp64(x):
    """exp(x) for float64 x <= 709: 0 where the result would be denormal, NaN for NaN."""
    per_ln2, magic, high, low, least = DOUBLE
    shifted = x * per_ln2 + magic
    n = shifted - magic
    r = (x - n * high) - n * low
    total = DOUBLE_TERMS[0]
    for term in DOUBLE_TERMS[1:]:
        total = total * r + term
    power = np.int64((np.float64(shifted).view(np.int64) << np.int64(52)) + np.int64(0x3FF0000000000000)).view(
        np.float64
    )
    return 0.0 if x < least else total * power


def exponential(x):
    """exp(x), by the type of x."""
    raise TypeError("exponential is for compiled code")


@overload(exponential)
def _exponential(x):
    return exp32.py_func if x == types.float32 else exp64.py_func


@njit(cache=True, nogil=True)
def exponentials(row):
    """row = exp(row - max) in place, for a contiguous row; the sum of it, and the maximum.

    Four maxima and four sums at a time: a single chain of them would wait for each addition.
    """
    whole = row.size // 4 * 4
    a = b = c = d = row[0]
    for i in range(0, whole, 4):
        a, b = row[i] if row[i] > a else a, row[i + 1] if row[i + 1] > b else b
        c, d = row[i + 2] if row[i + 2] > c else c, row[i + 3] if row[i + 3] > d else d
    largest = max(a, b, c, d)
    for i in range(whole, row.size):
        largest = max(largest, row[i])
    for i in range(row.size):
        row[i] = exponential(row[i] - largest)
    a = b = c = d = row.dtype.type(0)
    for i in range(0, whole, 4):
        a, b, c, d = a + row[i], b + row[i + 1], c + row[i + 2], d + row[i + 3]
    total = (a + b) + (c + d)
    for i in range(whole, row.size):
        total += row[i]
    return total, largest
