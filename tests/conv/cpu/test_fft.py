"""The FFT on the CPU against the oracle: frames, tiles and blocks of all sizes; NaN, infinity and outliers."""

from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu import direct
from gpuconv.kernels.conv.cpu.fft import launch, transforms
from gpuconv.kernels.conv.fft.tiles import axes_of, fast_length, layout, tilings
from gpuconv.kernels.core.scalar import LEAKY_RELU
from gpuconv.testing import assert_close
from tests import reference
from tests.conv.against_oracle import fft_magnitude
from tests.conv.outliers import assert_an_outlier_costs_other_images_nothing
from tests.strategies import convolutions

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
WORKSPACES = {
    "the shortest tiles, a spectrum at a time": 1,
    "some tiles": 20_000,
    "all at once": launch.WORKSPACE_BYTES,
}
EACH_WORKSPACE = pytest.mark.parametrize("workspace", WORKSPACES.values(), ids=WORKSPACES)
SLOPE = 0.3
PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}

# x_shape, w_shape, options
SHAPES = {
    "one pixel": ((2, 3, 1, 1), (2, 3, 1, 1), {}),
    "a large kernel": ((2, 2, 19, 23), (3, 2, 13, 11), {"padding": ((6, 6), (5, 5))}),
    "a kernel larger than the image": ((2, 2, 5, 4), (2, 2, 9, 7), {"padding": ((4, 3), (2, 6))}),
    "full padding": ((1, 2, 9, 7), (2, 2, 6, 5), {"padding": ((5, 5), (4, 4))}),
    "padding past the kernel": ((2, 2, 7, 6), (3, 2, 4, 4), {"padding": ((9, 6), (5, 8))}),
    "padding on one side": ((2, 3, 11, 8), (2, 3, 4, 3), {"padding": ((3, 0), (0, 2))}),
    "one row": ((2, 2, 1, 41), (2, 2, 1, 9), {"padding": ((0, 0), (4, 4))}),
    "stride": ((2, 2, 17, 19), (3, 2, 6, 7), {"stride": (2, 3), "padding": ((2, 1), (3, 0))}),
    "dilation": ((2, 2, 21, 18), (2, 2, 4, 5), {"dilation": (3, 2), "padding": ((2, 2), (1, 4))}),
    "groups": ((3, 6, 12, 13), (9, 2, 5, 5), {"groups": 3, "padding": ((2, 2), (2, 2))}),
    "depthwise": ((2, 5, 14, 11), (5, 1, 7, 6), {"groups": 5, "padding": ((3, 3), (3, 2))}),
    "several channels and filters": ((3, 7, 10, 9), (5, 7, 4, 4), {}),
    "all of it": (
        (2, 4, 23, 20), (6, 2, 5, 4),
        {"stride": (2, 1), "dilation": (1, 3), "padding": ((4, 1), (0, 5)), "groups": 2},
    ),
}  # fmt: skip


class Case:
    """Arrays of a geometry, and what the oracle makes of them."""

    def __init__(self, x_shape, w_shape, options, dtype, seed=0):
        rng, self.dtype, spelt_out = np.random.default_rng(seed), np.dtype(dtype), {**PLAIN, **options}
        self.shape = conv_shape("test", x_shape, w_shape, **options)
        shapes = x_shape, w_shape, w_shape[:1], x_shape, self.shape.y_shape
        self.x, self.w, self.b, self.pre_activation, self.dy = (rng.standard_normal(s).astype(dtype) for s in shapes)
        passes = (
            (reference.conv2d, (self.x, self.w, self.b)),
            (reference.conv2d_input_grad, (self.dy, self.w, x_shape)),
            (reference.conv2d_weight_grad, (self.x, self.dy, w_shape)),
        )
        y, dx, dw = (oracle(*arguments, **spelt_out) for oracle, arguments in passes)
        self.expected = reference.leaky_relu(y, SLOPE), reference.leaky_relu_grad(dx, self.pre_activation, SLOPE), dw
        self.magnitudes = [
            np.sqrt(oracle(*(a**2 if isinstance(a, np.ndarray) else a for a in arguments), **spelt_out))
            + fft_magnitude(*arguments[:2])
            for oracle, arguments in passes
        ]

    def results(self, workspace):
        """All passes, with all that they fuse, and so many bytes of spectra at a time."""
        y, dx, dw = (np.full(a.shape, np.nan, self.dtype) for a in (self.dy, self.x, self.w))
        slope = self.dtype.type(SLOPE)
        plan = launch.FftPlan(self.shape, "fprop", self.dtype, self.shape.k, direct.fprop_plan, workspace)
        plan.launch(self.x, self.w, self.b, LEAKY_RELU, slope, plan.no_pre_activation, y)
        plan = launch.FftPlan(self.shape, "dgrad", self.dtype, self.shape.c, direct.dgrad_plan, workspace)
        plan.launch(self.dy, self.w, plan.no_bias, LEAKY_RELU, slope, self.pre_activation, dx)
        launch.FftWgradPlan(self.shape, self.dtype, workspace).launch(self.x, self.dy, dw)
        return y, dx, dw

    def check(self, workspace):
        """Compare with the oracle."""
        size = self.x[0, 0].size + self.dy[0, 0].size + self.w[0, 0].size
        for found, expected, magnitude in zip(self.results(workspace), self.expected, self.magnitudes, strict=True):
            assert_close(found, expected, algorithm="fft", size=size, magnitude=magnitude)


@cache
def case_of(name, dtype):
    return Case(*SHAPES[name], dtype)


