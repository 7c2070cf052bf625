"""The mathematics of one element, written once and compiled by both targets.

Every function takes and returns scalars of one floating type. Constants are float32, which widens to the type of the
other operand, so no float64 slips into a float32 kernel.
"""

from .scalar_math import ONE, ZERO, exp_nonpositive, inlined

# Codes of the activations that convolutions fuse; the public functions pass them down.
IDENTITY, RELU, LEAKY_RELU = 0, 1, 2


@inlined
def relu(x):
    """f(x) = max(0, x); NaN propagates."""
    return ZERO if x <= ZERO else x


@inlined
def relu_grad(dy, x):
    """dy * f'(x), with f'(0) = 0; dy itself where x is NaN."""
    return ZERO if x <= ZERO else dy


@inlined
def leaky_relu(x, slope):
    """f(x) = x for x > 0, slope * x otherwise."""
    return x if x > ZERO else slope * x


@inlined
def leaky_relu_grad(dy, x, slope):
    """dy * f'(x), with f'(0) = slope."""
    return dy if x > ZERO else slope * dy


@inlined
def activate(x, code, slope):
    """f(x) for the activation of that code, in the epilogue of a convolution."""
    if code == RELU:
        return relu(x)
    if code == LEAKY_RELU:
        return leaky_relu(x, slope)
    return x


@inlined
def activate_grad(dy, x, code, slope):
    """dy * f'(x) for the activation of that code: the last factor of equation (20)."""
    if code == RELU:
        return relu_grad(dy, x)
    if code == LEAKY_RELU:
        return leaky_relu_grad(dy, x, slope)
    return dy


@inlined
def sigmoid(x):
    """1 / (1 + e^-x)."""
    e = exp_nonpositive(-abs(x))
    return (e if x < ZERO else ONE) / (ONE + e)


@inlined
def added(total, error, term):
    """(total, error) of a sum with one more term: the sum's rounding errors are added up beside it (Knuth, 1969).

    total + error has the precision of a sum in twice the digits, however many terms.
    """
    new = total + term
    virtual = new - total
    return new, error + ((total - (new - virtual)) + (term - virtual))


@inlined
def corrected(total, error):
    """The sum from the total and its error; the total alone, of -0 too, without error, or where that is not finite."""
    return total if error == ZERO or error - error != ZERO else total + error


@inlined
def maximum(a, b):
    """max(a, b); NaN where either is NaN."""
    return b if a < b or b != b else a  # noqa: PLR0124  NaN alone differs from itself


@inlined
def sum_or_max(a, b, infinite):
    """a + b, or max(a, b) if infinite: two partial p-norms combined, for finite p or p = infinity."""
    return maximum(a, b) if infinite else a + b
