"""f16 and bf16 arithmetic: computed in float64 and rounded once."""

import math

from numba import uint64

from .arithmetic import APPROXIMATE, encoder, larger, smaller
from .rounding import NEAREST, bf16_value, f16_value, jit, odd_sum

_VALUE = {"f16": f16_value, "bf16": bf16_value}
_SMALLEST = {"f16": 2.0**-14, "bf16": 2.0**-126}


@jit
def _add(x, y):
    return odd_sum(x, y)


@jit
def _sub(x, y):
    return odd_sum(x, -y)


@jit
def _mul(x, y):
    return x * y


@jit
def _fma(x, y, z):
    return odd_sum(x * y, z)


@jit
def _abs(x):
    return abs(x)


@jit
def _neg(x):
    return -x


_PLAIN = {"add": (2, _add), "sub": (2, _sub), "mul": (2, _mul), "fma": (3, _fma), "abs": (1, _abs), "neg": (1, _neg)}


def half_function(name):
    """Function of a name such as fma_relu_bf16: operation, modes, type."""
    operation, *modes, type_ = name.split("_")
    value, encode = _VALUE[type_], encoder(type_, NEAREST)
    least = _SMALLEST[type_] if "ftz" in modes else 0.0
    finish = _finisher(modes)

    @jit
    def widen(a):
        x = value(a)
        return math.copysign(0.0, x) if abs(x) < least else x

    @jit
    def bits_of(x):
        x = finish(x)
        y = encode(math.copysign(0.0, x) if abs(x) < least else x)
        return y

    if operation in ("min", "max"):
        return _extreme(operation, modes, widen, bits_of)
    arity, function = _PLAIN[operation] if operation in _PLAIN else (1, jit(APPROXIMATE[operation]))
    if arity == 1:
        return jit(lambda a: bits_of(function(widen(a))))
    if arity == 2:
        return jit(lambda a, b: bits_of(function(widen(a), widen(b))))
    return jit(lambda a, b, c: bits_of(function(widen(a), widen(b), widen(c))))


def _finisher(modes):
    if "sat" in modes:
        return jit(lambda x: min(x, 1.0) if x > 0 else 0.0)
    if "relu" in modes:
        return jit(lambda x: 0.0 if x < 0 else x)
    return jit(lambda x: x)


def _extreme(operation, modes, widen, bits_of):
    chosen, nan, signs = smaller if operation == "min" else larger, "NaN" in modes, "xorsign" in modes

    def extreme(a, b):
        x, y = widen(a), widen(b)
        if not signs:
            return bits_of(chosen(x, y, nan))
        found = bits_of(chosen(abs(x), abs(y), nan))
        return found | ((a ^ b) & uint64(0x8000)) if found != uint64(0x7FFF) else found

    return jit(extreme)
