"""Addition of branches and concatenation."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import check_adjoint
from tests.devices import on_every_device


def _array(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def _parts(axis):
    """Three arrays of 2, 0 and 7 along an axis."""
    shapes = [[3, 4, 5], [3, 4, 5], [3, 4, 5]]
    for shape, size in zip(shapes, (2, 0, 7), strict=True):
        shape[axis] = size
    return [_array(*shape, seed=i, dtype=np.float32) for i, shape in enumerate(shapes)]


@on_every_device
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate_agrees_with_numpy(axis, device, on):
    inputs = _parts(axis)
    y = gpuconv.concatenate([gpuconv.to_device(a) for a in inputs], axis)
    assert np.array_equal(gpuconv.to_host(y), np.concatenate(inputs, axis))


@on_every_device
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_the_gradient_of_concatenate_splits(axis, device, on):
    y = np.concatenate(_parts(axis), axis)
    dy = _array(*y.shape, seed=9, dtype=np.float32)
    gradients = gpuconv.concatenate_grad(gpuconv.to_device(dy), (2, 0, 7), axis)
    for gradient, expected in zip(gradients, np.split(dy, (2, 2), axis), strict=True):
        assert np.array_equal(gpuconv.to_host(gradient), expected)


@on_every_device
def test_concatenate_and_its_gradient_are_adjoint(device, on):
    inputs = _parts(1)
    y = gpuconv.to_host(gpuconv.concatenate([gpuconv.to_device(a) for a in inputs], 1))
    dy = _array(*y.shape, seed=9, dtype=np.float32)
    gradients = gpuconv.concatenate_grad(gpuconv.to_device(dy), (2, 0, 7), 1)
    check_adjoint(dy, y, *(np.concatenate([gpuconv.to_host(a).ravel() for a in many]) for many in (gradients, inputs)))


@on_every_device
def test_add_agrees_with_numpy(device, on):
    a, b = _array(3, 4), _array(3, 4, seed=1)
    assert np.array_equal(gpuconv.to_host(gpuconv.add(gpuconv.to_device(a), gpuconv.to_device(b))), a + b)


@on_every_device
def test_add_works_in_place(device, on):
    a, b = _array(3, 4), _array(3, 4, seed=1)
    on_device = gpuconv.to_device(a.copy())
    assert gpuconv.add(on_device, gpuconv.to_device(b), out=on_device) is on_device
    assert np.array_equal(gpuconv.to_host(on_device), a + b)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: gpuconv.concatenate([]), ValueError, "arrays is empty, expected at least one array"),
        (lambda x: gpuconv.concatenate(x), TypeError, "arrays is a ndarray, expected a list or tuple"),
        (lambda x: gpuconv.concatenate([x, x.T]), ValueError, r"arrays\[1\] has shape \(3, 2\), expected \(2, 2\)"),
        (lambda x: gpuconv.concatenate([x, x[0]]), ValueError, r"arrays\[1\] has shape \(3,\), expected 2 dimensions"),
        (lambda x: gpuconv.concatenate([x, x.astype("f4")]), TypeError, r"arrays\[1\] has dtype float32"),
        (lambda x: gpuconv.concatenate([x], 2), ValueError, r"axis is 2, .* for arrays\[0\] of shape \(2, 3\)"),
        (lambda x: gpuconv.concatenate([x, x], 0, out=np.empty((3, 3))), ValueError, r"out has shape \(3, 3\)"),
        (lambda x: gpuconv.concatenate_grad(x, (1, 1)), ValueError, r"sizes is \(1, 1\), expected 3 in sum"),
        (lambda x: gpuconv.concatenate_grad(x, (4, -1)), ValueError, r"sizes\[1\] is -1, expected at least 0"),
        (lambda x: gpuconv.add(x, x.T), ValueError, r"b has shape \(3, 2\), expected \(2, 3\)"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(_array(2, 3))
