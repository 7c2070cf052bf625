"""Averages that float32 holds, of windows whose sum it does not."""

import numpy as np
import pytest

import gpuconv
from gpuconv.core.device import use_device

LARGE = np.float32(3e38)
CALLS = {
    "2x2": lambda x: gpuconv.avg_pool2d(x, 2),
    "3x3": lambda x: gpuconv.avg_pool2d(x, 3, 1),
    "3x3, stride 2, padded": lambda x: gpuconv.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "5x5": lambda x: gpuconv.avg_pool2d(x, 5, 1),
    "dilated": lambda x: gpuconv.avg_pool2d(x, 2, 1, dilation=3),
    "as high as wide windows are": lambda x: gpuconv.avg_pool2d(x, (9, 2), (1, 1)),
    "adaptive": lambda x: gpuconv.adaptive_avg_pool2d(x, (3, 2)),
    "global": gpuconv.global_avg_pool2d,
}


@pytest.mark.parametrize("device", ["cpu", "emulator"])
@pytest.mark.parametrize("call", CALLS)
def test_a_mean_in_range_is_finite(call, device):
    x = np.full((2, 3, 9, 10), LARGE)
    x[1, 2] = 0.5
    with use_device(device):
        found = CALLS[call](x)
    np.testing.assert_allclose(found[0], LARGE, rtol=1e-6)
    np.testing.assert_array_equal(found[1, 2], np.float32(0.5))


@pytest.mark.parametrize("device", ["cpu", "emulator"])
@pytest.mark.parametrize("call", CALLS)
def test_infinity_and_nan_stay(call, device):
    x = np.full((1, 2, 9, 10), LARGE)
    x[0, 0, 4, :], x[0, 1, 4, :] = np.inf, np.nan
    with use_device(device):
        found, expected = CALLS[call](x), CALLS[call](x.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
