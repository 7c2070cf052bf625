"""Activations on the CPU: one pass over memory, every array read or written once. The result may be an input.

Bytes a call: 2 x.nbytes forward, 3 x.nbytes for a gradient. FLOPs: 1 or 2 an element for relu and its relatives, 25 to
60, in vectors, for exponentials.
"""

import numpy as np

from ..core.scalar import leaky_relu, leaky_relu_grad
from ..core.templates import instance, parameters_of
from ..cpu.bfloat16 import element, set_element
from ..cpu.parallel import SERIAL_ELEMENTS, is_serial, part, share, streaming
from ..cpu.reduce import sum_columns
from ..cpu.wide import wide_vectors
from .scalar import ACTIVATIONS, slope_grad

f = None  # the formula, a global that each instance of a template binds


def forward(name, size):
    """Launcher of the activation of that name for arrays of so many elements.

    launch(x, *parameters, y) computes y[i] = f(x[i], parameters); the parameters have the arrays' type. A small array
    goes to the compiled kernel straight: each Python call on the way costs a tenth of a relu. Arrays of uint16 are
    bfloat16.
    """
    launch = FORWARD[name]
    if is_serial(size < SERIAL_ELEMENTS) and not parameters_of(ACTIVATIONS[name][0], 1):
        kernel = launch.kernel
        return lambda x, y: kernel(x.ravel(), y.ravel(), 0, 1)
    return lambda x, *others: launch(size, size, x.ravel(), *others[:-1], others[-1].ravel())


def backward(name, size):
    """Launcher of its gradient: launch(dy, x, *parameters, dx) computes dx[i] = dy[i] f'(x[i]), as in equation (20)."""
    launch = BACKWARD[name]
    if is_serial(size < SERIAL_ELEMENTS) and not parameters_of(ACTIVATIONS[name][1], 2):
        kernel = launch.kernel
        return lambda dy, x, dx: kernel(dy.ravel(), x.ravel(), dx.ravel(), 0, 1)
    return lambda dy, x, *others: launch(size, size, dy.ravel(), x.ravel(), *others[:-1], others[-1].ravel())


def prelu(x, weight, y):
    """y[n,c,i] = x where x > 0, weight[c] x elsewhere; x (outer, channels, inner)."""
    if weight.size == 1:
        forward("leaky_relu", x.size)(x, weight[0], y)
    else:
        _prelu(x.shape[0] * x.shape[1], x.size, x, weight, y)


def prelu_grad(dy, x, weight, dx):
    """dx[n,c,i] = dy where x > 0, weight[c] dy elsewhere."""
    if weight.size == 1:
        backward("leaky_relu", x.size)(dy, x, weight[0], dx)
    else:
        _prelu_grad(x.shape[0] * x.shape[1], x.size, dy, x, weight, dx)


def prelu_weight_grad(dy, x, dweight):
    """dweight[c] = the sum of dy x over all n and i where x <= 0."""
    products = np.empty_like(x)
    PRODUCTS(x.size, x.size, dy.reshape(-1), x.reshape(-1), products.reshape(-1))
    sum_columns(products, dweight)


def _forward(x, y, thread, threads):
    wide_vectors()
    x, y = part(x, thread, threads), part(y, thread, threads)
    for i in range(x.size):
        set_element(y, i, f(element(x, i)))


def _forward_one(x, a, y, thread, threads):
    wide_vectors()
    x, y = part(x, thread, threads), part(y, thread, threads)
    for i in range(x.size):
        set_element(y, i, f(element(x, i), a))


def _forward_two(x, a, b, y, thread, threads):
    wide_vectors()
    x, y = part(x, thread, threads), part(y, thread, threads)
    for i in range(x.size):
        set_element(y, i, f(element(x, i), a, b))


def _backward(dy, x, dx, thread, threads):
    wide_vectors()
    dy, x, dx = part(dy, thread, threads), part(x, thread, threads), part(dx, thread, threads)
    for i in range(x.size):
        set_element(dx, i, f(element(dy, i), element(x, i)))


def _backward_one(dy, x, a, dx, thread, threads):
    wide_vectors()
    dy, x, dx = part(dy, thread, threads), part(x, thread, threads), part(dx, thread, threads)
    for i in range(x.size):
        set_element(dx, i, f(element(dy, i), element(x, i), a))


def _backward_two(dy, x, a, b, dx, thread, threads):
    wide_vectors()
    dy, x, dx = part(dy, thread, threads), part(x, thread, threads), part(dx, thread, threads)
    for i in range(x.size):
        set_element(dx, i, f(element(dy, i), element(x, i), a, b))


def _kernels(side, templates):
    """{name: kernel} of the forward (0) or backward (1) formulas; a template for each number of parameters."""
    formulas = {name: pair[side] for name, pair in ACTIVATIONS.items()}
    return {
        name: streaming(instance(templates[parameters_of(f, 1 + side)], f.py_func.__name__, f=f))
        for name, f in formulas.items()
    }


FORWARD = _kernels(0, (_forward, _forward_one, _forward_two))
BACKWARD = _kernels(1, (_backward, _backward_one, _backward_two))
PRODUCTS = streaming(instance(_backward, "slope_grad", f=slope_grad))


@streaming
def _prelu(x, weight, y, thread, threads):
    """x and y (outer, channels, inner), weight (channels,)."""
    channels = x.shape[1]
    first, last = share(x.shape[0] * channels, thread, threads)
    for row in range(first, last):
        n, c = row // channels, row % channels
        source, target = x[n, c], y[n, c]
        for i in range(source.size):
            target[i] = leaky_relu(source[i], weight[c])


@streaming
def _prelu_grad(dy, x, weight, dx, thread, threads):
    """dy, x and dx (outer, channels, inner), weight (channels,)."""
    channels = x.shape[1]
    first, last = share(x.shape[0] * channels, thread, threads)
    for row in range(first, last):
        n, c = row // channels, row % channels
        gradient, source, target = dy[n, c], x[n, c], dx[n, c]
        for i in range(source.size):
            target[i] = leaky_relu_grad(gradient[i], source[i], weight[c])
