"""Activations, softmax and their gradients, from their definitions, one number at a time."""

import functools
import math

import numpy as np


def _elementwise(formula):
    """Apply a formula of Python floats to every element of float64 arrays."""

    @functools.wraps(formula)
    def apply(*arguments):
        arrays = [np.asarray(a, np.float64) for a in arguments]
        shape = arrays[0].shape
        numbers = zip(*(np.broadcast_to(a, shape).ravel().tolist() for a in arrays), strict=True)
        return np.array([formula(*n) for n in numbers], np.float64).reshape(shape)

    return apply


def relu(x):
    """The larger of x and 0."""
    return np.maximum(x.astype(np.float64), 0)


def relu_grad(dy, x):
    """dy where x is not <= 0."""
    return np.where(x <= 0, 0.0, dy.astype(np.float64))


def leaky_relu(x, slope):
    """x, or slope x where it is not positive."""
    x = x.astype(np.float64)
    return np.where(x > 0, x, slope * x)


def leaky_relu_grad(dy, x, slope):
    """Dy, or slope dy where x is not positive."""
    dy = dy.astype(np.float64)
    return np.where(x > 0, dy, slope * dy)


@_elementwise
def relu6(x):
    """x, kept within 0 and 6."""
    return x if math.isnan(x) else min(max(x, 0), 6)


@_elementwise
def relu6_grad(dy, x):
    """dy inside."""
    return dy if 0 < x < 6 else 0


@_elementwise
def hardtanh(x, low, high):
    """x, kept within low and high."""
    return x if math.isnan(x) else min(max(x, low), high)


@_elementwise
def hardtanh_grad(dy, x, low, high):
    """dy inside."""
    return dy if low < x < high else 0


@_elementwise
def hardsigmoid(x):
    """A line from (-3, 0) to (3, 1)."""
    return x if math.isnan(x) else min(max(x / 6 + 0.5, 0), 1)


@_elementwise
def hardsigmoid_grad(dy, x):
    """Its slope."""
    return dy / 6 if -3 < x < 3 else 0


@_elementwise
def hardswish(x):
    """x times that line; minus infinity times 0 is NaN."""
    return x if math.isnan(x) else x * min(max(x / 6 + 0.5, 0), 1)


@_elementwise
def hardswish_grad(dy, x):
    """A parabola's slope between -3 and 3."""
    if math.isnan(x):
        return x
    if x <= -3:
        return 0
    return dy if x >= 3 else dy * (2 * x + 3) / 6


def _exp(x):
    return math.inf if x >= 709 else math.exp(x)


def _logistic(x):
    return 1 / (1 + _exp(-x))


@_elementwise
def sigmoid(x):
    """The logistic function."""
    return _logistic(x)


@_elementwise
def sigmoid_grad(dy, x):
    """s (1 - s), as the product of the functions of x and -x."""
    return dy * _logistic(x) * _logistic(-x)


@_elementwise
def tanh(x):
    """The hyperbolic tangent."""
    return math.tanh(x)


@_elementwise
def tanh_grad(dy, x):
    """1 / cosh^2."""
    return dy / math.cosh(x) ** 2 if abs(x) < 300 else dy * (1 - math.tanh(x) ** 2)


@_elementwise
def elu(x, alpha):
    """An exponential to the left of 0."""
    return alpha * math.expm1(x) if x <= 0 else x


@_elementwise
def elu_grad(dy, x, alpha):
    """Its derivative."""
    return dy * alpha * math.exp(x) if x <= 0 else dy + 0 * x if math.isnan(x) else dy


SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(x):
    """A scaled elu."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def selu_grad(dy, x):
    """A scaled elu's derivative."""
    return SELU_SCALE * elu_grad(dy, x, SELU_ALPHA)


@_elementwise
def softplus(x, beta, threshold):
    """log(1 + e^(beta x)) / beta below the threshold."""
    z = beta * x
    if z > threshold:
        return x
    return (math.log1p(math.exp(z)) if z < 30 else z) / beta


