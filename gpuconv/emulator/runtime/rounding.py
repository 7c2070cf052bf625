"""Correct rounding: operations rounded to odd in float64, then narrowed to any format in any direction.

A float64 *rounded to odd* (the exact value if representable, else the neighbor with an odd last bit) can be rounded
again to a format with at least two digits less: the result is correctly rounded (Boldo and Melquiond, 2008).
"""

import math

import numpy as np
from numba import njit

from .raw import as_f32, as_f64, bits_f32, bits_f64, fma

NEAREST, ZERO, DOWN, UP, AWAY = range(5)
MODES = {"rn": NEAREST, "rz": ZERO, "rm": DOWN, "rp": UP, "rna": AWAY}
FORMATS = {"f16": (11, -14, 15), "bf16": (8, -126, 127), "tf32": (11, -126, 127), "f32": (24, -126, 127)}
"""Digits, smallest and largest exponent of a normal number."""

jit = njit(error_model="numpy")


@jit
def odd(value, error):
    """Round to odd a value that was rounded to nearest with an error of the sign of `error`."""
    bits = bits_f64(value)
    if error == 0 or not math.isfinite(value) or not math.isfinite(error) or bits & np.uint64(1):
        return value
    if value == 0:
        return math.copysign(5e-324, error)
    return as_f64(bits + np.uint64(1)) if (error > 0) == (value > 0) else as_f64(bits - np.uint64(1))


@jit
def sum_error(a, b, total):
    """The rounding error of total = a + b, exactly (Knuth's TwoSum)."""
    part = total - a
    return (a - (total - part)) + (b - part)


@jit
def odd_sum(a, b):
    """a + b, rounded to odd."""
    total = a + b
    return odd(total, sum_error(a, b, total))


@jit
def odd_quotient(a, b):
    """a / b, rounded to odd."""
    quotient = a / b
    rest = fma(-quotient, b, a)
    return odd(quotient, rest if b > 0 else -rest)


@jit
def odd_root(a):
    """The square root, rounded to odd."""
    root = np.sqrt(a)
    return odd(root, fma(-root, root, a))


@jit
def _whole(x, mode):
    if mode == NEAREST:
        return np.rint(x)
    if mode == ZERO:
        return np.trunc(x)
    if mode == DOWN:
        return np.floor(x)
    if mode == UP:
        return np.ceil(x)
    return math.copysign(np.floor(abs(x) + 0.5), x)


@jit
def narrow(x, digits, smallest, largest, mode):
    """A float64 rounded to a format of fewer digits, as a float64."""
    if x == 0 or not math.isfinite(x):
        return x
    exponent = int(bits_f64(x) >> np.uint64(52) & np.uint64(0x7FF)) - 1023
    quantum = math.ldexp(1.0, max(exponent, smallest) - digits + 1)
    y = math.copysign(_whole(x / quantum, mode) * quantum, x)
    limit = math.ldexp(2.0 - math.ldexp(1.0, 1 - digits), largest)
    if abs(y) <= limit:
        return y
    if mode == ZERO or (mode == DOWN and y > 0) or (mode == UP and y < 0):
        return math.copysign(limit, y)
    return math.copysign(math.inf, y)


@jit
def f16_bits(y):
    """The bits of a float64 that float16 can hold."""
    sign = np.uint64(0x8000) if math.copysign(1.0, y) < 0 else np.uint64(0)
    y = abs(y)
    if y != y:
        return np.uint64(0x7FFF)
    if y == math.inf:
        return sign | np.uint64(0x7C00)
    if y < 2.0**-14:
        return sign | np.uint64(y * 2.0**24)
    exponent = np.int64(bits_f64(y) >> np.uint64(52)) - 1023
    digits = np.uint64(math.ldexp(y, 10 - exponent)) - np.uint64(1024)
    return sign | np.uint64((exponent + 15) << 10) | digits


@jit
def f16_value(bits):
    """The float64 of float16's bits."""
    size = np.float64(as_f32(np.uint32(bits & np.uint64(0x7FFF)) << np.uint32(13))) * 2.0**112
    if bits & np.uint64(0x7C00) == np.uint64(0x7C00):
        size = math.nan if bits & np.uint64(0x3FF) else math.inf
    return -size if bits & np.uint64(0x8000) else size


@jit
def bf16_bits(y):
    """The bits of a float64 that bfloat16 can hold."""
    if y != y:
        return np.uint64(0x7FFF)
    return np.uint64(bits_f32(np.float32(y)) >> np.uint32(16))


@jit
def bf16_value(bits):
    """The float64 of bfloat16's bits."""
    return np.float64(as_f32(np.uint32(bits) << np.uint32(16)))


@jit
def f32_value(bits):
    """The float64 of float32's bits."""
    return np.float64(as_f32(np.uint32(bits)))


@jit
def f32_bits(y):
    """The bits of the float32 nearest to a float64."""
    return np.uint64(bits_f32(np.float32(y)))
