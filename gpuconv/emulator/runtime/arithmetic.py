"""Conversions with explicit rounding, directed arithmetic, approximate functions: a table by name."""

import math

import numpy as np
from numba import int64, uint64

from .raw import as_f64, bits_f64, fma
from .rounding import (
    FORMATS,
    MODES,
    bf16_bits,
    bf16_value,
    f16_bits,
    f16_value,
    f32_bits,
    f32_value,
    jit,
    narrow,
    odd_quotient,
    odd_root,
    odd_sum,
    sum_error,
)
from .table import table

FLOAT_FUNCTIONS, enter = table()
VALUE = {"f32": f32_value, "f64": as_f64}
_FLOAT_BITS = {"f32": f32_bits, "f64": bits_f64}


def encoder(format_, mode):
    """A function that rounds a float64, exact or rounded to odd, to the bits of a format."""
    digits, smallest, largest = FORMATS[format_]
    encode = {"f16": f16_bits, "bf16": bf16_bits}.get(format_, f32_bits)

    @jit
    def bits_of(x):
        return encode(narrow(x, digits, smallest, largest, mode))

    return bits_of


def _narrowing(format_, mode, source):
    value, encode = VALUE[source], encoder(format_, MODES[mode])

    def plain(a):
        return encode(value(a))

    def relu(a):
        x = value(a)
        return encode(0.0 if x < 0 else x)

    for suffix, function in (("", plain), ("_relu", relu)):
        enter(f"narrow_{mode}{suffix}_{format_}_{source}", function)


for _format in ("f16", "bf16", "f32"):
    for _mode in MODES:
        for _source in ("f32", "f64"):
            _narrowing(_format, _mode, _source)


def _tf32(mode):
    encode = encoder("tf32", MODES[mode])

    def convert(a):
        x = f32_value(a)
        return uint64(0x7FFFFFFF) if x != x else encode(x)

    def relu(a):
        x = f32_value(a)
        return uint64(0x7FFFFFFF) if x != x else encode(0.0 if x < 0 else x)

    enter(f"tf32_{mode}", convert)
    enter(f"tf32_{mode}_relu", relu)


for _mode in ("rn", "rz", "rna"):
    _tf32(_mode)


@jit
def _odd_of_integer(a, signed):
    """A 64-bit integer as float64, rounded to odd."""
    negative = signed and int64(a) < 0
    size = uint64(0) - a if negative else a
    high, low = size >> uint64(12), size & uint64(0xFFF)
    x = float(high) * 4096.0
    y = float(low)
    total = odd_sum(x, y)
    return -total if negative else total


def _from_integer(format_, mode, source):
    encode, signed = encoder(format_, MODES[mode]), source[0] == "s"

    def convert(a):
        return encode(_odd_of_integer(a, signed))

    enter(f"from_{mode}_{format_}_{source}", convert)


for _format in ("f16", "bf16", "f32"):
    for _mode in ("rn", "rz", "rm", "rp"):
        for _source in ("s64", "u64"):
            _from_integer(_format, _mode, _source)


def _directed(mode):
    encode, down = encoder("f32", MODES[mode]), mode == "rm"

    @jit
    def total(x, y):
        """x + y rounded to odd; an exact 0 is -0 when rounding down, unless both are +0."""
        both = odd_sum(x, y)
        positive = x == 0 and math.copysign(1.0, x) + math.copysign(1.0, y) > 0
        return -0.0 if down and both == 0 and not positive else both

    # one function per operation: exact or rounded to odd in float64, then rounded once
    def add(a, b):
        return encode(total(f32_value(a), f32_value(b)))

    def sub(a, b):
        return encode(total(f32_value(a), -f32_value(b)))

    def mul(a, b):
        return encode(f32_value(a) * f32_value(b))

    def fused(a, b, c):
        return encode(total(f32_value(a) * f32_value(b), f32_value(c)))

    def div(a, b):
        return encode(odd_quotient(f32_value(a), f32_value(b)))

    def rcp(a):
        return encode(odd_quotient(1.0, f32_value(a)))

    def root(a):
        return encode(odd_root(f32_value(a)))

    # register
    for name, function in (("add", add), ("sub", sub), ("mul", mul), ("fma", fused), ("div", div), ("rcp", rcp),
                           ("sqrt", root)):  # fmt: skip
        enter(f"{name}_{mode}_f32", function)
    _directed_double(mode)


def _directed_double(mode):
    to_zero, to_top = mode == "rz", mode == "rp"

    @jit
    def move(value, error):
        """Step to the adjacent float64 if the exact value, value + error, rounds to it."""
        if error == 0 or not math.isfinite(value):
            return bits_f64(value)
        up = error > 0
        inward = up != (value > 0)
        wanted = inward if to_zero else up == to_top
        if not wanted:
            return bits_f64(value)
        if value == 0:
            return bits_f64(5e-324 if up else -5e-324)
        return bits_f64(value) - uint64(1) if inward else bits_f64(value) + uint64(1)

    # one function per operation: round to nearest, then correct by the sign of the error
    def add(a, b):
        x, y = as_f64(a), as_f64(b)
        total = x + y
        return move(total, sum_error(x, y, total))

    def sub(a, b):
        x, y = as_f64(a), -as_f64(b)
        total = x + y
        return move(total, sum_error(x, y, total))

    def mul(a, b):
        x, y = as_f64(a), as_f64(b)
        product = x * y
        return move(product, fma(x, y, -product))

    def div(a, b):
        x, y = as_f64(a), as_f64(b)
        quotient = x / y
        rest = fma(-quotient, y, x)
        return move(quotient, rest if y > 0 else -rest)

    # register
    for name, function in (("add", add), ("sub", sub), ("mul", mul), ("div", div)):
        enter(f"{name}_{mode}_f64", function)


for _mode in ("rz", "rm", "rp"):
    _directed(_mode)


@jit
def smaller(x, y, nan):
    """PTX's min: a number wins over NaN unless `nan`; -0 is less than +0."""
    if x != x or y != y:
        return math.nan if nan or (x != x and y != y) else (y if x != x else x)
    if x == y:
        return x if math.copysign(1.0, x) < 0 else y
    return min(x, y)


@jit
def larger(x, y, nan):
    """PTX's max."""
    return -smaller(-x, -y, nan)


def _approximate(name, function):
    exact = jit(function)

    def single(a):
        return f32_bits(exact(f32_value(a)))

    def double(a):
        return bits_f64(exact(as_f64(a)))

    enter(f"{name}_f32", single)
    enter(f"{name}_f64", double)


APPROXIMATE = {
    "ex2": lambda x: np.exp2(x),
    "lg2": lambda x: np.log2(x),
    "sin": lambda x: np.sin(x),
    "cos": lambda x: np.cos(x),
    "tanh": lambda x: np.tanh(x),
    "rsqrt": lambda x: 1.0 / np.sqrt(x),
}
for _name, _function in APPROXIMATE.items():
    _approximate(_name, _function)

FLOAT_FUNCTIONS["widen_f16"] = jit(lambda a: f32_bits(f16_value(a)))
FLOAT_FUNCTIONS["widen_bf16"] = jit(lambda a: f32_bits(bf16_value(a)))
