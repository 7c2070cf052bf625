"""Scalar functions that have no LLVM instruction, applied to the 32 lanes of a warp.

Operands and results are bits in a uint64. A function is compiled on first use and cached on disk; its name says
operation, modes and types: rem_s32, narrow_rz_f16_f32, fma_relu_bf16.
"""

from numba import extending, int64, types, uint64

from . import state as s
from .arithmetic import FLOAT_FUNCTIONS
from .half import half_function
from .integers import INTEGER_FUNCTIONS
from .raw import lazily, read_bits, write_bits

FUNCTIONS = {**INTEGER_FUNCTIONS, **FLOAT_FUNCTIONS}


def function_named(name):
    """Scalar function of a name; KeyError if it is unknown."""
    return FUNCTIONS[name] if name in FUNCTIONS else half_function(name)


def apply(name, *operands):
    """Call a scalar function by name, from compiled code only."""
    return function_named(name)(*operands)


@extending.overload(apply, jit_options={"error_model": "numpy"})
def _apply(name, *operands):
    if not isinstance(name, types.StringLiteral):
        return None
    function = function_named(name.literal_value)

    def call(name, *operands):
        return function(*operands)

    return call


def lane_function(name, bits):
    """Runtime function that applies a scalar function to 32 lanes; `bits`: widths of the operands and of the result."""
    p, q, r, t = (*bits[:-1], 0, 0, 0)[:4]
    out = bits[-1]

    def one(a, d):
        for lane in range(s.LANES):
            x = read_bits(p, a + lane * p // 8)
            write_bits(out, d + lane * out // 8, uint64(apply(name, x)))

    def two(a, b, d):
        for lane in range(s.LANES):
            x, y = read_bits(p, a + lane * p // 8), read_bits(q, b + lane * q // 8)
            write_bits(out, d + lane * out // 8, uint64(apply(name, x, y)))

    def three(a, b, c, d):
        for lane in range(s.LANES):
            x, y, z = read_bits(p, a + lane * p // 8), read_bits(q, b + lane * q // 8), read_bits(r, c + lane * r // 8)
            write_bits(out, d + lane * out // 8, uint64(apply(name, x, y, z)))

    def four(a, b, c, e, d):
        for lane in range(s.LANES):
            x, y, z = read_bits(p, a + lane * p // 8), read_bits(q, b + lane * q // 8), read_bits(r, c + lane * r // 8)
            u = read_bits(t, e + lane * t // 8)
            write_bits(out, d + lane * out // 8, uint64(apply(name, x, y, z, u)))

    body = (one, two, three, four)[len(bits) - 2]
    return lazily(types.void(*[int64] * len(bits)))(body)()
