"""Updates of one weight, written once and compiled by both targets; constants as in core/scalar.py.

What does not depend on the element (bias corrections, 1 - beta) is computed on the host in float64 and rounded once:
1 - 0.999 in float32 would be off by 5e-5.
"""

import math

import numpy as np

from ..core.scalar import maximum
from ..core.scalar_math import INFINITY, ONE, TWO, ZERO, inlined

MARGIN = np.float32(1e-6)  # added to a norm before it divides, as torch.nn.utils.clip_grad_norm_ does


@inlined
def decayed(dw, w, sign, weight_decay):
    """g = sign dw + weight_decay w: the gradient to descend, with sign -1 to ascend."""
    g = sign * dw
    return g + weight_decay * w if weight_decay != ZERO else g


@inlined
def velocity(g, v, momentum, rate, first):
    """momentum v + rate g with rate = 1 - dampening; the first step starts from g itself."""
    return g if first else momentum * v + rate * g


@inlined
def direction(g, v, momentum, nesterov):
    """Direction of the step: v, or g + momentum v with Nesterov's momentum."""
    return g + momentum * v if nesterov else v


@inlined
def moved_towards(mean, g, rate):
    """mean + rate (g - mean): a moving average, as torch.lerp has it."""
    return mean + rate * (g - mean)


@inlined
def mean_square(square, g, kept, rate):
    """kept square + rate g^2 with rate = 1 - kept; infinite once it overflows, never NaN for that."""
    return kept * square + rate * g * g


@inlined
def adam_step(mean, square, size, correction, eps):
    """size m / (sqrt(v) correction + eps), with size = lr / (1 - beta1^t) and correction = 1 / sqrt(1 - beta2^t)."""
    return size * mean / (math.sqrt(square) * correction + eps)


@inlined
def variance(square, mean):
    """E[g^2] - E[g]^2, at least 0: under gradients that hardly change, rounding may make the difference negative."""
    difference = square - mean * mean
    return ZERO if difference < ZERO else difference


@inlined
def normalized(g, square, eps):
    """g / (sqrt(square) + eps)."""
    return g / (math.sqrt(square) + eps)


@inlined
def clipped(g, bound):
    """g within [-bound, bound]; NaN stays NaN."""
    return bound if g > bound else (-bound if g < -bound else g)


@inlined
def clip_coefficient(root, scale, largest):
    """min(1, largest / (norm + margin)) for norm = root / scale: the largest norm allowed; NaN where the norm is.

    The scale keeps the norm within the range of numbers, and the quotient has it above and below.
    """
    coefficient = (largest * scale) / (root + MARGIN * scale)
    return ONE if coefficient > ONE else coefficient


@inlined
def power(g, p):
    """|g|^p: one term of a norm."""
    size = abs(g)
    if p == TWO:
        return size * size
    return size if p == ONE else size**p


@inlined
def rescaled_power(total, quotient, p):
    """A sum of powers when its terms are multiplied by the quotient; what is infinite stays so, also times 0."""
    return total if total == INFINITY else total * power(quotient, p)


@inlined
def root(total, p, infinite):
    """total^(1/p): a norm from the sum of its powers; the total itself for p = infinity."""
    if infinite or p == ONE:
        return total
    return math.sqrt(total) if p == TWO else total ** (ONE / p)


@inlined
def sgd_momentum(w, dw, v, options):
    """(w, v) after a step of gradient descent with momentum."""
    sign, weight_decay, lr, momentum, rate, nesterov, first = options
    g = decayed(dw, w, sign, weight_decay)
    v = velocity(g, v, momentum, rate, first)
    return w - lr * direction(g, v, momentum, nesterov), v


@inlined
def adam(w, dw, mean, square, largest, options):
    """(w, mean, square, largest) after a step of Adam; `largest` counts with AMSGrad alone."""
    amsgrad, sign, weight_decay, shrink, rate, kept, square_rate, size, correction, eps = options
    g = decayed(dw, w, sign, weight_decay)
    mean, square = moved_towards(mean, g, rate), mean_square(square, g, kept, square_rate)
    largest = maximum(largest, square) if amsgrad else square
    return shrink * w - adam_step(mean, largest, size, correction, eps), mean, square, largest


@inlined
def rmsprop(w, dw, square, mean, v, options):
    """(w, square, mean, v) after a step of RMSprop; mean counts where it is centered, v where it has momentum."""
    centered, moving, sign, weight_decay, lr, kept, rate, momentum, eps = options
    g = decayed(dw, w, sign, weight_decay)
    square, mean = mean_square(square, g, kept, rate), moved_towards(mean, g, rate) if centered else mean
    step = normalized(g, variance(square, mean) if centered else square, eps)
    v = momentum * v + step if moving else step
    return w - lr * v, square, mean, v


@inlined
def adagrad(w, dw, total, options):
    """(w, total) after a step of Adagrad."""
    sign, weight_decay, lr, eps = options
    g = decayed(dw, w, sign, weight_decay)
    total += g * g
    return w - lr * normalized(g, total, eps), total
