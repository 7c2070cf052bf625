"""In-place kernels for few channels or filters: maps flat and by row, every edge of tiles, against the oracle."""

import numpy as np
import pytest

from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv import cpu
from gpuconv.kernels.conv.cpu.implicit_gemm.launch import tile_for
from gpuconv.kernels.cpu import parallel
from gpuconv.kernels.cpu.registers import VECTOR_BYTES
from tests.conv.cpu.test_algorithms import Problem
from tests.conv.test_conv2d import SYMMETRIC

FLAT = ((0, 0), (0, 0))
SAME = ((1, 1), (1, 1))

SHAPES = {
    "one pixel": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "a map smaller than a vector": ((2, 4, 3, 3), (6, 2, 3, 3), {"padding": SAME, "groups": 2}),
    "groups on a flat map": ((2, 8, 7, 7), (24, 4, 3, 3), {"padding": SAME, "groups": 2}),
    "few filters on a flat map": ((1, 20, 8, 8), (12, 20, 3, 3), {"padding": SAME}),
    "rows with columns inside and at edges": ((1, 3, 9, 131), (10, 3, 3, 3), {"padding": SAME}),
    "a first layer": ((2, 3, 17, 45), (32, 3, 3, 3), {"stride": (2, 2), "padding": SAME}),
    "wide taps at stride 2": ((1, 3, 20, 50), (16, 3, 7, 7), {"stride": (2, 2), "padding": ((3, 3), (3, 3))}),
    "no padding": ((1, 5, 20, 40), (9, 5, 3, 3), {}),
    "dilation": ((1, 3, 15, 37), (7, 3, 3, 3), {"dilation": (2, 3), "padding": ((2, 2), (3, 3))}),
    "a dilated flat map": ((1, 3, 12, 12), (7, 3, 3, 3), {"dilation": (4, 4), "padding": ((4, 4), (4, 4))}),
    "one row of taps": ((1, 5, 17, 17), (9, 5, 1, 7), {"padding": ((0, 0), (3, 3))}),
    "one column of taps": ((1, 5, 17, 17), (9, 5, 7, 1), {"padding": ((3, 3), (0, 0))}),
    "strided groups": ((2, 26, 14, 15), (24, 13, 3, 3), {"stride": (2, 2), "padding": SAME, "groups": 2}),
    "stride 2 along rows alone": ((2, 5, 7, 70), (9, 5, 1, 5), {"stride": (1, 2), "padding": ((0, 0), (3, 2))}),
    "columns that no tap reaches": ((1, 4, 9, 41), (6, 4, 2, 2), {"stride": (4, 2)}),
    "more padding than taps": ((1, 4, 6, 6), (6, 4, 2, 2), {"stride": (2, 2), "padding": ((3, 2), (5, 1))}),
    "other strides along each axis": (
        (1, 4, 6, 50), (6, 2, 2, 4), {"stride": (3, 2), "groups": 2, "padding": ((1, 0), (0, 2))},
    ),
}  # fmt: skip
STRIDE_3 = "stride 3 and dilation 1 along a row, expected stride 1, or 2 undilated"
STRIDED_DGRAD = "expected stride 1, or 2 along a row, undilated"
DOUBLE = ("groups on a flat map", "a first layer", "dilation")


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, np.float32) for name in SHAPES), *((name, np.float64) for name in DOUBLE)]
)
def test_agrees_with_the_oracle(name, dtype):
    x_shape, w_shape, options = SHAPES[name]
    problem = Problem(x_shape, w_shape, options, {**SYMMETRIC, "padding": FLAT, **options}, dtype)
    assert problem.check("implicit_gemm") == ["fprop", "dgrad"]


@pytest.mark.parametrize("name", ["groups on a flat map", "rows with columns inside and at edges", "strided groups"])
def test_threads_share_strips_and_blocks_of_filters(name, monkeypatch):
    """Rows, or filters where their weights would not stay in the cache."""
    x_shape, w_shape, options = SHAPES[name]
    for cached in (1 << 17, 0):
        monkeypatch.setattr("gpuconv.kernels.conv.cpu.implicit_gemm.launch.CACHED_WEIGHTS", cached)
        with parallel.share_everything():
            problem = Problem(x_shape, w_shape, options, {**SYMMETRIC, **options}, np.float32)
            assert problem.check("implicit_gemm") == ["fprop", "dgrad"]


def test_small_maps_are_laid_flat_where_rows_would_waste_lanes():
    lanes = VECTOR_BYTES // 4
    assert tile_for(3, (1, 1), (7, 7), (7, 7), 32, lanes).flat
    assert not tile_for(3, (1, 1), (7, 7), (5, 5), 32, lanes).flat
    assert not tile_for(3, (2, 2), (14, 14), (7, 7), 32, lanes).flat
    assert not tile_for(3, (1, 1), (128, 128), (128, 128), 32, lanes).flat


@pytest.mark.parametrize(
    ("w_shape", "options", "operation", "reason"),
    [
        ((4, 4, 3, 9), {}, "fprop", "3x9 taps at stride 1, expected at most 7 taps along a row"),
        ((4, 4, 3, 3), {"stride": 3}, "dgrad", f"dgrad at stride (3, 3), {STRIDED_DGRAD}"),
        ((4, 4, 3, 3), {"stride": 2, "dilation": 2}, "dgrad", f"dgrad at stride (2, 2), {STRIDED_DGRAD}"),
        ((4, 4, 3, 3), {"stride": 3}, "fprop", STRIDE_3),
        ((4, 4, 3, 3), {}, "wgrad", "wgrad, expected fprop or dgrad"),
    ],
)  # fmt: skip
def test_says_what_it_does_not_compute(w_shape, options, operation, reason):
    shape = conv_shape("test", (2, 4, 30, 30), w_shape, **options)
    assert cpu.unsupported("implicit_gemm", shape, operation, np.dtype(np.float32)) == f"implicit_gemm: {reason}"


@pytest.mark.parametrize(
    ("algorithm", "x_shape", "w_shape", "options"),
    [
        ("implicit_gemm", (4, 3, 64, 64), (32, 3, 3, 3), {"padding": 1}),
        ("implicit_gemm", (4, 256, 28, 28), (256, 8, 3, 3), {"padding": 1, "groups": 32}),
        ("implicit_gemm", (4, 200, 8, 8), (12, 200, 3, 3), {"padding": 1}),
        ("winograd", (8, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
        ("winograd", (4, 256, 28, 28), (256, 64, 3, 3), {"padding": 1, "groups": 4}),
        ("direct", (1, 3, 8, 8), (4, 3, 3, 3), {"padding": 1}),
    ],
)
def test_auto_takes_it_where_channels_or_filters_are_few(algorithm, x_shape, w_shape, options):
    shape = conv_shape("test", x_shape, w_shape, **options)
    assert cpu.select.select(shape, "fprop", np.dtype(np.float32)) == algorithm
