"""Pooling by one window that is the whole plane: global averages on the CPU, of contiguous memory.

A thread takes whole planes (n, c). Bytes a call: x and y once.
"""

from ...cpu.parallel import share, streaming


def means(x, divisor, y):
    """y[n, c] = the sum of the plane x[n, c] / divisor."""
    _means(y.size, x.size, x.reshape(-1), x.dtype.type(divisor), y.reshape(-1))


def means_input_grad(dy, divisor, dx):
    """dx[n, c, ...] = dy[n, c] / divisor."""
    _spread(dy.size, dx.size, dy.reshape(-1), dx.dtype.type(divisor), dx.reshape(-1))


def _means_body(x, divisor, y, thread, threads):
    size = x.size // y.size
    first, last = share(y.size, thread, threads)
    for plane in range(first, last):
        terms, total = x[plane * size : (plane + 1) * size], x.dtype.type(0)
        for i in range(terms.size):
            total += terms[i]
        y[plane] = total / divisor


_means = streaming(_means_body, fastmath={"reassoc", "nsz"})


@streaming
def _spread(dy, divisor, dx, thread, threads):
    size = dx.size // dy.size
    first, last = share(dy.size, thread, threads)
    for plane in range(first, last):
        positions, value = dx[plane * size : (plane + 1) * size], dy[plane] / divisor
        for i in range(positions.size):
            positions[i] = value