@pytest.fixture
def never_directly(monkeypatch):
    """Take the brightest pixels of small images for ordinary ones, and fail where an image is computed again."""

    def compute_again(redo, *_):
        assert not redo.any()

    monkeypatch.setattr(launch, "fft_limit", lambda pixels: np.inf)
    monkeypatch.setattr(launch, "compute_again", compute_again)


@DTYPES
@EACH_WORKSPACE
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_agrees_with_the_oracle(name, dtype, workspace, never_directly):
    case_of(name, dtype).check(workspace)


@DTYPES
@settings(max_examples=50, deadline=None)
@given(case=convolutions(), workspace=st.sampled_from(list(WORKSPACES.values())), seed=st.integers(0, 2**16))
def test_random_shapes_agree_with_the_oracle(dtype, case, workspace, seed):
    assume(case[0][0])  # an empty batch launches nothing
    Case(*case[:2], case[3], dtype, seed).check(workspace)


@pytest.mark.parametrize("name", ["a large kernel", "groups", "stride"])
def test_threads_change_no_bit(name, threads, shared):
    runs = []
    for count in (1, 2, 2):
        threads(count)
        runs.append(case_of(name, np.float32).results(launch.WORKSPACE_BYTES))
    for results in runs[1:]:
        for expected, found in zip(runs[0], results, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_numpy_before_version_2_has_no_out_and_computes_in_float64(monkeypatch):
    monkeypatch.setattr(transforms, "WRITES_INTO", False)
    case_of("groups", np.float32).check(launch.WORKSPACE_BYTES)


def test_tiles_and_blocks_are_taken_as_the_workspace_allows():
    shape = conv_shape("test", (2, 8, 300, 200), (8, 8, 9, 9))
    whole, few = (layout(shape, "fprop", 4, size) for size in (1 << 40, 1 << 18))
    assert (whole.blocks.u, whole.blocks.v, whole.blocks.terms) == (2 * whole.rows.tiles * whole.columns.tiles, 8, 8)
    assert few.rows.tiles > 1
    assert few.blocks.u * few.blocks.terms + few.blocks.v * few.blocks.terms < 16 * few.rows.tiles * few.columns.tiles


@pytest.mark.parametrize("operation", ["fprop", "dgrad", "wgrad"])
def test_a_frame_is_hardly_longer_than_the_image(operation):
    """It wraps around: zeros that padding and taps need on both sides are the same ones."""
    shape = conv_shape("test", (1, 1, 512, 512), (1, 1, 64, 64))
    (rows, _), of_taps = axes_of(shape, operation), operation == "wgrad"
    assert tilings(rows, of_taps=of_taps)[0].frame == 512
    padded = conv_shape("test", (1, 1, 512, 512), (1, 1, 64, 64), padding="same")
    assert tilings(axes_of(padded, operation)[0], of_taps=of_taps)[0].frame == fast_length(512 + 32)


N, C, SIDE, TAPS = 3, 4, 24, 7


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, C, SIDE, SIDE), np.float32)
    return x, rng.standard_normal((C, C, TAPS, TAPS), np.float32) / TAPS


def _forward(x, w, algorithm):
    return gpuconv.conv2d(x, w, padding=3, algorithm=algorithm)


def _input_grad(dy, w, algorithm):
    return gpuconv.conv2d_input_grad(dy, w, dy.shape, padding=3, algorithm=algorithm)


PASSES = pytest.mark.parametrize("run", [_forward, _input_grad])


@PASSES
@pytest.mark.parametrize("value", [1e2, 1e6, 1e19, 1e37, np.inf, -np.inf, np.nan])
def test_an_outlier_costs_other_pixels_nothing(run, value, arrays):
    assert_an_outlier_costs_other_images_nothing(run, *arrays, "fft", value, (9, 9))


@PASSES
def test_sums_that_overflow_on_the_way_are_finite(run, arrays):
    x, w = arrays
    x *= np.float32(1e36)
    w *= np.float32(1e-3)
    y, expected = run(x, w, "fft"), run(x, w, "direct")
    assert np.isfinite(y).all()
    assert_close(y / np.float32(1e36), expected / np.float32(1e36), terms=C * TAPS**2)


def test_weights_that_are_not_finite_reach_what_they_meet(arrays):
    x, w = arrays
    w[2, 1, 3, 3] = np.nan
    y, expected = (gpuconv.conv2d(x, w, padding=3, activation="relu", algorithm=a) for a in ("fft", "direct"))
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("value", [1e38, np.inf, np.nan])
def test_a_weight_gradient_that_is_not_finite_is_computed_again(value, arrays):
    x, w = arrays
    x[1, 2, 9, 9] = value
    dw, expected = (gpuconv.conv2d_weight_grad(x, x, w.shape, padding=3, algorithm=a) for a in ("fft", "direct"))
    np.testing.assert_array_equal(dw, expected)


def test_no_warning_escapes(arrays):
    x, w = arrays
    with np.errstate(all="raise"):
        x[0, 0, 0, 0] = np.inf
        _forward(x, w, "fft")
        _forward(x[1:], w * np.float32(1e38), "fft")


@pytest.mark.parametrize("algorithm", ["fft"])
def test_an_empty_batch_has_no_gradient(algorithm):
    x, w = np.ones((0, 2, 8, 8), np.float32), np.ones((4, 2, 5, 5), np.float32)
    y = gpuconv.conv2d(x, w, algorithm=algorithm)
    assert gpuconv.conv2d_input_grad(y, w, x.shape, algorithm=algorithm).shape == x.shape
    assert not gpuconv.conv2d_weight_grad(x, y, w.shape, algorithm=algorithm).any()
