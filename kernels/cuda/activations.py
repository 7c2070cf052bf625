"""Activations on CUDA: a thread for each element, neighbours touch neighbours. The result may be an input.

Bytes a launch: 2 x.nbytes forward, 3 x.nbytes for a gradient; no arithmetic worth counting.
"""

from .. import scalar
from .launch import cuda, each, uint32


def relu(x, y):
    """y[i] = f(x[i]), f(x) = max(0, x)."""
    each(relu_kernel, x.size, x, y)


def relu_grad(dy, x, dx):
    """dx[i] = dy[i] f'(x[i]); equation (20)'s factor on its own."""
    each(relu_grad_kernel, x.size, dy, x, dx)


def leaky_relu(x, slope, y):
    """y[i] = f(x[i]), f(x) = x for x > 0, slope x otherwise; slope has the arrays' type."""
    each(leaky_relu_kernel, x.size, x, slope, y)


def leaky_relu_grad(dy, x, slope, dx):
    """dx[i] = dy[i] f'(x[i]); equation (20)'s factor on its own."""
    each(leaky_relu_grad_kernel, x.size, dy, x, slope, dx)


@cuda.jit(cache=True)
def relu_kernel(x, y):
    """y[i] = max(0, x[i])."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        y[i] = scalar.relu(x[i])


@cuda.jit(cache=True)
def relu_grad_kernel(dy, x, dx):
    """dx[i] = dy[i] where x[i] > 0, else 0."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        dx[i] = scalar.relu_grad(dy[i], x[i])


@cuda.jit(cache=True)
def leaky_relu_kernel(x, slope, y):
    """y[i] = x[i] where x[i] > 0, else slope x[i]."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        y[i] = scalar.leaky_relu(x[i], slope)


@cuda.jit(cache=True)
def leaky_relu_grad_kernel(dy, x, slope, dx):
    """dx[i] = dy[i] where x[i] > 0, else slope dy[i]."""
    i = uint32(cuda.grid(1))
    if i < x.size:
        dx[i] = scalar.leaky_relu_grad(dy[i], x[i], slope)
