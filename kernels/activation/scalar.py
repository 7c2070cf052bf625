"""Activations of one element and their derivatives, written once and compiled by both targets.

Each pair is f(x, *parameters) and f_grad(dy, x, *parameters) = dy f'(x), without branches, so that LLVM makes vectors
of them. Exponentials are taken of nonpositive numbers only, so none overflows. At 0, at corners, at infinities and for
NaN they return what PyTorch returns.
"""

import math

import numpy as np

from ..core.scalar import leaky_relu, leaky_relu_grad, relu, relu_grad, sigmoid
from ..core.scalar_math import (
    FOUR,
    HALF,
    ONE,
    TWO,
    ZERO,
    constant,
    exp_nonpositive,
    expm1,
    inlined,
    log1p,
    normal_tail,
    tanh,
)

THREE, SIX = np.float32(3), np.float32(6)
SELU_SCALE, SELU_SLOPE = constant(1.0507009873554804934193349852946), constant(1.7580993408473768599402175208123)
GELU_SLOPE, GELU_CUBIC = constant(2 * math.sqrt(2 / math.pi)), constant(0.044715)
INVERSE_ROOT_TWO_PI = constant(1 / math.sqrt(2 * math.pi))
FLAT = np.float32(32)
"""Argument beyond which the logistic function of GELU's cubic is 0 or 1."""


@inlined
def slope_grad(dy, x):
    """dy times the derivative of leaky_relu with respect to its slope: dy x where x is not > 0."""
    return ZERO if x > ZERO else dy * x


@inlined
def hardtanh(x, lowest, highest):
    """min(max(x, lowest), highest)."""
    return lowest if x < lowest else (highest if x > highest else x)


@inlined
def hardtanh_grad(dy, x, lowest, highest):
    """dy strictly between the two, 0 elsewhere, NaN included."""
    return dy if (x > lowest) & (x < highest) else ZERO


@inlined
def relu6(x):
    """min(max(x, 0), 6)."""
    return hardtanh(x, ZERO, SIX)


@inlined
def relu6_grad(dy, x):
    """dy strictly between 0 and 6."""
    return hardtanh_grad(dy, x, ZERO, SIX)


@inlined
def hardsigmoid(x):
    """min(max(x + 3, 0), 6) / 6."""
    return hardtanh(x + THREE, ZERO, SIX) / SIX


@inlined
def hardsigmoid_grad(dy, x):
    """dy / 6 strictly between -3 and 3."""
    return hardtanh_grad(dy, x, -THREE, THREE) / SIX


@inlined
def hardswish(x):
    """x hardsigmoid(x)."""
    return x * hardsigmoid(x)


@inlined
def hardswish_grad(dy, x):
    """0 up to -3, dy from 3 on, dy (2x + 3) / 6 between."""
    return ZERO if x <= -THREE else (dy if x >= THREE else dy * (x / THREE + HALF))


@inlined
def elu(x, alpha):
    """x for x > 0, alpha (e^x - 1) otherwise."""
    return x if x > ZERO else alpha * expm1(x)


@inlined
def elu_grad(dy, x, alpha):
    """dy for x > 0, dy alpha e^x otherwise."""
    return dy if x > ZERO else dy * alpha * exp_nonpositive(x)


@inlined
def selu(x):
    """ELU, scaled so that signals keep mean 0 and variance 1 from layer to layer."""
    return SELU_SCALE(x) * x if x > ZERO else SELU_SLOPE(x) * expm1(x)


@inlined
def selu_grad(dy, x):
    """dy scale for x > 0, dy scale alpha e^x otherwise."""
    return dy * SELU_SCALE(x) if x > ZERO else dy * SELU_SLOPE(x) * exp_nonpositive(x)


@inlined
def logistic_slope(x):
    """The derivative of the logistic function, e^-|x| / (1 + e^-|x|)^2."""
    e = exp_nonpositive(-abs(x))
    return e / ((ONE + e) * (ONE + e))


