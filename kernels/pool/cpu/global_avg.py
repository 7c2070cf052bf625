"""Average pooling by one window that is the whole plane, on the CPU; a thread takes whole planes (n, c).

Bytes a call: x and y once.
"""

from ...cpu.parallel import share, streaming
from ...cpu.reduce import sum_in_float64


@streaming
def plane_means(x, divisor, y, thread, threads):
    """y[plane] = the sum of x[plane] / divisor; x (planes * size,), y (planes,)."""
    size = x.size // y.size
    first, last = share(y.size, thread, threads)
    for plane in range(first, last):
        y[plane] = sum_in_float64(x[plane * size : (plane + 1) * size]) / divisor


@streaming
def spread_means(dy, divisor, dx, thread, threads):
    """dx[plane, i] = dy[plane] / divisor; dy (planes,), dx (planes * size,)."""
    size = dx.size // dy.size
    first, last = share(dy.size, thread, threads)
    for plane in range(first, last):
        positions, value = dx[plane * size : (plane + 1) * size], dy[plane] / divisor
        for i in range(positions.size):
            positions[i] = value
