"""Kernels that are right, with arguments of every kind that Numba takes."""

import enum
from collections import namedtuple

import numpy as np
from numba import cuda

from tests.emulator.foreign.entries import gives


def copy(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i]


def copy_2d(x, y):
    i, j = cuda.grid(2)
    if i < x.shape[0] and j < x.shape[1]:
        y[i, j] = x[i, j]


SQUARE = np.arange(64.0).reshape(8, 8)
VIEWS = {
    "every_second": np.arange(64.0)[::2],
    "reversed": np.arange(32.0)[::-1],
    "every_third_backwards": np.arange(90.0)[::-3],
    "column": SQUARE[:, 3],
    "block_of_columns": SQUARE[:, 2:5],
    "rows": SQUARE[1:5],
    "transposed": SQUARE.T,
    "both_axes_reversed": SQUARE[::-1, ::-2],
    "fortran_order": np.asfortranarray(SQUARE[:, :5]),
    "scalar_broadcast": np.broadcast_to(np.float64(3), 32),
    "row_broadcast": np.broadcast_to(np.arange(8.0), (6, 8)),
    "overlapping_windows": np.lib.stride_tricks.sliding_window_view(np.arange(12.0), 5),
    "empty": np.zeros(0),
    "no_rows": np.zeros((0, 4)),
    "datetime64": np.arange(32).astype("M8[s]"),
    "timedelta64": np.arange(32).astype("m8[ms]"),
    "complex64": (np.arange(32) * (1 + 2j)).astype(np.complex64),
    "bool": np.arange(32) % 3 == 0,
    "float16": np.arange(32).astype(np.float16),
}
for _name, _view in VIEWS.items():
    _kernel = copy if _view.ndim == 1 else copy_2d
    gives(lambda v=_view: [v], lambda v: np.array(v), 1, 96 if _view.ndim == 1 else (8, 8))(
        cuda.jit(type(copy)(_kernel.__code__, _kernel.__globals__, _name))
    )


@gives(lambda: [np.array(3.0)], lambda x: np.full((), 4.0), 1, 1)
@cuda.jit
def no_axes(x, y):
    y[()] = x[()] + 1


RECORD = np.dtype([("a", "f4"), ("b", "i8"), ("c", "f4", (3,))], align=True)
RECORDS = np.array([(k, 2 * k, (k, k + 1, k + 2)) for k in range(32)], RECORD)


@gives(lambda: [RECORDS], lambda r: r["a"] + r["b"] + r["c"][:, 2])
@cuda.jit
def records(r, y):
    i = cuda.grid(1)
    y[i] = r[i].a + r[i]["b"] + r[i].c[2]


@gives(lambda: [RECORDS[5]], lambda r: np.full(32, 15.0))
@cuda.jit
def one_record(r, y):
    y[cuda.grid(1)] = r.a + r.b


@gives(lambda: [np.zeros(32, [("r", "u1"), ("g", "u1"), ("b", "u1")])], lambda p: np.full(32, 7.0))
@cuda.jit
def packed_bytes(p, y):
    i = cuda.grid(1)
    p[i].g = 7
    y[i] = p[i].g


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 3
    HIGH = 5


@gives(lambda: [Color.BLUE, Level.HIGH], lambda c, v: np.full(32, 5.0))
@cuda.jit
def enums(c, v, y):
    i = cuda.grid(1)
    if c == Color.BLUE and v == Level.HIGH:
        y[i] = 5


@gives(lambda: [(1, (np.arange(32.0), 2.5), np.arange(64.0)[::2])], lambda t: 1 + t[1][0] + 2.5 + t[2])
@cuda.jit
def nested_tuple(t, y):
    i = cuda.grid(1)
    y[i] = t[0] + t[1][0][i] + t[1][1] + t[2][i]


Pair = namedtuple("Pair", "scale shift")


@gives(lambda: [Pair(2, np.arange(32.0))], lambda p: 2 * np.arange(32) + p.shift)
@cuda.jit
def named_tuple(p, y):
    i = cuda.grid(1)
    y[i] = p.scale * i + p.shift[i]


@gives(lambda: [3 - 1j, np.complex64(1 + 1j)], lambda a, b: np.full(32, a * b))
@cuda.jit
def complex_scalars(a, b, y):
    y[cuda.grid(1)] = a * b


@gives(
    lambda: [True, np.bool_(False), 2**63 + 5, np.int8(-3), np.float32(0.5)],
    lambda t, f, u, n, h: np.full(32, 2**63 + 5, np.uint64),
)
@cuda.jit
def scalars(t, f, u, n, h, y):
    if t and not f and n == -3 and h == 0.5:
        y[cuda.grid(1)] = u


@gives(lambda: [np.datetime64(7, "s"), np.timedelta64(3, "s")], lambda d, t: np.full(32, d + t))
@cuda.jit
def dates(d, t, y):
    y[cuda.grid(1)] = d + t


@gives(lambda: [], lambda: np.full(32, 9.0))
@cuda.jit
def default(y, n=9):
    y[cuda.grid(1)] = n


def _constant():
    x = np.arange(32.0)
    x.flags.writeable = False
    return [x]


@gives(_constant, lambda x: 2 * x)
@cuda.jit
def read_only(x, y):
    i = cuda.grid(1)
    y[i] = 2 * x[i]


@gives(lambda: [np.arange(32.0, dtype=np.float32), 3], lambda x, n: x + 3)
@cuda.jit("void(float32[::1], int32, float32[::1])")
def declared(x, n, y):
    i = cuda.grid(1)
    y[i] = x[i] + n


@gives(lambda: [np.arange(64)[::2]], lambda x: np.full(32, 8))
@cuda.jit(["void(float32[:], float32[:])", "void(int64[:], int64[:])"])
def declared_twice(x, y):
    y[cuda.grid(1)] = x.itemsize
