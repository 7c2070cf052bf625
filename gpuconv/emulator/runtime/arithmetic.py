"""Integer division, bit fields, conversions with a rounding, approximate functions: one function for each name."""

import math

import numpy as np
from numba import int8, int16, int32, int64, uint8, uint16, uint32, uint64

from .raw import as_f32, as_f64, bits_f32, bits_f64, fma
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
)  # fmt: skip

ARITHMETIC = {}
INTEGERS = {
    "u8": uint8,
    "s8": int8,
    "u16": uint16,
    "s16": int16,
    "u32": uint32,
    "s32": int32,
    "u64": uint64,
    "s64": int64,
}


def _enter(name, function):
    ARITHMETIC[name] = jit(function)


# ---- integers


def _unsigned_division(type_, integer):
    def div(a, b):
        a, b = integer(a), integer(b)
        return uint64(a // b) if b != 0 else uint64(2**64 - 1)  # unspecified; what the hardware gives

    def rem(a, b):
        a, b = integer(a), integer(b)
        return uint64(a % b) if b != 0 else uint64(a)

    _enter(f"div_{type_}", div)
    _enter(f"rem_{type_}", rem)


def _signed_division(type_, integer):
    lowest = -(2 ** (int(type_[1:]) - 1))

    @jit
    def truncated(a, b):
        """a / b towards zero; Python's // goes down."""
        quotient = a // b
        return quotient + 1 if quotient < 0 and quotient * b != a else quotient

    def div(a, b):
        a, b = int64(integer(a)), int64(integer(b))
        if b == 0:
            return uint64(2**64 - 1)
        return uint64(a) if a == lowest and b == -1 else uint64(truncated(a, b))

    def rem(a, b):
        a, b = int64(integer(a)), int64(integer(b))
        if b in (0, -1):
            return uint64(a) if b == 0 else uint64(0)
        return uint64(a - truncated(a, b) * b)

    _enter(f"div_{type_}", div)
    _enter(f"rem_{type_}", rem)


for _type in ("u16", "u32", "u64"):
    _unsigned_division(_type, INTEGERS[_type])
for _type in ("s16", "s32", "s64"):
    _signed_division(_type, INTEGERS[_type])


@jit
def mul_hi_u64(a, b):
    """The high half of a product of 128 bits, by halves."""
    low = uint64(0xFFFFFFFF)
    a0, a1, b0, b1 = a & low, a >> uint64(32), b & low, b >> uint64(32)
    middle = a1 * b0 + ((a0 * b0) >> uint64(32))
    other = a0 * b1 + (middle & low)
    return a1 * b1 + (middle >> uint64(32)) + (other >> uint64(32))


@jit
def mul_hi_s64(a, b):
    """The same of signed numbers."""
    high = mul_hi_u64(a, b)
    if int64(a) < 0:
        high -= b
    if int64(b) < 0:
        high -= a
    return high


ARITHMETIC["mul_hi_u64"], ARITHMETIC["mul_hi_s64"] = mul_hi_u64, mul_hi_s64


def _bit_field(type_):
    width, signed = int(type_[1:]), type_[0] == "s"

    def bfe(a, position, length):
        position, length = int64(position) & 255, int64(length) & 255
        if length == 0:
            return uint64(0)
        last = min(position + length - 1, width - 1)
        sign = signed and (a >> uint64(last)) & uint64(1) != 0
        result = uint64(2**64 - 1) if sign else uint64(0)
        for i in range(min(length, max(width - position, 0))):
            bit = (a >> uint64(position + i)) & uint64(1)
            result = (result & ~(uint64(1) << uint64(i))) | (bit << uint64(i))
        return result

    def bfind(a):
        if signed and (a >> uint64(width - 1)) & uint64(1):
            a = ~a & uint64(2**width - 1)
        for i in range(width - 1, -1, -1):
            if (a >> uint64(i)) & uint64(1):
                return uint64(i)
        return uint64(2**32 - 1)

    found = jit(bfind)

    def bfind_shift(a):
        position = found(a)
        return position if position == uint64(2**32 - 1) else uint64(width - 1) - position

    _enter(f"bfe_{type_}", bfe)
    ARITHMETIC[f"bfind_{type_}"] = found
    _enter(f"bfind_shift_{type_}", bfind_shift)


def _bit_insert(width):
    def bfi(a, b, position, length):
        position, length = int64(position) & 255, int64(length) & 255
        result = b
        for i in range(min(length, max(width - position, 0))):
            bit = (a >> uint64(i)) & uint64(1)
            result = (result & ~(uint64(1) << uint64(position + i))) | (bit << uint64(position + i))
        return result

    _enter(f"bfi_b{width}", bfi)


for _type in ("u32", "s32", "u64", "s64"):
    _bit_field(_type)
for _width in (32, 64):
    _bit_insert(_width)


@jit
def _byte_of(a, b, selector):
    both = (b << uint64(32)) | a
    byte = (both >> (uint64(8) * (selector & uint64(7)))) & uint64(255)
    if selector & uint64(8):
        return uint64(255) if byte & uint64(128) else uint64(0)
    return byte


def _permutation(name, selector_of):
    chosen = jit(selector_of)

    def prmt(a, b, c):
        result = uint64(0)
        for i in range(4):
            result |= _byte_of(a, b, uint64(chosen(int64(c), i))) << uint64(8 * i)
        return result

    _enter(name, prmt)


_permutation("prmt_b32", lambda c, i: (c >> (4 * i)) & 15)
_permutation("prmt_b32_f4e", lambda c, i: (c & 3) + i)
_permutation("prmt_b32_b4e", lambda c, i: ((c & 3) - i) & 7)
_permutation("prmt_b32_rc8", lambda c, i: c & 3)
_permutation("prmt_b32_ecl", lambda c, i: max(i, c & 3))
_permutation("prmt_b32_ecr", lambda c, i: min(i, c & 3))
_permutation("prmt_b32_rc16", lambda c, i: 2 * (c & 1) + (i & 1))


def _dot_product(first, second):
    left, right = (int8 if t[0] == "s" else uint8 for t in (first, second))

    def dp4a(a, b, c):
        total = int64(int32(c))
        for i in range(4):
            total += int64(left(a >> uint64(8 * i))) * int64(right(b >> uint64(8 * i)))
        return uint64(total)

    _enter(f"dp4a_{first}_{second}", dp4a)
    wide = int16 if first[0] == "s" else uint16
    for half, start in (("lo", 0), ("hi", 16)):
        _enter(f"dp2a_{first}_{second}_{half}", _dot_product_of_two(wide, right, start))


def _dot_product_of_two(wide, right, start):
    def dp2a(a, b, c):
        total = int64(int32(c))
        for i in range(2):
            total += int64(wide(a >> uint64(16 * i))) * int64(right(b >> uint64(start + 8 * i)))
        return uint64(total)

    return dp2a


for _first in ("u32", "s32"):
    for _second in ("u32", "s32"):
        _dot_product(_first, _second)


def _difference(type_, integer):
    def sad(a, b, c):
        a, b = integer(a), integer(b)
        return c + (uint64(a) - uint64(b) if a > b else uint64(b) - uint64(a))

    _enter(f"sad_{type_}", sad)


for _type in ("u16", "s16", "u32", "s32", "u64", "s64"):
    _difference(_type, INTEGERS[_type])


# ---- floats

VALUE = {"f32": f32_value, "f64": as_f64}
_FLOAT_BITS = {"f32": f32_bits, "f64": bits_f64}


def encoder(format_, mode):
    """From a float64, exact or rounded to odd, to the bits of a format."""
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
        _enter(f"narrow_{mode}{suffix}_{format_}_{source}", function)


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

    _enter(f"tf32_{mode}", convert)
    _enter(f"tf32_{mode}_relu", relu)


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

    _enter(f"from_{mode}_{format_}_{source}", convert)


for _format in ("f16", "bf16", "f32"):
    for _mode in ("rn", "rz", "rm", "rp"):
        for _source in ("s64", "u64"):
            _from_integer(_format, _mode, _source)


def _directed(mode):
    encode, down = encoder("f32", MODES[mode]), mode == "rm"

    @jit
    def total(x, y):
        """x + y to odd; an exact 0 is -0 when rounding down, unless both are +0."""
        both = odd_sum(x, y)
        positive = x == 0 and math.copysign(1.0, x) + math.copysign(1.0, y) > 0
        return -0.0 if down and both == 0 and not positive else both

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

    for name, function in (("add", add), ("sub", sub), ("mul", mul), ("fma", fused), ("div", div), ("rcp", rcp),
                           ("sqrt", root)):  # fmt: skip
        _enter(f"{name}_{mode}_f32", function)
    _directed_double(mode)


def _directed_double(mode):
    to_zero, to_top = mode == "rz", mode == "rp"

    @jit
    def move(value, error):
        """The neighbour in the direction of the rounding, where the exact value lies there."""
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

    for name, function in (("add", add), ("sub", sub), ("mul", mul), ("div", div)):
        _enter(f"{name}_{mode}_f64", function)


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

    _enter(f"{name}_f32", single)
    _enter(f"{name}_f64", double)


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

ARITHMETIC["widen_f16"] = jit(lambda a: f32_bits(f16_value(a)))
ARITHMETIC["widen_bf16"] = jit(lambda a: f32_bits(bf16_value(a)))

__all__ = ["APPROXIMATE", "ARITHMETIC", "as_f32", "bits_f32", "encoder", "larger", "smaller"]
