"""Activations on CUDA: a thread for each element, neighbours touch neighbours. The result may be an input.

Bytes a launch: 2 x.nbytes forward, 3 x.nbytes for a gradient. FLOPs: none worth counting for relu and its like; 25 to
60 an element where exponentials are taken.
"""

from ..scalar import leaky_relu, leaky_relu_grad, slope_grad
from ..scalar_activations import ACTIVATIONS
from ..templates import instance, parameters_of
from .launch import beside, cuda, each, uint32
from .sums import sum_columns

f = None  # each kernel has its own


def forward(name, x, y, *parameters):
    """y[i] = f(x[i], parameters) with the activation of that name; the parameters have the arrays' type."""
    each(FORWARD[name], x.size, x, y, *parameters)


def backward(name, dy, x, dx, *parameters):
    """dx[i] = dy[i] f'(x[i]): equation (20)'s factor on its own."""
    each(BACKWARD[name], x.size, dy, x, dx, *parameters)


def prelu(x, weight, y):
    """y[n,c,i] = x where x > 0, weight[c] x elsewhere; x (outer, channels, inner)."""
    each(prelu_kernel, x.size, x, weight, y, *x.shape[1:])


def prelu_grad(dy, x, weight, dx):
    """dx[n,c,i] = dy where x > 0, weight[c] dy elsewhere."""
    each(prelu_grad_kernel, x.size, dy, x, weight, dx, *x.shape[1:])


def prelu_weight_grad(dy, x, dweight):
    """dweight[c] = the sum of dy x over all n and i where x <= 0."""
    products = beside(x, x.shape)
    each(PRODUCTS, x.size, dy, x, products)
    sum_columns(products, dweight)


def _forward(x, y):
    """y[i] = f(x[i])."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        y[i] = f(x[i])


def _forward_one(x, y, a):
    """y[i] = f(x[i], a)."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        y[i] = f(x[i], a)


def _forward_two(x, y, a, b):
    """y[i] = f(x[i], a, b)."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        y[i] = f(x[i], a, b)


def _backward(dy, x, dx):
    """dx[i] = dy[i] f'(x[i])."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        dx[i] = f(dy[i], x[i])


def _backward_one(dy, x, dx, a):
    """dx[i] = dy[i] f'(x[i], a)."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        dx[i] = f(dy[i], x[i], a)


def _backward_two(dy, x, dx, a, b):
    """dx[i] = dy[i] f'(x[i], a, b)."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        dx[i] = f(dy[i], x[i], a, b)


def _kernel(template, formula):
    return cuda.jit(cache=True)(instance(template, f"{formula.py_func.__name__}_kernel", f=formula))


def _kernels(side, templates):
    """{name: kernel} of the forward (0) or backward (1) formulas, with the template for their number of parameters."""
    formulas = {name: pair[side] for name, pair in ACTIVATIONS.items()}
    return {name: _kernel(templates[parameters_of(f, 1 + side)], f) for name, f in formulas.items()}


FORWARD = _kernels(0, (_forward, _forward_one, _forward_two))
BACKWARD = _kernels(1, (_backward, _backward_one, _backward_two))
PRODUCTS = _kernel(_backward, slope_grad)


@cuda.jit(cache=True)
def prelu_kernel(x, weight, y, channels, inner):
    """y[i] = x[i] where x[i] > 0, else weight[c] x[i]; i = (n channels + c) inner + position."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        y[i] = leaky_relu(x[i], weight[uint32(uint32(i // uint32(inner)) % uint32(channels))])


@cuda.jit(cache=True)
def prelu_grad_kernel(dy, x, weight, dx, channels, inner):
    """dx[i] = dy[i] where x[i] > 0, else weight[c] dy[i]."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        dx[i] = leaky_relu_grad(dy[i], x[i], weight[uint32(uint32(i // uint32(inner)) % uint32(channels))])
