"""Integer division, high products, bit fields, byte permutations: a table by name."""

from numba import int8, int16, int32, int64, uint8, uint16, uint32, uint64

from .rounding import jit
from .table import table

INTEGER_FUNCTIONS, enter = table()
INTEGERS = {
    **{"u8": uint8, "u16": uint16, "u32": uint32, "u64": uint64},
    **{"s8": int8, "s16": int16, "s32": int32, "s64": int64},
}


def _unsigned_division(type_, integer):
    def div(a, b):
        a, b = integer(a), integer(b)
        return uint64(a // b) if b != 0 else uint64(2**64 - 1)  # unspecified by the ISA; as on hardware

    def rem(a, b):
        a, b = integer(a), integer(b)
        return uint64(a % b) if b != 0 else uint64(a)

    enter(f"div_{type_}", div)
    enter(f"rem_{type_}", rem)


def _signed_division(type_, integer):
    lowest = -(2 ** (int(type_[1:]) - 1))

    @jit
    def truncated(a, b):
        """a / b rounded toward zero; Python's // rounds down."""
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

    enter(f"div_{type_}", div)
    enter(f"rem_{type_}", rem)


for _type in ("u16", "u32", "u64"):
    _unsigned_division(_type, INTEGERS[_type])
for _type in ("s16", "s32", "s64"):
    _signed_division(_type, INTEGERS[_type])


@jit
def mul_hi_u64(a, b):
    """High half of a 128-bit product, from 32-bit halves."""
    low = uint64(0xFFFFFFFF)
    a0, a1, b0, b1 = a & low, a >> uint64(32), b & low, b >> uint64(32)
    middle = a1 * b0 + ((a0 * b0) >> uint64(32))
    other = a0 * b1 + (middle & low)
    return a1 * b1 + (middle >> uint64(32)) + (other >> uint64(32))


@jit
def mul_hi_s64(a, b):
    """High half of a signed 128-bit product."""
    high = mul_hi_u64(a, b)
    if int64(a) < 0:
        high -= b
    if int64(b) < 0:
        high -= a
    return high


INTEGER_FUNCTIONS["mul_hi_u64"], INTEGER_FUNCTIONS["mul_hi_s64"] = mul_hi_u64, mul_hi_s64


def _bit_field(type_):
    width, signed = int(type_[1:]), type_[0] == "s"

    # extract a field, sign-extended
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

    # position of the highest bit that differs from the sign
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

    # register
    enter(f"bfe_{type_}", bfe)
    INTEGER_FUNCTIONS[f"bfind_{type_}"] = found
    enter(f"bfind_shift_{type_}", bfind_shift)


def _bit_insert(width):
    def bfi(a, b, position, length):
        position, length = int64(position) & 255, int64(length) & 255
        result = b
        for i in range(min(length, max(width - position, 0))):
            bit = (a >> uint64(i)) & uint64(1)
            result = (result & ~(uint64(1) << uint64(position + i))) | (bit << uint64(position + i))
        return result

    enter(f"bfi_b{width}", bfi)


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

    enter(name, prmt)


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

    enter(f"dp4a_{first}_{second}", dp4a)
    wide = int16 if first[0] == "s" else uint16
    for half, start in (("lo", 0), ("hi", 16)):
        enter(f"dp2a_{first}_{second}_{half}", _dot_product_of_two(wide, right, start))


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

    enter(f"sad_{type_}", sad)


for _type in ("u16", "s16", "u32", "s32", "u64", "s64"):
    _difference(_type, INTEGERS[_type])
