"""Depthwise kernels: every edge that vectors and blocks of rows can have, against the oracle."""

import numpy as np
import pytest

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv import cpu
from gpuconv.kernels.conv.cpu.depthwise.tile import BLOCKS, Window, block_for
from gpuconv.kernels.cpu import parallel
from tests.conv.cpu.test_algorithms import Problem
from tests.conv.test_conv2d import SYMMETRIC

FLAT = ((0, 0), (0, 0))
SAME = ((1, 1), (1, 1))

SHAPES = {
    "one pixel": ((1, 1, 1, 1), (1, 1, 3, 3), {"padding": SAME, "groups": 1}),
    "planes smaller than a vector": ((2, 5, 2, 3), (5, 1, 3, 3), {"padding": SAME, "groups": 5}),
    "half a vector": ((2, 3, 7, 7), (3, 1, 3, 3), {"padding": SAME, "groups": 3}),
    "a vector and a column": ((1, 2, 9, 17), (2, 1, 3, 3), {"padding": SAME, "groups": 2}),
    "columns inside and at edges": ((1, 2, 13, 70), (2, 1, 3, 3), {"padding": SAME, "groups": 2}),
    "no padding, stride 2": ((1, 2, 20, 41), (2, 1, 3, 3), {"stride": (2, 2), "groups": 2}),
    "two filters a channel, stride 2": (
        (2, 3, 12, 33), (6, 1, 3, 3), {"stride": (2, 2), "padding": SAME, "groups": 3},
    ),
    "four channels a group": ((1, 8, 9, 9), (2, 4, 3, 3), {"padding": SAME, "groups": 2}),
    "four channels a group, stride 2": ((1, 8, 9, 40), (4, 4, 3, 3), {"stride": (2, 2), "padding": SAME, "groups": 2}),
    "other strides and taps along each axis": (
        (1, 2, 15, 37), (2, 1, 5, 4), {"stride": (1, 2), "padding": ((2, 0), (1, 3)), "groups": 2},
    ),
    "a line": ((1, 2, 1, 100), (2, 1, 1, 3), {"padding": ((0, 0), (1, 1)), "groups": 2}),
    "more sums than registers": ((1, 2, 15, 40), (2, 1, 7, 7), {"padding": ((3, 3), (3, 3)), "groups": 2}),
    "one tap, stride 2": ((1, 3, 15, 15), (3, 1, 1, 1), {"stride": (2, 2), "groups": 3}),
}  # fmt: skip


DOUBLE = ("planes smaller than a vector", "no padding, stride 2", "other strides and taps along each axis")


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, np.float32) for name in SHAPES), *((name, np.float64) for name in DOUBLE)]
)
def test_agrees_with_the_oracle(name, dtype):
    x_shape, w_shape, options = SHAPES[name]
    problem = Problem(x_shape, w_shape, options, {**SYMMETRIC, "padding": FLAT, **options}, dtype)
    assert problem.check("depthwise") == ["fprop", "dgrad", "wgrad"]


def test_threads_share_strips_and_slices():
    """A large plane is several strips, few planes are several slices of the images; the threads' parts are whole."""
    options = {"padding": SAME, "groups": 2}
    with parallel.share_everything():
        problem = Problem((3, 2, 140, 66), (2, 1, 3, 3), options, {**SYMMETRIC, **options}, np.float32)
        assert problem.check("depthwise") == ["fprop", "dgrad", "wgrad"]


@pytest.mark.parametrize(("size", "options"), [
    ((7, 7), {"padding": 1}), ((9, 20), {}), ((10, 21), {"stride": 2}), ((9, 34), {"stride": 2, "padding": 1}),
])  # fmt: skip
def test_nan_reaches_what_its_taps_reach(size, options):
    """Lanes and rows that only fill up multiply with nothing."""
    x, w = np.ones((1, 2, *size)), np.ones((2, 1, 3, 3))
    shape = conv_shape("test", x.shape, w.shape, groups=2, **options)
    ones = np.ones(shape.y_shape)
    for i, j in [(i, j) for i in (0, size[0] - 2, size[0] - 1) for j in (0, size[1] - 2, size[1] - 1)]:
        marked = np.zeros(x.shape)
        marked[0, 0, i, j] = 1
        poisoned = np.where(marked, np.nan, x).astype(np.float32)
        given = {**options, "groups": 2, "algorithm": "depthwise"}
        dw = gpuconv.conv2d_weight_grad(poisoned, ones.astype(np.float32), w.shape, **given)
        y = gpuconv.conv2d(poisoned, w.astype(np.float32), **given)
        given["algorithm"] = "direct"
        assert np.array_equal(np.isnan(dw), gpuconv.conv2d_weight_grad(marked, ones, w.shape, **given) > 0)
        assert np.array_equal(np.isnan(y), gpuconv.conv2d(marked, w, **given) > 0)


def test_long_sums_keep_their_digits():
    """A million additions of one sign for each tap: in float32 one by one they would lose four digits."""
    x = np.random.default_rng(0).random((1, 1, 1024, 1024), np.float32)
    dw = gpuconv.conv2d_weight_grad(x, x, (1, 1, 3, 3), padding=1, algorithm="depthwise")
    center = np.square(x.astype(np.float64)).sum()
    assert abs(dw[0, 0, 1, 1] / center - 1) < 1e-6


@pytest.mark.parametrize(("rows", "stride"), [(rows, stride) for rows in (1, 3, 7, 8, 14, 37, 56) for stride in (1, 2)])
def test_a_block_wastes_few_rows(rows, stride):
    block = block_for(Window(3, 3, stride, stride, 16), rows)
    assert block == rows if rows < BLOCKS[0] else block in BLOCKS
    assert -(-rows // block) * block <= rows + 3


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "options", "reason"),
    [
        ((1, 2, 30, 30), (4, 1, 9, 9), {"groups": 2}, "9x9 taps at stride 1, expected at most 7x7 taps and a stride"),
        ((1, 2, 30, 30), (4, 1, 3, 3), {"groups": 2, "stride": 3}, "3x3 taps at stride 3, expected at most 7x7"),
        (
            (1, 2, 30, 30),
            (4, 1, 3, 3),
            {"groups": 2, "dilation": 2},
            "3x3 taps at stride 1, dilation (2, 2), expected 1",
        ),
    ],
)
def test_says_what_it_does_not_compute(x_shape, w_shape, options, reason):
    shape = conv_shape("test", x_shape, w_shape, **options)
    for operation in ("fprop", "dgrad", "wgrad"):
        assert cpu.unsupported("depthwise", shape, operation, np.dtype(np.float32)).startswith(f"depthwise: {reason}")


def test_auto_takes_it_where_filters_of_a_group_are_few():
    shape = conv_shape("test", (4, 64, 28, 28), (64, 1, 3, 3), padding=1, groups=64)
    for operation in ("fprop", "dgrad", "wgrad"):
        assert cpu.select.select(shape, operation, np.dtype(np.float32)) == "depthwise"
    large = conv_shape("test", (4, 64, 28, 28), (64, 1, 31, 31), padding=15, groups=64)
    assert cpu.select.select(large, "fprop", np.dtype(np.float32)) == "depthwise"
    grouped = conv_shape("test", (4, 64, 28, 28), (64, 16, 3, 3), padding=1, groups=4)
    assert cpu.select.select(grouped, "fprop", np.dtype(np.float32)) == "implicit_gemm"
