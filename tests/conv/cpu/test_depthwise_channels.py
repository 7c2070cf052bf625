"""Depthwise kernels whose lanes are channels: taps, strides, dilations and strips of all kinds, against the oracle."""

import numpy as np
import pytest

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu.depthwise import channels_support, choose
from gpuconv.kernels.cpu import parallel
from tests.conv.cpu.test_algorithms import Problem
from tests.conv.test_conv2d import SYMMETRIC


@pytest.fixture
def by_channels(monkeypatch):
    """Whatever the cost, lanes are channels wherever that is supported."""
    monkeypatch.setattr(choose, "by_channels", lambda shape, operation, dtype: channels_support(shape, operation))
    _forget_plans()
    yield
    _forget_plans()


def _forget_plans():
    for plans in parallel.plan_caches:
        plans.cache_clear()


def _padded(rows, columns):
    return {"padding": ((rows, rows), (columns, columns))}


# x_shape, taps, options
SHAPES = {
    "one pixel": ((2, 1, 1, 1), (3, 3), _padded(1, 1)),
    "a vector of channels": ((2, 16, 7, 7), (3, 3), _padded(1, 1)),
    "channels left over": ((3, 37, 6, 9), (3, 3), _padded(1, 1)),
    "no padding": ((1, 20, 9, 12), (3, 3), _padded(0, 0)),
    "strided": ((2, 18, 14, 13), (3, 3), _padded(1, 1) | {"stride": (2, 2)}),
    "other strides along each axis": ((1, 17, 15, 20), (5, 4), _padded(2, 1) | {"stride": (3, 4)}),
    "dilated": ((1, 17, 11, 14), (3, 3), _padded(3, 2) | {"dilation": (3, 2)}),
    "dilated by more than the map": ((1, 17, 5, 4), (3, 3), _padded(7, 7) | {"dilation": (7, 7)}),
    "taps larger than the map": ((2, 16, 6, 7), (11, 11), _padded(5, 5)),
    "a line": ((2, 19, 1, 60), (1, 9), _padded(0, 4)),
    "padding alone": ((1, 16, 2, 2), (3, 3), {"padding": ((4, 0), (0, 5))}),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SHAPES)
def test_agrees_with_the_oracle(name, dtype, by_channels):
    x_shape, taps, options = SHAPES[name]
    options = options | {"groups": x_shape[1]}
    problem = Problem(x_shape, (x_shape[1], 1, *taps), options, {**SYMMETRIC, **options}, dtype)
    problem.check("depthwise")


def test_strips_of_a_plane_and_threads_agree_with_the_oracle(by_channels, monkeypatch):
    monkeypatch.setattr("gpuconv.kernels.conv.cpu.depthwise.channel_lanes.BLOCK_VECTORS", 150)
    for options in (_padded(2, 2), _padded(2, 2) | {"stride": (2, 2)}):
        options |= {"groups": 33}
        with parallel.share_everything():
            problem = Problem((2, 33, 20, 21), (33, 1, 5, 5), options, {**SYMMETRIC, **options}, np.float32)
            problem.check("depthwise")
        _forget_plans()


def test_cost_takes_channels_for_many_taps_on_small_maps():
    """And columns for rows that fill vectors."""

    def lanes_are_channels(side, taps, operation="fprop"):
        shape = conv_shape("test", (4, 384, side, side), (384, 1, taps, taps), padding=taps // 2, groups=384)
        return choose.by_channels(shape, operation, np.dtype(np.float32))

    assert lanes_are_channels(7, 7)
    assert not lanes_are_channels(14, 3)
    assert not lanes_are_channels(56, 3)
    assert lanes_are_channels(7, 3, "wgrad")
    assert not lanes_are_channels(56, 3, "wgrad")


def test_dilated_layers_are_depthwise_by_choice():
    x, w = np.ones((1, 32, 20, 20), np.float32), np.ones((32, 1, 3, 3), np.float32)
    options = {"padding": 2, "dilation": 2, "groups": 32}
    chosen = gpuconv.conv2d(x, w, **options)
    np.testing.assert_array_equal(chosen, gpuconv.conv2d(x, w, **options, algorithm="depthwise"))
    np.testing.assert_array_equal(chosen, gpuconv.conv2d(x, w, **options, algorithm="direct"))
