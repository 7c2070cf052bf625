"""The mathematics of one element, written once and compiled by both targets.

Every function takes and returns scalars of one floating type. Constants are float32, which widens to the type of the
other operand, so no float64 slips into a float32 kernel.
"""

from .scalar_math import ONE, ZERO, inlined

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
def beats(value, best):
    """Whether a value takes a maximum's place: larger, or the first NaN. Without branches, which data would mislead."""
    return (best == best) & (not value <= best)  # noqa: PLR0124


@inlined
def slope_grad(dy, x):
    """dy times the derivative of leaky_relu with respect to its slope: dy x where x is not > 0."""
    return ZERO if x > ZERO else dy * x


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
def softmax_grad(dy, y, product):
    """y (dy - sum_j dy_j y_j), the sum given."""
    return y * (dy - product)


@inlined
def negative_log(x, largest, log_total):
    """-log softmax(x) = log sum exp(x_j - max) + (max - x): in this order nothing small is lost in large logits."""
    return log_total + (largest - x)


@inlined
def smoothed(hit, spread, smoothing, classes):
    """(1 - smoothing) hit + smoothing mean: the loss of a label of which a part is spread over all classes.

    Without smoothing the hit alone, as the other classes' losses may be infinite (logits of -inf mask classes out).
    """
    return (ONE - smoothing) * hit + smoothing / classes * spread if smoothing > ZERO else hit
