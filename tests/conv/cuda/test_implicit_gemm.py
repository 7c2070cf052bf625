"""Implicit GEMM: every tile, executed in the emulator on geometries of all kinds, against the oracle."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

import gpuconv
from gpuconv.kernels.conv.cuda import select
from gpuconv.kernels.cuda import tile_config
from gpuconv.testing import assert_close
from tests import reference
from tests.conv.cuda.passes import PLAIN

pytestmark = pytest.mark.usefixtures("emulated")

FLOAT32 = list(zip(tile_config.SHAPES[4], tile_config.WEIGHT_GRAD_SHAPES[4], strict=True))


def _name(shapes):
    return f"{shapes[0].rows}x{shapes[0].columns}"


def _geometries(count, seed):
    """(x shape, w shape, options): groups, dilation, strides up to 3, padding on one side, one image or a few."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        groups = int(rng.choice([1, 1, 1, 2, 3]))
        c, k = (int(rng.choice([1, 3, 5, 8, 11, 16, 21])) for _ in range(2))
        n, r, s = (int(i) for i in rng.integers(1, 4, 3))
        options = {
            "stride": tuple(int(i) for i in rng.choice([1, 1, 2, 3], 2)),
            "padding": tuple(tuple(int(i) for i in rng.integers(0, 3, 2)) for _ in range(2)),
            "dilation": tuple(int(i) for i in rng.choice([1, 1, 2], 2)),
            "groups": groups,
        }
        least = [
            d * (e - 1) + 1 - sum(p) for d, e, p in zip(options["dilation"], (r, s), options["padding"], strict=True)
        ]
        h, w = (max(int(rng.integers(1, 9)), size) for size in least)
        yield (n, groups * c, h, w), (groups * k, c, r, s), options


SOME = list(_geometries(60, seed=0))
# More than one tile of every shape, in each direction, and none of them full.
LARGE = [
    ((1, 17, 15, 13), (131, 17, 3, 3), {**PLAIN, "padding": ((1, 1), (1, 1))}),
    ((3, 16, 9, 11), (72, 16, 1, 2), {**PLAIN, "stride": (1, 2)}),
    ((2, 140, 7, 10), (70, 70, 2, 1), {**PLAIN, "groups": 2}),
]


@pytest.fixture
def tiled_by(monkeypatch):
    """Have one shape of tile chosen whatever it costs, and sums split in three."""

    def choose(shapes, splits=3):
        def split(itemsize, groups, rows, columns, depth, multiprocessors):
            length = -(-depth // splits // 8) * 8
            return shapes[1], -(-depth // length), length

        monkeypatch.setattr(select, "best_shape", lambda *problem: shapes[0])
        monkeypatch.setattr(select, "best_split", split)

    return choose


def _agree(actual, oracle, arguments, options, terms):
    """Compare with the oracle; the same sums over squares say how large their terms were."""
    squares = [a.astype(np.float64) ** 2 if isinstance(a, np.ndarray) else a for a in arguments]
    magnitude = np.sqrt(oracle(*squares, **options))
    expected = oracle(*arguments, **options)
    assert_close(actual, expected, terms=terms, magnitude=magnitude, algorithm="implicit_gemm")


def _compare(x_shape, w_shape, options, dtype=np.float32):
    rng = np.random.default_rng(sum(x_shape + w_shape))
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape, w_shape[:1]))
    kw = {**options, "algorithm": "implicit_gemm"}
    y = gpuconv.conv2d(x, w, b, **kw)
    _agree(y, reference.conv2d, (x, w, b), options, np.prod(w_shape[1:]))
    dy = rng.standard_normal(y.shape).astype(dtype)
    dx = gpuconv.conv2d_input_grad(dy, w, x_shape, **kw)
    _agree(dx, reference.conv2d_input_grad, (dy, w, x_shape), options, w[:, 0].size)
    dw = gpuconv.conv2d_weight_grad(x, dy, w_shape, **kw)
    _agree(dw, reference.conv2d_weight_grad, (x, dy, w_shape), options, dy[:, 0].size)


@pytest.mark.parametrize("case", range(len(SOME)))
def test_geometries_of_all_kinds(case, tiled_by):
    tiled_by(FLOAT32[case % len(FLOAT32)], splits=1 + case // 4 % 3)
    _compare(*SOME[case])


@pytest.mark.parametrize("shapes", FLOAT32, ids=_name)
@pytest.mark.parametrize("case", range(len(LARGE)))
def test_several_tiles_in_each_direction(case, shapes, tiled_by):
    tiled_by(shapes)
    _compare(*LARGE[case])


@pytest.mark.parametrize("case", [*range(0, len(SOME), 10)])
def test_float64(case):
    _compare(*SOME[case], np.float64)
