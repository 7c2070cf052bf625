"""Softmax, its logarithm and their gradients."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close, check_gradients
from tests import reference
from tests.devices import on_every_device

PAIRS = pytest.mark.parametrize("name", ["softmax", "log_softmax"])
SHAPES = [
    ((5, 7), -1), ((4, 3, 6), 1), ((9,), 0), ((2, 3, 2, 2), 1), ((0, 4), 1), ((3, 0), 1), ((3, 1), 1), ((2, 70), 1),
    ((2, 40, 150), 1), ((1, 3, 4, 64), 1), ((70, 3), 1), ((3, 5, 19, 2), 1), ((300, 33), 0),
]  # fmt: skip


@on_every_device
@PAIRS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_softmax_agrees_with_the_oracle(name, shape, axis, dtype, device, on):
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape).astype(dtype) * 4 for _ in range(2))
    xd, dyd = gpuconv.to_device(x), gpuconv.to_device(dy)
    y, dx = getattr(gpuconv, name)(xd, axis), getattr(gpuconv, f"{name}_grad")(dyd, xd, axis)
    assert y.shape == dx.shape == shape
    if x.size:
        assert_close(y, getattr(reference, name)(x, axis), terms=shape[axis])
        assert_close(dx, getattr(reference, f"{name}_grad")(dy, x, axis), terms=8 * shape[axis])


@on_every_device
def test_softmax_of_large_numbers_does_not_overflow(device, on):
    x = gpuconv.to_device(np.array([[1e30, 1e30, -1e30], [500, 0, -500]], np.float32))
    assert_close(gpuconv.softmax(x), np.array([[0.5, 0.5, 0], [1, 0, 0]]))
    logs = gpuconv.to_host(gpuconv.log_softmax(x))
    assert np.allclose(logs, [[-np.log(2), -np.log(2), -2e30], [0, -500, -1000]])


@on_every_device
@PAIRS
def test_special_values_are_those_of_pytorch(name, device, on):
    """Minus infinity masks a class out; a row of nothing else, NaN or infinity make a row NaN."""
    inf, nan = np.inf, np.nan
    x = np.array([[0, -inf, 0], [-inf, -inf, -inf], [0, inf, 1], [0, nan, 1]], np.float32)
    y = gpuconv.to_host(getattr(gpuconv, name)(gpuconv.to_device(x)))
    first = [0.5, 0, 0.5] if name == "softmax" else [-np.log(2), -inf, -np.log(2)]
    assert np.allclose(y[0], first)
    assert np.isnan(y[[1, 3]]).all()
    assert np.isnan(y[2, 1])


@on_every_device
@PAIRS
def test_special_values_stay_in_their_row(name, device, on):
    """Rows that are lanes of one vector do not see each other's infinities."""
    x = np.random.default_rng(0).standard_normal((4, 32)).astype(np.float32)
    x[1, ::3], x[2, 1], x[:, 4], x[0, 5] = -np.inf, np.nan, -np.inf, np.inf
    along_lanes = gpuconv.to_host(getattr(gpuconv, name)(gpuconv.to_device(x), 0))
    expected = getattr(reference, name)(x[:, :1], 0)
    assert_close(along_lanes[:, :1], expected, terms=4)
    assert np.isnan(along_lanes[:, [1, 4]]).all()
    assert np.isnan(along_lanes[0, 5])
    assert np.isfinite(np.exp(along_lanes[:, 6:])).all()


@on_every_device
@PAIRS
@pytest.mark.parametrize("shape", [(6, 5), (5, 48)])
@pytest.mark.parametrize("axis", [0, 1])
def test_in_place(name, axis, shape, device, on):
    x, dy = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    forward, backward = getattr(gpuconv, name), getattr(gpuconv, f"{name}_grad")
    y, dx = forward(gpuconv.to_device(x), axis), backward(gpuconv.to_device(dy), gpuconv.to_device(x), axis)
    for reused in (0, 1):
        xd, dyd = gpuconv.to_device(x.copy()), gpuconv.to_device(dy.copy())
        out = (xd, dyd)[reused]
        assert backward(dyd, xd, axis, out=out) is out
        assert np.array_equal(gpuconv.to_host(out), gpuconv.to_host(dx))
    xd = gpuconv.to_device(x.copy())
    assert np.array_equal(gpuconv.to_host(forward(xd, axis, out=xd)), gpuconv.to_host(y))


@on_every_device
@PAIRS
def test_finite_differences(name, device, on):
    x = gpuconv.to_device(np.random.default_rng(0).standard_normal((6, 5)))
    backward = getattr(gpuconv, f"{name}_grad")
    assert check_gradients(getattr(gpuconv, name), lambda dy, x: (backward(dy, x),), x).directions == 4


def test_a_number_has_one_axis():
    assert gpuconv.softmax(np.float32([3])[0:1].reshape(()), 0) == 1


def test_an_axis_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"softmax: axis is 2, expected -2 <= axis < 2 for x of shape \(2, 3\)"):
        gpuconv.softmax(np.zeros((2, 3), np.float32), 2)
