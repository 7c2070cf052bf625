"""Pooling of many small planes, which the CPU takes side by side, against the oracle."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import on_every_device
from tests.pool.cases import DTYPES, random_values

X_SHAPES = [(1, 8, 4, 4), (3, 7, 7, 7), (2, 17, 5, 9), (1, 16, 16, 16), (4, 5, 3, 1)]
SHAPES = pytest.mark.parametrize("x_shape", X_SHAPES)
WINDOWS = [(2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 1), (2, 1, 1, 2), (3, 3, 1, 1)]
"""(kernel, stride, padding, dilation)."""


def _fits(x_shape, kernel, stride, padding, dilation):
    return min(x_shape[2:]) + 2 * padding >= (kernel - 1) * dilation + 1


@on_every_device
@DTYPES
@pytest.mark.parametrize(
    ("x_shape", "kernel", "stride", "padding", "dilation"),
    [(x_shape, *window) for x_shape in X_SHAPES for window in WINDOWS if _fits(x_shape, *window)],
)
def test_windows_agree_with_the_oracle(x_shape, kernel, stride, padding, dilation, dtype, device, on):
    x, two, sides = random_values(x_shape, dtype, True), (kernel,) * 2, ((padding, padding),) * 2
    y, mask = gpuconv.max_pool2d(gpuconv.to_device(x), kernel, stride, padding, dilation)
    y_ref, mask_ref = reference.max_pool_nd(x, two, (stride,) * 2, sides, (dilation,) * 2, False)[:2]
    assert np.array_equal(gpuconv.to_host(y), y_ref)
    assert np.array_equal(gpuconv.to_host(mask), mask_ref)
    dy = random_values(y_ref.shape, dtype, seed=1)
    dx = gpuconv.max_pool2d_input_grad(gpuconv.to_device(dy), mask, x_shape, kernel, stride, padding, dilation)
    expected = reference.max_pool2d_input_grad(dy, mask_ref, x_shape, two, (stride,) * 2, sides, (dilation,) * 2, False)
    assert_close(dx, expected, terms=9)
    if dilation == 1:
        y = gpuconv.avg_pool2d(gpuconv.to_device(x), kernel, stride, padding)
        dx = gpuconv.avg_pool2d_input_grad(gpuconv.to_device(dy), x_shape, kernel, stride, padding)
        assert_close(y, reference.avg_pool2d(x, two, (stride,) * 2, sides, False, True), terms=9)
        expected = reference.avg_pool2d_input_grad(dy, x_shape, two, (stride,) * 2, sides, False, True)
        assert_close(dx, expected, terms=9)


@on_every_device
@DTYPES
@SHAPES
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (6, 6)])
def test_adaptive_windows_agree_with_the_oracle(x_shape, size, dtype, device, on):
    x, dy = random_values(x_shape, dtype, True), random_values((*x_shape[:2], *size), dtype, seed=1)
    xd, dyd = gpuconv.to_device(x), gpuconv.to_device(dy)
    assert_close(gpuconv.adaptive_avg_pool2d(xd, size), reference.adaptive_avg_pool_nd(x, size), terms=256)
    dx = gpuconv.adaptive_avg_pool2d_input_grad(dyd, x_shape)
    assert_close(dx, reference.adaptive_avg_pool_nd_input_grad(dy, x_shape), terms=256)
    y, indices = gpuconv.adaptive_max_pool2d(xd, size)
    y_ref, indices_ref = reference.adaptive_max_pool_nd(x, size)
    assert np.array_equal(gpuconv.to_host(y), y_ref)
    assert np.array_equal(gpuconv.to_host(indices), indices_ref)
    dx = gpuconv.adaptive_max_pool2d_input_grad(dyd, indices, x_shape)
    assert_close(dx, reference.scatter_nd(dy, indices_ref, x_shape), terms=256)


@on_every_device
def test_planes_do_not_see_each_other(device, on):
    """NaN, infinities and sums that overflow stay in their plane, and the others keep their bits."""
    x = random_values((1, 20, 4, 4), np.float32)
    y = gpuconv.to_host(gpuconv.avg_pool2d(gpuconv.to_device(x), 3, 1))
    strange = x.copy()
    strange[0, 3], strange[0, 7, 0, 0], strange[0, 18, 3, 3] = 3e38, np.nan, np.inf
    result = gpuconv.to_host(gpuconv.avg_pool2d(gpuconv.to_device(strange), 3, 1))
    untouched = [i for i in range(20) if i not in (3, 7, 18)]
    assert np.array_equal(result[0, untouched], y[0, untouched])
    assert np.allclose(result[0, 3], 3e38)
    assert np.isnan(result[0, 7, 0, 0])
    assert np.isfinite(result[0, 7, 1, 1])
    assert result[0, 18, 1, 1] == np.inf


@on_every_device
def test_masks_of_no_tap_give_nothing(device, on):
    dy, mask = np.ones((1, 16, 2, 2), np.float32), np.full((1, 16, 2, 2), 200, np.uint8)
    dx = gpuconv.max_pool2d_input_grad(gpuconv.to_device(dy), gpuconv.to_device(mask), (1, 16, 4, 4), 2)
    assert not gpuconv.to_host(dx).any()
