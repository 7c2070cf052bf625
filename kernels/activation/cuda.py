"""Activations on CUDA, vectorized: four elements a thread, in 128-bit accesses. The result may be an input.

Bytes a launch: 2 x.nbytes forward, 3 x.nbytes for a gradient. FLOPs: 1 or 2 an element for relu and its relatives, 25
to 60 for exponentials.
"""

from ..core.scalar import leaky_relu, leaky_relu_grad
from ..core.templates import instance, parameters_of
from ..cuda.launch import cuda, empty_like_on, uint32
from ..cuda.reduce import sum_columns
from ..cuda.vectorized import FOUR, launch_vectorized, load4, scalar_index, store4
from .scalar import ACTIVATIONS, slope_grad

f = None  # the formula, a global that each instance of a template binds


def forward(name, size):
    """Launcher of the activation of that name; the size is for the CPU to look at.

    launch(x, *parameters, y) computes y[i] = f(x[i], parameters); the parameters have the arrays' type.
    """
    return lambda x, *others: launch_vectorized(FORWARD[name], (x, others[-1]), *others[:-1])


def backward(name, size):
    """Launcher of its gradient: launch(dy, x, *parameters, dx) computes dx[i] = dy[i] f'(x[i]), as in equation (20)."""
    return lambda dy, x, *others: launch_vectorized(BACKWARD[name], (dy, x, others[-1]), *others[:-1])


def prelu(x, weight, y):
    """y[n,c,i] = x where x > 0, weight[c] x elsewhere; x (outer, channels, inner)."""
    launch_vectorized(prelu_kernel, (x, y), weight, *x.shape[1:], rows=x.shape[2])


def prelu_grad(dy, x, weight, dx):
    """dx[n,c,i] = dy where x > 0, weight[c] dy elsewhere."""
    launch_vectorized(prelu_grad_kernel, (dy, x, dx), weight, *x.shape[1:], rows=x.shape[2])


def prelu_weight_grad(dy, x, dweight):
    """dweight[c] = the sum of dy x over all n and i where x <= 0."""
    products = empty_like_on(x, x.shape)
    launch_vectorized(PRODUCTS, (dy, x, products))
    sum_columns(products, dweight)


def _forward(x, y, vectors):
    """y[i] = f(x[i])."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        a, b, c, d = load4(x, j)
        store4(y, j, (f(a), f(b), f(c), f(d)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        y[j] = f(x[j])


def _forward_one(x, y, vectors, p):
    """y[i] = f(x[i], p)."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        a, b, c, d = load4(x, j)
        store4(y, j, (f(a, p), f(b, p), f(c, p), f(d, p)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        y[j] = f(x[j], p)


def _forward_two(x, y, vectors, p, q):
    """y[i] = f(x[i], p, q)."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        a, b, c, d = load4(x, j)
        store4(y, j, (f(a, p, q), f(b, p, q), f(c, p, q), f(d, p, q)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        y[j] = f(x[j], p, q)


def _backward(dy, x, dx, vectors):
    """dx[i] = dy[i] f'(x[i])."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        (da, db, dc, dd), (a, b, c, d) = load4(dy, j), load4(x, j)
        store4(dx, j, (f(da, a), f(db, b), f(dc, c), f(dd, d)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        dx[j] = f(dy[j], x[j])


def _backward_one(dy, x, dx, vectors, p):
    """dx[i] = dy[i] f'(x[i], p)."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        (da, db, dc, dd), (a, b, c, d) = load4(dy, j), load4(x, j)
        store4(dx, j, (f(da, a, p), f(db, b, p), f(dc, c, p), f(dd, d, p)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        dx[j] = f(dy[j], x[j], p)


def _backward_two(dy, x, dx, vectors, p, q):
    """dx[i] = dy[i] f'(x[i], p, q)."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        (da, db, dc, dd), (a, b, c, d) = load4(dy, j), load4(x, j)
        store4(dx, j, (f(da, a, p, q), f(db, b, p, q), f(dc, c, p, q), f(dd, d, p, q)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        dx[j] = f(dy[j], x[j], p, q)


def _kernel(template, formula):
    """The kernel that applies a formula to each element."""
    return cuda.jit(cache=True)(instance(template, f"{formula.py_func.__name__}_kernel", f=formula))


def _kernels(side, templates):
    """{name: kernel} of the forward (0) or backward (1) formulas; a template for each number of parameters."""
    formulas = {name: pair[side] for name, pair in ACTIVATIONS.items()}
    return {name: _kernel(templates[parameters_of(f, 1 + side)], f) for name, f in formulas.items()}


FORWARD = _kernels(0, (_forward, _forward_one, _forward_two))
BACKWARD = _kernels(1, (_backward, _backward_one, _backward_two))
PRODUCTS = _kernel(_backward, slope_grad)


@cuda.jit(device=True, inline="always")
def _slope(weight, i, channels, inner):
    """The slope of element i = (n channels + c) inner + position."""
    return weight[uint32(uint32(i // uint32(inner)) % uint32(channels))]


@cuda.jit(cache=True)
def prelu_kernel(x, y, vectors, weight, channels, inner):
    """y[i] = x[i] where x[i] > 0, else weight[c] x[i]; vectors where inner is a multiple of 4, so that four share c."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        p = _slope(weight, j, channels, inner)
        a, b, c, d = load4(x, j)
        store4(y, j, (leaky_relu(a, p), leaky_relu(b, p), leaky_relu(c, p), leaky_relu(d, p)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        y[j] = leaky_relu(x[j], _slope(weight, j, channels, inner))


@cuda.jit(cache=True)
def prelu_grad_kernel(dy, x, dx, vectors, weight, channels, inner):
    """dx[i] = dy[i] where x[i] > 0, else weight[c] dy[i]."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        p, f = _slope(weight, j, channels, inner), leaky_relu_grad
        (da, db, dc, dd), (a, b, c, d) = load4(dy, j), load4(x, j)
        store4(dx, j, (f(da, a, p), f(db, b, p), f(dc, c, p), f(dd, d, p)))
        return
    j = scalar_index(i, vectors)
    if j < x.size:
        dx[j] = leaky_relu_grad(dy[j], x[j], _slope(weight, j, channels, inner))
