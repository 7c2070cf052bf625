"""Winograd's F(2x2, 3x3): executed in the emulator on geometries of all kinds, against the oracle."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

import gpuconv
from gpuconv.bench.launches import record
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cuda import unsupported
from gpuconv.testing import assert_close
from tests.conv.cuda.passes import PLAIN, compare

BOTH = "fprop", "dgrad"


def _geometries(count, seed):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        groups, n = int(rng.choice([1, 1, 2, 3])), int(rng.integers(1, 4))
        c, k = (int(i) for i in rng.choice([1, 3, 5, 8, 11, 17], 2))
        padding = tuple(tuple(int(i) for i in rng.integers(0, 4, 2)) for _ in range(2))
        h, w = (int(rng.integers(max(1, 3 - sum(sides)), 12)) for sides in padding)
        options = {"stride": (1, 1), "padding": padding, "dilation": (1, 1), "groups": groups}
        yield (n, groups * c, h, w), (groups * k, c, 3, 3), options


SOME = list(_geometries(20, 2))


@pytest.mark.parametrize("case", range(len(SOME)))
def test_geometries_of_all_kinds(case, emulated):
    compare(*SOME[case], algorithm="winograd", passes=BOTH)


def test_float64(emulated):
    compare(*SOME[0], np.float64, algorithm="winograd", passes=BOTH)


def test_images_that_do_not_fit_together_take_turns(emulated):
    options, few = {**PLAIN, "padding": ((1, 1), (1, 1))}, {"workspace": 1 << 15}
    compare((5, 4, 7, 6), (6, 4, 3, 3), options, algorithm="winograd", passes=BOTH, fprop=few, dgrad=few)


def test_auto_takes_another_one_for_a_strided_input_gradient():
    dy, w = np.zeros((8, 256, 12, 12), np.float32), np.zeros((256, 256, 6, 6), np.float32)
    launched = record(lambda: gpuconv.conv2d_input_grad(dy, w, (8, 256, 28, 28), stride=2))
    names = [kernel.py_func.__name__.rpartition("_")[0] for kernel, *_ in launched[1:]]
    assert names == ["conv2d_fprop_implicit_gemm"] * 4


def test_what_it_does_not_support_is_said():
    def reason(w_shape, operation="fprop", **options):
        return unsupported("winograd", conv_shape("test", (1, 4, 20, 20), w_shape, **options), operation, np.float32)

    assert reason((4, 4, 7, 7), stride=2) == "winograd: 7x7 taps, expected 3x3; stride 2, expected 1"
    assert reason((4, 4, 3, 3), dilation=(1, 2)) == "winograd: dilation (1, 2), expected 1"
    assert reason((4, 4, 3, 3), "dgrad", stride=2) == "winograd: stride 2, expected 1"
    assert reason((4, 4, 3, 3), "wgrad") == "winograd: wgrad, expected fprop or dgrad"
    assert reason((4, 4, 3, 3)) is None
    shape = conv_shape("test", (1 << 20, 64, 64, 64), (64, 64, 3, 3))
    assert unsupported("winograd", shape, "fprop", np.float32) is None  # images take turns


def test_what_is_fused_is_what_follows(emulated):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 3, 6, 5), (6, 3, 3, 3), (6,)))
    kw = {"padding": 1, "algorithm": "winograd"}
    y = gpuconv.conv2d(x, w, b, activation="leaky_relu", negative_slope=0.2, **kw)
    assert_close(y, gpuconv.leaky_relu(gpuconv.conv2d(x, w, b, **kw), 0.2))
    dx = gpuconv.conv2d_input_grad(y, w, x.shape, activation="relu", pre_activation=x, **kw)
    assert_close(dx, gpuconv.relu_grad(gpuconv.conv2d_input_grad(y, w, x.shape, **kw), x))


def test_auto_takes_it_where_channels_pay_for_the_transforms():
    def names(channels, dtype):
        x, w = np.zeros((2, channels, 28, 28), dtype), np.zeros((channels, channels, 3, 3), dtype)
        return [kernel.py_func.__name__ for kernel, *_ in record(lambda: gpuconv.conv2d(x, w, padding=1))]

    assert "conv2d_winograd_input" in names(256, np.float32)
    assert "conv2d_winograd_input" not in names(16, np.float32)
    assert "conv2d_winograd_input" not in names(256, np.float64)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 8, 9, 7), np.float32)
    return x, rng.standard_normal((6, 8, 3, 3), np.float32) / 8


def _forward(x, w, algorithm, activation=None):
    return gpuconv.conv2d(x, w, padding=1, algorithm=algorithm, activation=activation)


def _input_grad(x, w, algorithm):
    dy = np.ascontiguousarray(x[:, :6])
    return gpuconv.conv2d_input_grad(dy, w, x.shape, padding=1, algorithm=algorithm)


@pytest.mark.parametrize("run", [_forward, _input_grad])
@pytest.mark.parametrize("value", [1e4, 1e19, 1e37, np.inf, np.nan])
def test_an_outlier_costs_other_pixels_nothing(run, value, arrays, emulated):
    x, w = arrays
    ordinary = run(x, w, "winograd")
    x[1, :, 4, 4] = value
    y, direct = run(x, w, "winograd"), run(x, w, "direct")
    away = np.ones(x.shape[2:], bool)
    away[3:6, 3:6] = False
    np.testing.assert_allclose(y[1][:, away], direct[1][:, away], rtol=0, atol=3e-6)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(direct))
    for image in (0, 2):  # which are still tiled
        np.testing.assert_array_equal(y[image], ordinary[image])


def test_large_weights_overflow_before_the_activation(arrays, emulated):
    """What is not finite is seen though relu would hide it."""
    x, w = arrays
    w = np.sign(w) * np.float32(3e37)
    y, direct = (_forward(x, w, algorithm, "relu") for algorithm in ("winograd", "direct"))
    np.testing.assert_allclose(y, direct, rtol=1e-6)
