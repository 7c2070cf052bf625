"""Exponentials and their relatives for one element, written once, compiled by both targets, free of branches.

The libraries' functions are calls, one for each element; these are a few multiply-additions, of which LLVM makes
vectors: 5 to 10 times as fast. Every function takes and returns a scalar of one floating type and is within 3 units in
the last place of it (5 in the normal tail), also where the result is too small for a normal number, infinite or NaN.

The polynomials were fitted for these ranges with Remez's algorithm, in 40 digits.
"""

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

inlined = njit(inline="always")


@intrinsic
def fma(typingctx, a, b, c):
    """a b + c, rounded once: the same bits whether LLVM makes a vector of it or not."""
    kind = max((a, b, c), key=lambda t: t.bitwidth)

    def codegen(context, builder, signature, arguments):
        return builder.fma(*(context.cast(builder, v, t, kind) for v, t in zip(arguments, signature.args, strict=True)))

    return kind(a, b, c), codegen


@intrinsic
def power_of_two(typingctx, shifted):
    """2^n, given n + SHIFT(n): the lowest bits of that number, moved to where the exponent stands."""
    width, mantissa, bias = (32, 23, 127) if shifted == types.float32 else (64, 52, 1023)

    def codegen(context, builder, signature, arguments):
        integer = ir.IntType(width)
        exponent = builder.add(builder.bitcast(arguments[0], integer), ir.Constant(integer, bias))
        return builder.bitcast(builder.shl(exponent, ir.Constant(integer, mantissa)), arguments[0].type)

    return shifted(shifted), codegen


def polynomial(*coefficients, single=None):
    """An intrinsic p(x) = sum_i coefficients[i] x^i in the type of x, with others for float32 where given."""

    @intrinsic
    def evaluate(typingctx, x):
        chosen = single if single is not None and x == types.float32 else coefficients

        def codegen(context, builder, signature, arguments):
            (value,) = arguments
            result = ir.Constant(value.type, chosen[-1])
            for coefficient in reversed(chosen[:-1]):
                result = builder.fma(result, value, ir.Constant(value.type, coefficient))
            return result

        return x(x), codegen

    return evaluate


def constant(value, single=None):
    """An intrinsic c(x) that is a constant in the type of x: a float literal would widen float32 to float64."""
    return polynomial(value, single=None if single is None else (single,))


# What float32 holds exactly widens to the type of the other operand.
ZERO, HALF, ONE, TWO, FOUR = (np.float32(number) for number in (0, 0.5, 1, 2, 4))
NAN = np.float32(np.nan)
INFINITY = np.float32(np.inf)
SATURATED = np.float32(-64)  # e^x - 1 is -1 below
RAISED = np.float32(64)  # 2^(n + 64) is normal wherever 2^n is not 0

SHIFT = constant(1.5 * 2.0**52, single=1.5 * 2.0**23)  # x + SHIFT - SHIFT is x rounded to an integer
PER_LOG_TWO = constant(1 / math.log(2))
MINUS_LOG_TWO_HIGH = constant(-0.6931471805599453, single=-0.69314718246459961)
MINUS_LOG_TWO_LOW = constant(-2.3190468138462996e-17, single=1.9046542999577680e-09)
LOWERED = constant(2.0**-64)
LOWEST = constant(-746.0, single=-104.0)  # e^x is 0 below

# (e^r - 1 - r) / r^2 for |r| <= log(2) / 2; error 1.5e-8 |r| and 1.8e-17 |r|.
_exp_series = polynomial(
    0.50000000000000056, 0.166666666666666863, 0.0416666666665729506, 0.00833333333331441152, 0.00138888889326156597,
    0.000198412699034483039, 0.0000248015041450913476, 2.75572275596117917e-6, 2.76264517624946649e-7,
    2.51146037689656275e-8,
    single=(0.500000003, 0.166665353, 0.0416663741, 0.00836741901, 0.00139412156),
)  # fmt: skip

