"""Winograd's F(2x2, 3x3): executed in the emulator on geometries of all kinds, against the oracle."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("cuda.bindings", reason="the CUDA compiler's wheels are not installed")

import gpuconv
from gpuconv.bench import launches
from gpuconv.kernels.conv.cuda import winograd
from gpuconv.testing import assert_close
from tests.conv.cuda.passes import compare

BOTH = "forward", "input_grad"


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


def test_images_that_do_not_fit_together_take_turns(emulated, monkeypatch):
    monkeypatch.setattr(winograd, "WORKSPACE", 1 << 15)
    options = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    compare((5, 4, 7, 6), (6, 4, 3, 3), options, algorithm="winograd", passes=BOTH)


def test_what_is_fused_is_what_comes_apart(emulated):
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
        return [kernel.py_func.__name__ for kernel, *_ in launches.record(lambda: gpuconv.conv2d(x, w, padding=1))]

    assert "winograd_input_kernel" in names(256, np.float32)
    assert "winograd_input_kernel" not in names(16, np.float32)
    assert "winograd_input_kernel" not in names(256, np.float64)