@_elementwise
def softplus_grad(dy, x, beta, threshold):
    """Its derivative."""
    return dy if beta * x > threshold else dy * _logistic(beta * x)


@_elementwise
def silu(x):
    """x times the logistic function; minus infinity times 0 is NaN."""
    return x * _logistic(x)


@_elementwise
def silu_grad(dy, x):
    """The product rule."""
    return dy * (_logistic(x) + x * (_logistic(x) * _logistic(-x)))


def _gate_of_mish(x):
    return math.tanh(math.log1p(math.exp(x)) if x < 30 else x)


@_elementwise
def mish(x):
    """x tanh(softplus(x))."""
    return x * _gate_of_mish(x)


@_elementwise
def mish_grad(dy, x):
    """The product rule and the chain rule."""
    softplus = math.log1p(math.exp(x)) if x < 30 else x
    slope = 1 / math.cosh(softplus) ** 2 if abs(softplus) < 300 else 0 * dy
    return dy * (_gate_of_mish(x) + x * (slope * _logistic(x)))


def _normal_below(x):
    return math.erfc(-x / math.sqrt(2)) / 2


@_elementwise
def gelu(x):
    """x times the normal law's distribution function."""
    return x * _normal_below(x)


@_elementwise
def gelu_grad(dy, x):
    """The product rule."""
    return dy * (_normal_below(x) + x * (math.exp(-x * x / 2) / math.sqrt(2 * math.pi)))


def _cubic(x):
    """2u, and its derivative; (1 + tanh(u)) / 2 is the logistic function of 2u."""
    root = math.sqrt(8 / math.pi)
    return root * (x + 0.044715 * x**3), root * (1 + 3 * 0.044715 * x**2)


@_elementwise
def gelu_tanh(x):
    """The approximation; its gate is 0 or 1 far from 0."""
    return x * _logistic(_cubic(x)[0]) if abs(x) < 30 else x * (x > 0)


@_elementwise
def gelu_tanh_grad(dy, x):
    """The product rule and the chain rule."""
    if abs(x) >= 30:
        return dy * ((x > 0) + x * 0)
    z, slope = _cubic(x)
    return dy * (_logistic(z) + x * slope * _logistic(z) * _logistic(-z))


def prelu_weight_grad(dy, x, slopes):
    """Each element's product, added to its channel's slope."""
    dweight = np.zeros(slopes)
    for i in np.ndindex(x.shape):
        if not x[i] > 0:
            dweight[i[1] if slopes > 1 else 0] += float(dy[i]) * float(x[i])
    return dweight


def softmax(x, axis):
    """The definition, shifted by the maximum."""
    e = np.exp(x.astype(np.float64) - x.astype(np.float64).max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax_grad(dy, x, axis):
    """The Jacobian diag(y) - y y^T, row by row."""
    y, dx = np.moveaxis(softmax(x, axis), axis, -1), np.zeros(x.shape)
    out, dy = np.moveaxis(dx, axis, -1), np.moveaxis(dy.astype(np.float64), axis, -1)
    for i in np.ndindex(y.shape[:-1]):
        out[i] = (np.diag(y[i]) - np.outer(y[i], y[i])) @ dy[i]
    return dx


def log_softmax(x, axis):
    """The definition, shifted by the maximum."""
    shifted = x.astype(np.float64) - x.astype(np.float64).max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def log_softmax_grad(dy, x, axis):
    """The Jacobian 1 - 1 y^T, row by row."""
    y, dx = np.moveaxis(softmax(x, axis), axis, -1), np.zeros(x.shape)
    out, dy = np.moveaxis(dx, axis, -1), np.moveaxis(dy.astype(np.float64), axis, -1)
    for i in np.ndindex(y.shape[:-1]):
        out[i] = (np.eye(y.shape[-1]) - np.outer(y[i], np.ones(y.shape[-1]))) @ dy[i]
    return dx