# 2 atanh(s) / s as a function of s^2 <= 1/9; error 4.6e-9 and 1.4e-18.
_atanh_series = polynomial(
    2.0, 0.666666666666663038, 0.400000000001572384, 0.285714285478541808, 0.222222239697283423, 0.181817439245809902,
    0.153865599374356231, 0.133009733311801411, 0.121060886425318717, 0.0834008992508199235, 0.170185982804840552,
    single=(2.0, 0.666664132, 0.400216981, 0.279991474, 0.280244565),
)  # fmt: skip

# (a + 4) e^(a^2 / 2) Q(a) as a function of (a - 4) / (a + 4), a from 0 to FURTHEST; Q is the normal law's tail, and the
# factor (Shepherd and Laframboise, 1981) leaves nothing but a smooth function; error 9.1e-9 and 2e-17.
FURTHEST = constant(39.0, single=15.0)
_tail_series = polynomial(
    0.755285130415751478, -0.607896641971892049, 0.387137400742219477, -0.186521857959665417, 0.0603965748906662778,
    -0.00754018896643519312, -0.00347969236160692632, 0.00163081845328015189, 0.000133344248524314075,
    -0.000231094903718143014, -1.9078439758303457e-6, 0.000035144569680885602, 7.14975530283605525e-7,
    -5.92001129720865117e-6, -6.2522845250191516e-7, 1.02185727212280829e-6, 2.64154581932132284e-7,
    -1.5659218832344496e-7, -7.72104498067383399e-8, 1.60693091699696705e-8, 1.46190430418194368e-8,
    -3.39060938983424927e-10, -1.19654672190320506e-9,
    single=(
        0.755285135, -0.60789658, 0.387136917, -0.186523657, 0.0604034896, -0.00752400329, -0.00351021093,
        0.00156840653, 0.00017465881, -0.000134195824,
    ),
)  # fmt: skip


@inlined
def _reduced(x):
    """x = n log(2) + r with n an integer: n + SHIFT and r."""
    shifted = fma(x, PER_LOG_TWO(x), SHIFT(x))
    n = shifted - SHIFT(x)
    return shifted, fma(n, MINUS_LOG_TWO_LOW(x), fma(n, MINUS_LOG_TWO_HIGH(x), x))


@inlined
def _less_one(r):
    """e^r - 1 for what is left of a reduced number."""
    return fma(r * r, _exp_series(r), r)


@inlined
def _exp_of_reduced(shifted, r):
    """2^n e^r for n <= 0, given n + SHIFT: by way of 2^(n + 64), as 2^n may be 0 where the product is not."""
    scale = power_of_two(shifted + RAISED)
    return fma(_less_one(r), scale, scale) * LOWERED(r)


@inlined
def exp_nonpositive(x):
    """e^x for x <= 0: all that is asked for here, and two thirds of the instructions that any x would take."""
    shifted, r = _reduced(LOWEST(x) if x < LOWEST(x) else x)
    return _exp_of_reduced(shifted, r)


@inlined
def expm1(x):
    """e^x - 1 for x <= 0, with all its digits near 0."""
    shifted, r = _reduced(SATURATED if x < SATURATED else x)
    scale = power_of_two(shifted)
    return fma(_less_one(r), scale, scale - ONE)


@inlined
def log1p(x):
    """log(1 + x) = 2 atanh(x / (2 + x)) for 0 <= x <= 1, with all its digits near 0."""
    s = x / (x + TWO)
    return s * _atanh_series(s * s)


@inlined
def tanh(x):
    """(e^2x - 1) / (e^2x + 1)."""
    t = expm1(-TWO * abs(x))
    size = -t / (t + TWO)
    return x if x == ZERO else (-size if x < ZERO else size)


@inlined
def normal_tail(a):
    """Q(a) = integral from a to infinity of e^(-t^2 / 2) / sqrt(2 pi) dt for a >= 0, and e^(-a^2 / 2)."""
    a = FURTHEST(a) if a > FURTHEST(a) else a
    square = a * a
    x = -HALF * square
    shifted, r = _reduced(LOWEST(x) if x < LOWEST(x) else x)
    density = _exp_of_reduced(shifted, r - HALF * fma(a, a, -square))  # less what the square was rounded by
    t = ONE / (a + FOUR)
    return density * (t * _tail_series(ONE - TWO * FOUR * t)), density