@inlined
def sigmoid_grad(dy, x):
    """dy s (1 - s), with s = sigmoid(x)."""
    return dy * logistic_slope(x)


@inlined
def tanh_grad(dy, x):
    """dy (1 - tanh(x)^2)."""
    return dy * FOUR * logistic_slope(TWO * x)


@inlined
def softplus(x, beta, threshold):
    """log(1 + e^(beta x)) / beta; x itself where beta x > threshold."""
    z = beta * x
    return x if z > threshold else ((z if z > ZERO else ZERO) + log1p(exp_nonpositive(-abs(z)))) / beta


@inlined
def softplus_grad(dy, x, beta, threshold):
    """dy sigmoid(beta x); dy where beta x > threshold."""
    z = beta * x
    return dy if z > threshold else dy * sigmoid(z)


@inlined
def silu(x):
    """x sigmoid(x)."""
    return x * sigmoid(x)


@inlined
def silu_grad(dy, x):
    """dy (s + x s (1 - s)), with s = sigmoid(x)."""
    return dy * (sigmoid(x) + x * logistic_slope(x))


@inlined
def mish(x):
    """x tanh(log(1 + e^x)) = x n / d with n = e^2x + 2 e^x and d = n + 2, both divided by e^2x for x > 0."""
    e = exp_nonpositive(-abs(x))
    n = ONE + TWO * e if x > ZERO else e * (e + TWO)
    return x * (n / (n + TWO * (e * e if x > ZERO else ONE)))


@inlined
def mish_grad(dy, x):
    """dy (n / d + x 4 e^x (1 + e^x) / d^2)."""
    e = exp_nonpositive(-abs(x))
    n = ONE + TWO * e if x > ZERO else e * (e + TWO)
    d = n + TWO * (e * e if x > ZERO else ONE)
    return dy * (n / d + x * (FOUR * (ONE + e) * (e * e if x > ZERO else e) / (d * d)))


@inlined
def gelu(x):
    """x P(x), P the normal law's distribution function: from the tail beyond |x|, which keeps its digits."""
    tail, _ = normal_tail(abs(x))
    return x * (tail if x < ZERO else ONE - tail)


@inlined
def gelu_grad(dy, x):
    """dy (P(x) + x p(x)), p the normal law's density."""
    tail, density = normal_tail(abs(x))
    return dy * ((tail if x < ZERO else ONE - tail) + x * (INVERSE_ROOT_TWO_PI(x) * density))


@inlined
def gelu_tanh(x):
    """x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3): x sigmoid(2u)."""
    return x * sigmoid(GELU_SLOPE(x) * (x + GELU_CUBIC(x) * x * x * x))


@inlined
def gelu_tanh_grad(dy, x):
    """dy (s + x s (1 - s) 2u'), with s = sigmoid(2u)."""
    near = hardtanh(x, -FLAT, FLAT)  # beyond, the cube would overflow and multiply a slope of 0
    z = GELU_SLOPE(x) * (near + GELU_CUBIC(x) * near * near * near)
    slope = GELU_SLOPE(x) * (ONE + THREE * GELU_CUBIC(x) * near * near)
    return dy * (sigmoid(z) + x * (logistic_slope(z) * slope))


ACTIVATIONS = {
    "relu": (relu, relu_grad),
    "leaky_relu": (leaky_relu, leaky_relu_grad),
    "relu6": (relu6, relu6_grad),
    "hardtanh": (hardtanh, hardtanh_grad),
    "hardsigmoid": (hardsigmoid, hardsigmoid_grad),
    "hardswish": (hardswish, hardswish_grad),
    "elu": (elu, elu_grad),
    "selu": (selu, selu_grad),
    "sigmoid": (sigmoid, sigmoid_grad),
    "tanh": (tanh, tanh_grad),
    "softplus": (softplus, softplus_grad),
    "silu": (silu, silu_grad),
    "mish": (mish, mish_grad),
    "gelu": (gelu, gelu_grad),
    "gelu_tanh": (gelu_tanh, gelu_tanh_grad),
}
"""By the name that the public functions pass down: the function and its gradient."""
