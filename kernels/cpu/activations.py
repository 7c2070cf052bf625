"""Activations on the CPU: one pass over memory, every array read or written once.

Bytes a call: 2 x.nbytes forward, 3 x.nbytes for a gradient; no arithmetic worth counting. The result may be an input.
"""

from .. import scalar
from .parallel import part, streaming


def relu(x, y):
    """y[i] = f(x[i]), f(x) = max(0, x)."""
    _relu(x.size, x.size, x.reshape(-1), y.reshape(-1))


def relu_grad(dy, x, dx):
    """dx[i] = dy[i] f'(x[i]); equation (20)'s factor on its own."""
    _relu_grad(x.size, x.size, dy.reshape(-1), x.reshape(-1), dx.reshape(-1))


def leaky_relu(x, slope, y):
    """y[i] = f(x[i]), f(x) = x for x > 0, slope x otherwise; slope has the arrays' type."""
    _leaky_relu(x.size, x.size, x.reshape(-1), slope, y.reshape(-1))


def leaky_relu_grad(dy, x, slope, dx):
    """dx[i] = dy[i] f'(x[i]); equation (20)'s factor on its own."""
    _leaky_relu_grad(x.size, x.size, dy.reshape(-1), x.reshape(-1), slope, dx.reshape(-1))


@streaming
def _relu(x, y, thread, threads):
    x, y = part(x, thread, threads), part(y, thread, threads)
    for i in range(x.size):
        y[i] = scalar.relu(x[i])


@streaming
def _relu_grad(dy, x, dx, thread, threads):
    dy, x, dx = part(dy, thread, threads), part(x, thread, threads), part(dx, thread, threads)
    for i in range(x.size):
        dx[i] = scalar.relu_grad(dy[i], x[i])


@streaming
def _leaky_relu(x, slope, y, thread, threads):
    x, y = part(x, thread, threads), part(y, thread, threads)
    for i in range(x.size):
        y[i] = scalar.leaky_relu(x[i], slope)


@streaming
def _leaky_relu_grad(dy, x, slope, dx, thread, threads):
    dy, x, dx = part(dy, thread, threads), part(x, thread, threads), part(dx, thread, threads)
    for i in range(x.size):
        dx[i] = scalar.leaky_relu_grad(dy[i], x[i], slope)
