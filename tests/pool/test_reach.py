"""What a NaN or an infinity reaches in pooling and padding: the windows over it."""

import numpy as np
import pytest

import gpuconv
from gpuconv.core.device import use_device

BAD = [np.nan, np.inf, -np.inf]
WINDOWS = {
    "overlapping": {"kernel_size": 3, "stride": 1, "padding": 1},
    "strided": {"kernel_size": 3, "stride": 2, "padding": 1},
    "without padding in the mean": {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    "ceil_mode": {"kernel_size": 2, "stride": 2, "ceil_mode": True},
    "wide": {"kernel_size": (40, 3), "stride": 1, "padding": (2, 1)},
    "pairs": {"kernel_size": 2},
}
CASES = [("cpu", name) for name in WINDOWS] + [("emulator", "strided"), ("emulator", "wide")]


def _assert_reach(shape, function, bad):
    """A bad value at each of some positions reaches what a 1 there reaches."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, shape).astype(np.float32)
    clean = function(x)
    for position in rng.choice(x.size, min(4, x.size), replace=False):
        one, spoilt = np.zeros_like(x), x.copy()
        one.flat[position], spoilt.flat[position] = 1, bad
        reached = function(one) != 0
        assert np.array_equal(function(spoilt), np.where(reached, bad, clean), equal_nan=True)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(("device", "name"), CASES)
def test_average_pooling(device, name, bad):
    options = WINDOWS[name]
    shape = (1, 2, 41 if name == "wide" else 7, 7)
    with use_device(device):
        y_shape = gpuconv.avg_pool2d(np.zeros(shape, np.float32), **options).shape
        _assert_reach(shape, lambda x: gpuconv.avg_pool2d(x, **options), bad)
        _assert_reach(y_shape, lambda dy: gpuconv.avg_pool2d_input_grad(dy, shape, **options), bad)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("size", [1, 3, (2, 7)])
@pytest.mark.parametrize("device", ["cpu", "emulator"])
def test_adaptive_average_pooling(device, size, bad):
    shape = (1, 2, 7, 9)
    with use_device(device):
        y_shape = gpuconv.adaptive_avg_pool2d(np.zeros(shape, np.float32), size).shape
        _assert_reach(shape, lambda x: gpuconv.adaptive_avg_pool2d(x, size), bad)
        _assert_reach(y_shape, lambda dy: gpuconv.adaptive_avg_pool2d_input_grad(dy, shape), bad)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("device", ["cpu", "emulator"])
def test_the_gradient_of_a_maximum_goes_to_the_winner_alone(device, bad):
    x = np.random.default_rng(1).standard_normal((1, 2, 7, 7)).astype(np.float32)
    options = {"kernel_size": 3, "stride": 2, "padding": 1}
    with use_device(device):
        y, mask = gpuconv.max_pool2d(x, **options)
        _assert_reach(y.shape, lambda dy: gpuconv.max_pool2d_input_grad(dy, mask, x.shape, **options), bad)
        y, indices = gpuconv.adaptive_max_pool2d(x, 3)
        _assert_reach(y.shape, lambda dy: gpuconv.adaptive_max_pool2d_input_grad(dy, indices, x.shape), bad)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("device", ["cpu", "emulator"])
def test_padding(device, mode, bad):
    shape, padding = (1, 2, 5, 6), (2, 1, -1, 3)
    with use_device(device):
        y_shape = gpuconv.pad(np.zeros(shape, np.float32), padding, mode).shape
        _assert_reach(shape, lambda x: gpuconv.pad(x, padding, mode), bad)
        _assert_reach(y_shape, lambda dy: gpuconv.pad_input_grad(dy, shape, padding, mode), bad)
