"""Correct rounding of exact fractions, the reference of floating-point instructions."""

import math
from fractions import Fraction

FORMATS = {
    "f16": (11, -14, 15),
    "bf16": (8, -126, 127),
    "tf32": (11, -126, 127),
    "f32": (24, -126, 127),
    "f64": (53, -1022, 1023),
}
"""Digits, smallest and largest exponent of normal numbers."""


def rounded(value, format_, mode="rn"):
    """Round an exact Fraction to a format in a rounding mode; returns a float."""
    digits, smallest, largest = FORMATS[format_]
    if value == 0:
        return 0.0
    size, exponent = abs(value), 0
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if Fraction(2) ** exponent > size:
        exponent -= 1
    quantum = Fraction(2) ** (max(exponent, smallest) - digits + 1)
    low = math.floor(value / quantum)
    rest = value / quantum - low
    if mode == "rn":
        low += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and low % 2)
    elif mode == "rna":
        low += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and value > 0)
    elif mode == "rp" or (mode == "rz" and value < 0):
        low += rest > 0
    result = low * quantum
    limit = (2 - Fraction(2) ** (1 - digits)) * Fraction(2) ** largest
    if abs(result) > limit:
        inside = mode == "rz" or (mode == "rm" and value > 0) or (mode == "rp" and value < 0)
        return math.copysign(float(limit) if inside else math.inf, value)
    return math.copysign(float(result), value)
