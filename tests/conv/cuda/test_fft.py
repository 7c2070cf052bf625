"""The FFT on CUDA: its kernels executed in the emulator, between NumPy's transforms, against the oracle."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cuda import select, unsupported
from gpuconv.kernels.conv.cuda.fft.launch import WORKSPACE_BYTES
from gpuconv.testing import assert_close
from tests.conv.cuda.passes import PLAIN, compare, geometries
from tests.conv.outliers import assert_an_outlier_costs_other_images_nothing

SOME = list(geometries(14, 4, groups=[1, 1, 2, 3], channels=[1, 2, 3], multiples=[1, 2, 3], sizes=[1, 2, 4, 5]))
LARGE = {
    "a kernel larger than the image": ((2, 2, 5, 4), (2, 2, 9, 7), {"padding": ((4, 3), (2, 6))}),
    "padding past the kernel": ((1, 2, 7, 6), (3, 2, 4, 4), {"padding": ((9, 6), (5, 8))}),
    "dilated taps": ((1, 2, 21, 18), (2, 2, 4, 5), {"dilation": (3, 2), "padding": ((2, 2), (1, 4))}),
    "strided": ((2, 2, 17, 19), (3, 2, 6, 7), {"stride": (2, 3), "padding": ((2, 1), (3, 0))}),
}


def _of_workspace(size):
    return {name: {"workspace": size} for name in ("fprop", "dgrad", "wgrad")}


@pytest.mark.parametrize("case", range(len(SOME)))
def test_geometries_of_all_kinds(case, emulated):
    compare(*SOME[case], algorithm="fft")


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("workspace", [20_000, WORKSPACE_BYTES])
def test_tiles_and_blocks(name, workspace, emulated):
    x_shape, w_shape, options = LARGE[name]
    compare(x_shape, w_shape, {**PLAIN, **options}, algorithm="fft", **_of_workspace(workspace))


def test_float64(emulated):
    compare(*SOME[0], np.float64, algorithm="fft")


def test_what_it_does_not_support_is_said():
    shape = conv_shape("test", (1, 1, 1 << 16, 1 << 16), (1, 1, 60_000, 60_000))
    assert "elements of frames, expected fewer than 2^31" in unsupported("fft", shape, "fprop", np.float32)
    assert unsupported("fft", conv_shape("test", (1, 1, 9, 9), (1, 1, 3, 3), stride=2), "wgrad", np.float32) is None


@pytest.mark.parametrize(("side", "taps", "algorithm"), [(512, 101, "fft"), (32, 5, "depthwise")])
def test_auto_takes_it_where_taps_are_many(side, taps, algorithm):
    shape = conv_shape("test", (4, 1, side, side), (4, 1, taps, taps))
    assert select.select(shape, "fprop", np.float32) == algorithm
    assert select._select(shape, "fprop", np.dtype(np.float32), None, True) != "fft"


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4, 9, 7), np.float32)
    return x, rng.standard_normal((4, 4, 5, 3), np.float32) / 8


def _forward(x, w, algorithm):
    return gpuconv.conv2d(x, w, padding=(2, 1), activation="leaky_relu", algorithm=algorithm)


def _input_grad(dy, w, algorithm):
    more = {"activation": "relu", "pre_activation": dy[:, ::-1].copy()}
    return gpuconv.conv2d_input_grad(dy, w, dy.shape, padding=(2, 1), algorithm=algorithm, **more)


@pytest.mark.parametrize("run", [_forward, _input_grad])
@pytest.mark.parametrize("value", [1e4, 1e37, np.nan])
def test_an_outlier_costs_other_pixels_nothing(run, value, arrays, emulated):
    assert_an_outlier_costs_other_images_nothing(run, *arrays, "fft", value, (4, 4))


def test_a_weight_gradient_that_is_not_finite_is_computed_again(arrays, emulated):
    x, _ = arrays
    x[1, 2, 4, 4] = np.inf
    kw = {"padding": (2, 1), "groups": 2}
    dw, direct = (gpuconv.conv2d_weight_grad(x, x, (4, 2, 5, 3), algorithm=a, **kw) for a in ("fft", "direct"))
    np.testing.assert_array_equal(dw[2:], direct[2:])
    assert_close(dw[:2], direct[:2], terms=3 * 63)


def test_float16_is_computed_in_float32(arrays, emulated):
    x, w = (a.astype(np.float16) for a in arrays)
    y, wide = (gpuconv.conv2d(*arguments, algorithm="fft") for arguments in ((x, w), (np.float32(x), np.float32(w))))
    np.testing.assert_array_equal(y, wide.astype(np.float16))
