"""Where Winograd's algorithm would lose digits, results are the direct algorithm's."""

import numpy as np
import pytest

import gpuconv
from gpuconv.kernels.conv.cpu.guard import outliers, runs_of
from gpuconv.kernels.conv.outliers import OUTLIER
from gpuconv.testing import assert_close
from tests.conv.outliers import assert_an_outlier_costs_other_images_nothing

N, C, K, SIDE = 3, 16, 16, 20
TERMS = 9 * C


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, C, SIDE, SIDE), np.float32)
    return x, rng.standard_normal((K, C, 3, 3), np.float32) / 12


def _forward(x, w, algorithm):
    return gpuconv.conv2d(x, w, padding=1, algorithm=algorithm)


def _input_grad(dy, w, algorithm):
    return gpuconv.conv2d_input_grad(dy, w, dy.shape, padding=1, algorithm=algorithm)


PASSES = pytest.mark.parametrize("run", [_forward, _input_grad])


@PASSES
@pytest.mark.parametrize("value", [1e2, 1e4, 1e6, 1e19, 1e37, np.inf, -np.inf, np.nan])
def test_an_outlier_costs_other_pixels_nothing(run, value, arrays):
    assert_an_outlier_costs_other_images_nothing(run, *arrays, "winograd", value, (9, 9))


def test_an_outlier_of_one_channel_is_found(arrays):
    x, _ = arrays
    x[2, 5, 0, 0] = 1e4
    assert outliers(x).tolist() == [False, False, True]


@PASSES
def test_sums_that_overflow_on_the_way_are_finite(run, arrays):
    x, w = arrays
    x *= np.float32(1e37)
    w *= np.float32(1e-3)
    y = run(x, w, "winograd")
    assert np.isfinite(y).all()
    scaled = run(x / np.float32(1e37), w, "direct")
    assert_close(y / np.float32(1e37), scaled, terms=TERMS, magnitude=np.abs(scaled).max(), algorithm="winograd")


def test_large_weights_overflow_before_the_activation(arrays):
    """What is not finite is seen though relu would hide it."""
    x, w = arrays
    w = np.where(np.abs(w) > 0.1, np.float32(3e37), w) * np.sign(w)
    y = gpuconv.conv2d(x, w, padding=1, activation="relu", algorithm="winograd")
    np.testing.assert_array_equal(y, gpuconv.conv2d(x, w, padding=1, activation="relu", algorithm="direct"))


def test_a_weight_gradient_that_overflows_is_computed_again(arrays):
    x, _ = arrays
    x *= np.float32(1e-3)
    dy = np.random.default_rng(1).standard_normal((N, K, SIDE, SIDE), np.float32) * np.float32(1e37)
    dw, direct = (
        gpuconv.conv2d_weight_grad(x, dy, (K, C, 3, 3), padding=1, algorithm=algorithm)
        for algorithm in ("winograd", "direct")
    )
    assert np.isfinite(direct).all()
    np.testing.assert_array_equal(dw, direct)


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1.0, 1e10])
def test_ordinary_images_of_any_scale_are_tiled(scale, arrays):
    x, _ = arrays
    assert not outliers(x * np.float32(scale)).any()
    assert not outliers(np.zeros_like(x)).any()
    assert not outliers(np.maximum(x, 0) * (np.arange(SIDE) < 2 * SIDE // OUTLIER)).any()


def test_images_are_computed_again_in_runs():
    redo = np.array([True, False, True, True, False, True])
    assert runs_of(redo) == [slice(0, 1), slice(2, 4), slice(5, 6)]
    assert runs_of(np.zeros(3, bool)) == []


@pytest.mark.parametrize("taps", [3, 5])
def test_ordinary_images_lose_a_digit_at_most(taps):
    """Root mean square of the error, over that of the direct algorithm; 4 with points 0, 1, -1, 2, -2."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 64, 32, 32), np.float32)
    w = rng.standard_normal((16, 64, taps, taps), np.float32)
    exact = gpuconv.conv2d(x.astype(np.float64), w.astype(np.float64))
    errors = [np.square(gpuconv.conv2d(x, w, algorithm=a) - exact).mean() ** 0.5 for a in ("winograd", "direct")]
    assert errors[0] < 3 * errors[1]
