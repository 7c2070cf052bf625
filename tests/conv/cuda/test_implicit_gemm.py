"""Implicit GEMM: every tile, executed in the emulator on geometries of all kinds, against the oracle."""

import math

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cuda import unsupported
from gpuconv.kernels.cuda import tile_config
from tests.conv.cuda.passes import PLAIN, compare

pytestmark = pytest.mark.usefixtures("emulated")

FLOAT32 = list(zip(tile_config.TILES[4], tile_config.WGRAD_TILES[4], strict=True))


def _name(tiles):
    return f"{tiles[0].rows}x{tiles[0].columns}"


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


def _split(tile, splits, shapes, options):
    """A SplitConfig of so many splits, as far as there are pixels, for a tile."""
    pixels = math.prod(conv_shape("split", *shapes, **options).y_shape) // shapes[1][0]
    length = -(-pixels // splits // 8) * 8
    return tile_config.SplitConfig(tile, -(-pixels // length), length)


def _compare(x_shape, w_shape, options, tiles, splits):
    tile, wgrad_tile = tiles
    split = _split(wgrad_tile, splits, (x_shape, w_shape), options)
    configs = {"fprop": {"tile": tile}, "dgrad": {"tile": tile}, "wgrad": {"split": split}}
    compare(x_shape, w_shape, options, algorithm="implicit_gemm", **configs)


@pytest.mark.parametrize("case", range(len(SOME)))
def test_geometries_of_all_kinds(case):
    _compare(*SOME[case], FLOAT32[case % len(FLOAT32)], splits=1 + case // 4 % 3)


@pytest.mark.parametrize("tiles", FLOAT32, ids=_name)
@pytest.mark.parametrize("case", range(len(LARGE)))
def test_several_tiles_in_each_direction(case, tiles):
    _compare(*LARGE[case], tiles, splits=3)


@pytest.mark.parametrize("case", [*range(0, len(SOME), 10)])
def test_float64(case):
    compare(*SOME[case], np.float64, algorithm="implicit_gemm")


def test_a_padded_image_too_large_to_be_counted_is_refused():
    shape = conv_shape("test", (1, 1, 40000, 3), (1, 1, 3, 3))
    expected = "implicit_gemm: a padded image of 40000x3, expected fewer than 32768 rows and columns"
    assert unsupported("implicit_gemm", shape, "wgrad", np.float32) == expected
    assert unsupported("implicit_gemm", shape, "fprop", np.float32) is None
