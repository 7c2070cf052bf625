"""Addition and concatenation on the CPU: one pass over memory. Bytes a call: every operand and the result once."""

from ..cpu.bfloat16 import element, set_element
from ..cpu.parallel import part, share, streaming


def add(a, b, y):
    """y[i] = a[i] + b[i]; arrays of uint16 are bfloat16."""
    _add(y.size, y.size, a.reshape(-1), b.reshape(-1), y.reshape(-1))


def copy_columns(x, first, y, start, columns):
    """y[:, start + i] = x[:, first + i] for i < columns; x and y are matrices of as many rows."""
    _copy_columns(x.shape[0], x.shape[0] * columns, x, first, y, start, columns)


@streaming
def _add(a, b, y, thread, threads):
    a, b, y = part(a, thread, threads), part(b, thread, threads), part(y, thread, threads)
    for i in range(y.size):
        set_element(y, i, element(a, i) + element(b, i))


@streaming
def _copy_columns(x, first, y, start, columns, thread, threads):
    top, bottom = share(x.shape[0], thread, threads)
    for row in range(top, bottom):
        source, target = x[row, first : first + columns], y[row, start : start + columns]
        for i in range(columns):
            target[i] = source[i]
