"""Depthwise convolution: executed in the emulator on geometries of all kinds against the oracle; its machine code."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

import gpuconv
from gpuconv.bench import launches, sass, sass_limits
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cuda import unsupported
from gpuconv.testing import assert_close
from tests.conv.cuda.passes import compare, geometries

SOME = list(geometries(24, 0, groups=[1, 2, 3, 5], channels=[1], multiples=[1, 1, 2, 5], sizes=[3]))
PADDED = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}
LARGE = [
    # Several walks below each other, blocks, and splits of the weight gradient.
    ((2, 3, 40, 37), (3, 1, 3, 3), {**PADDED, "groups": 3}),
    ((1, 2, 19, 40), (2, 1, 5, 2), {**PADDED, "stride": (2, 3), "groups": 2}),
]


@pytest.mark.parametrize("case", range(len(SOME)))
def test_geometries_of_all_kinds(case, emulated):
    compare(*SOME[case], algorithm="depthwise")


@pytest.mark.parametrize("case", range(len(LARGE)))
def test_large(case, emulated):
    compare(*LARGE[case], algorithm="depthwise")


@pytest.mark.parametrize("case", [2, 9, 16])
def test_float64(case, emulated):
    compare(*SOME[case], np.float64, algorithm="depthwise")


def test_what_is_fused_is_what_follows(emulated):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 3, 6, 5), (6, 1, 3, 3), (6,)))
    kw = {"padding": 1, "groups": 3, "algorithm": "depthwise"}
    y = gpuconv.conv2d(x, w, b, activation="leaky_relu", negative_slope=0.2, **kw)
    assert_close(y, gpuconv.leaky_relu(gpuconv.conv2d(x, w, b, **kw), 0.2))
    dx = gpuconv.conv2d_input_grad(y, w, x.shape, activation="relu", pre_activation=x, **kw)
    assert_close(dx, gpuconv.relu_grad(gpuconv.conv2d_input_grad(y, w, x.shape, **kw), x))


def test_infinity_stays_with_the_weights_that_read_it(emulated):
    x, dy = np.ones((1, 1, 12, 4), np.float32), np.ones((1, 1, 10, 2), np.float32)
    x[0, 0, 0, 0] = np.inf  # read by tap (0, 0) alone
    dw = gpuconv.conv2d_weight_grad(x, dy, (1, 1, 3, 3), algorithm="depthwise")
    expected = np.full((3, 3), 20.0)
    expected[0, 0] = np.inf
    np.testing.assert_array_equal(dw[0, 0], expected)


def test_what_it_does_not_support_is_said(emulated):
    grouped = conv_shape("test", (1, 4, 12, 12), (2, 2, 3, 3), groups=2)
    assert unsupported("depthwise", grouped, "fprop", np.float32) == "depthwise: 2 channels in each group, expected 1"
    wide = conv_shape("test", (1, 4, 12, 12), (4, 1, 11, 11), groups=4)
    expected = "depthwise: 11x11 taps at steps of 1 rows keep {} values in a thread's registers, expected at most 84"
    assert unsupported("depthwise", wide, "dgrad", np.float32) == expected.format(121 + 11 + 11)
    assert unsupported("depthwise", wide, "wgrad", np.float32) == expected.format(121 + 11 + 11)
    with pytest.raises(ValueError, match=r"conv2d: .*depthwise"):
        gpuconv.conv2d(np.zeros(grouped.x_shape, "f"), np.zeros(grouped.w_shape, "f"), groups=2, algorithm="depthwise")


def _instances(dtype):
    """Kernels of several sizes, of all passes: {name: Instance}."""

    def work():
        for size, stride in ((3, 1), (7, 2)):
            kw = {"groups": 4, "stride": stride, "algorithm": "depthwise"}
            x, w = np.zeros((2, 4, 21, 21), dtype), np.zeros((16, 1, size, size), dtype)
            y = gpuconv.conv2d(x, w, **kw)
            gpuconv.conv2d_input_grad(y, w, x.shape, **kw)
            gpuconv.conv2d_weight_grad(x, y, w.shape, **kw)

    return launches.instances_of(work, np.dtype(dtype).name)


@pytest.mark.skipif(bool(sass.missing()), reason=str(sass.missing()))
@pytest.mark.parametrize(("dtype", "architecture"), [("float32", (8, 0)), ("float32", (9, 0)), ("float64", (8, 0))])
def test_machine_code_spills_nothing_whatever_the_kernels_size(dtype, architecture):
    found = _instances(dtype)
    assert len(found) >= 7
    for instance in found:
        code = sass.assemble(instance.kernel, instance.signature, architecture)
        assert sass_limits.faults(instance, code, architecture) == []
