"""Activations, softmax and their gradients."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close, check_gradients
from tests import reference
from tests.devices import on_every_device

SHAPES = [(), (1,), (7,), (3, 4, 5), (0, 3), (2, 50_000)]
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3.4e38, -3.4e38], np.float32)


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_activations_agree_with_the_oracle(shape, dtype, device, on):
    rng = np.random.default_rng(0)
    x, dy = (np.asarray(rng.standard_normal(shape), dtype) for _ in range(2))
    xd, dyd = gpuconv.to_device(x), gpuconv.to_device(dy)
    assert_close(gpuconv.relu(xd), reference.relu(x))
    assert_close(gpuconv.relu_grad(dyd, xd), reference.relu_grad(dy, x))
    for slope in (0.01, 0.0, -0.3, 2.0):
        assert_close(gpuconv.leaky_relu(xd, slope), reference.leaky_relu(x, slope))
        assert_close(gpuconv.leaky_relu_grad(dyd, xd, slope), reference.leaky_relu_grad(dy, x, slope))


@on_every_device
def test_special_values(device, on):
    x = gpuconv.to_device(SPECIAL)
    dy = gpuconv.to_device(np.full(SPECIAL.shape, 3, np.float32))
    expected = np.array([0, 0, np.inf, 0, np.nan, 1e-45, 0, 3.4e38, 0], np.float32)
    assert np.array_equal(gpuconv.to_host(gpuconv.relu(x)), expected, equal_nan=True)
    assert np.array_equal(gpuconv.to_host(gpuconv.relu_grad(dy, x)), [0, 0, 3, 0, 3, 3, 0, 3, 0])
    assert np.array_equal(gpuconv.to_host(gpuconv.leaky_relu_grad(dy, x, 2)), [6, 6, 3, 6, 6, 3, 6, 3, 6])
    leaky = gpuconv.to_host(gpuconv.leaky_relu(x, 0.5))
    assert np.array_equal(leaky[:5], [0, 0, np.inf, -np.inf, np.nan], equal_nan=True)


@on_every_device
def test_in_place(device, on):
    x = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    a = gpuconv.to_device(x.copy())
    assert gpuconv.relu(a, out=a) is a
    assert np.array_equal(gpuconv.to_host(a), np.maximum(x, 0))


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "axis"), [((5, 7), -1), ((4, 3, 6), 1), ((9,), 0), ((2, 3, 2, 2), 1), ((0, 4), 1), ((3, 1), 1)]
)
def test_softmax_agrees_with_the_oracle(shape, axis, dtype, device, on):
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape).astype(dtype) * 4 for _ in range(2))
    xd, dyd = gpuconv.to_device(x), gpuconv.to_device(dy)
    assert_close(gpuconv.softmax(xd, axis), reference.softmax(x, axis), terms=shape[axis])
    assert_close(gpuconv.softmax_grad(dyd, xd, axis), reference.softmax_grad(dy, x, axis), terms=8 * shape[axis])


@on_every_device
def test_softmax_of_large_numbers_does_not_overflow(device, on):
    y = gpuconv.to_host(gpuconv.softmax(gpuconv.to_device(np.array([[1e30, 1e30, -1e30], [500, 0, -500]], np.float32))))
    assert_close(y, np.array([[0.5, 0.5, 0], [1, 0, 0]]))


@on_every_device
def test_finite_differences(device, on):
    x = gpuconv.to_device(np.random.default_rng(0).standard_normal((6, 5)))
    for forward, backward in (
        (gpuconv.relu, gpuconv.relu_grad),
        (gpuconv.leaky_relu, gpuconv.leaky_relu_grad),
        (gpuconv.softmax, gpuconv.softmax_grad),
    ):
        report = check_gradients(forward, lambda dy, x, backward=backward: (backward(dy, x),), x)
        assert report.directions == 4


def test_an_axis_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"softmax: axis is 2, expected -2 <= axis < 2 for x of shape \(2, 3\)"):
        gpuconv.softmax(np.zeros((2, 3), np.float32), 2)
