"""Normalization and its gradients against the oracle."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import EMULATED, on_every_device

SHAPES, GROUPED = [(2, 2), (3, 2, 2, 5)], [((2, 4, 3), 2)]
if not EMULATED:
    GROUPED += [((3, 4), 2), ((2, 6, 5), 1), ((1, 3, 2, 4), 3), ((2, 6, 70), 3), ((3, 24, 2, 2), 2), ((1, 8, 4), 8)]
    SHAPES += [(6, 3), (2, 4), (4, 3, 5), (1, 1, 7, 1), (2, 3, 1, 2, 2), (3, 70, 2, 3), (2, 5, 33)]
READ_ONLY = np.zeros(3, np.float32)
READ_ONLY.flags.writeable = False
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def _functions(x):
    rank = {2: 1}.get(x.ndim, x.ndim - 2)
    return getattr(gpuconv, f"batch_norm{rank}d"), getattr(gpuconv, f"batch_norm{rank}d_grad")


def _arrays(shape, dtype, affine=True):
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    weight, bias, mean = (rng.standard_normal(shape[1]).astype(dtype) for _ in range(3))
    var = rng.uniform(0.5, 2, shape[1]).astype(dtype)
    return x * 3 + 1, dy, *((weight, bias) if affine else (None, None)), mean, var


def _to_device(*arrays):
    return [None if a is None else gpuconv.to_device(a.copy()) for a in arrays]


@on_every_device
@DTYPES
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_in_training_agrees_with_the_oracle(shape, affine, dtype, device, on):
    x, dy, weight, bias, running_mean, running_var = _arrays(shape, dtype, affine)
    xd, dyd, wd, bd, md, vd = _to_device(x, dy, weight, bias, running_mean, running_var)
    forward, backward = _functions(x)
    mean, var = reference.batch_norm_statistics(x)
    y = forward(xd, md, vd, wd, bd, training=True, momentum=0.3, eps=1e-3)
    terms = x.size // shape[1]
    assert_close(y, reference.batch_norm(x, mean, var, weight, bias, 1e-3), terms=terms)
    for moved, expected in zip((md, vd), reference.moved_statistics(x, running_mean, running_var, 0.3), strict=True):
        assert_close(moved, expected, terms=terms)
    dx, dweight, dbias = backward(dyd, xd, *gpuconv.batch_norm_statistics(xd), wd, training=True, eps=1e-3)
    dx_ref, dweight_ref, dbias_ref = reference.batch_norm_grad(dy, x, mean, var, weight, 1e-3, True)
    assert_close(dx, dx_ref, terms=8 * terms, magnitude=dy)
    assert_close(dweight, dweight_ref, terms=terms, magnitude=dy)
    assert_close(dbias, dbias_ref, terms=terms)


@on_every_device
@DTYPES
@pytest.mark.parametrize("shape", [*SHAPES, (1, 3), (0, 2, 3)], ids=str)
def test_batch_norm_in_inference_agrees_with_the_oracle(shape, dtype, device, on):
    x, dy, weight, bias, mean, var = _arrays(shape, dtype)
    xd, dyd, wd, bd, md, vd = _to_device(x, dy, weight, bias, mean, var)
    forward, backward = _functions(x)
    assert_close(forward(xd, md, vd, wd, bd), reference.batch_norm(x, mean, var, weight, bias, 1e-5))
    assert np.array_equal(gpuconv.to_host(md), mean)
    expected = reference.batch_norm_grad(dy, x, mean, var, weight, 1e-5, False)
    for gradient, reference_gradient in zip(backward(dyd, xd, md, vd, wd), expected, strict=True):
        assert_close(gradient, reference_gradient, terms=max(x.size, 1))


@on_every_device
@DTYPES
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("shape", "groups"), GROUPED)
def test_group_norm_agrees_with_the_oracle(shape, groups, affine, dtype, device, on):
    x, dy, weight, bias, *_ = _arrays(shape, dtype, affine)
    xd, dyd, wd, bd = _to_device(x, dy, weight, bias)
    statistics = gpuconv.group_norm_statistics(xd, groups)
    y = gpuconv.group_norm(xd, groups, wd, bd, 1e-3)
    assert_close(y, reference.group_norm(x, groups, weight, bias, 1e-3), terms=x[0].size)
    again = gpuconv.group_norm(xd, groups, wd, bd, 1e-3, mean=statistics[0], var=statistics[1])
    assert np.array_equal(gpuconv.to_host(y), gpuconv.to_host(again))
    gradients = gpuconv.group_norm_grad(dyd, xd, groups, *statistics, wd, 1e-3)
    for gradient, expected in zip(gradients, reference.group_norm_grad(dy, x, groups, weight, 1e-3), strict=True):
        assert_close(gradient, expected, terms=8 * x.size, magnitude=dy)


def test_group_norm_of_nothing():
    x = np.zeros((0, 4, 2))
    mean, var = gpuconv.group_norm_statistics(x, 2)
    assert mean.shape == var.shape == (0, 2)
    assert gpuconv.group_norm(x, 2).shape == x.shape
    dx, dweight, dbias = gpuconv.group_norm_grad(x, x, 2, mean, var)
    assert dx.shape == x.shape
    assert not dweight.any()
    assert not dbias.any()


@on_every_device
@DTYPES
@pytest.mark.parametrize("offset", [0, 1e4, -1e6])
def test_a_large_mean_costs_the_variance_no_digits(offset, dtype, device, on):
    x = (np.random.default_rng(0).standard_normal((4, 2, 6, 50)) + offset).astype(dtype)
    x[0, 0, 0, 0] = 0  # an outlier where the sums start
    mean, var = gpuconv.batch_norm_statistics(gpuconv.to_device(x))
    mean_ref, var_ref = reference.batch_norm_statistics(x)
    assert_close(mean, mean_ref, terms=1200)
    assert_close(var[1:], var_ref[1:], terms=1200)
    assert_close(var[:1], var_ref[:1], terms=1200)


@on_every_device
def test_an_empty_batch_moves_nothing(device, on):
    x, mean, var = _to_device(np.zeros((0, 2, 3, 3)), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert gpuconv.batch_norm2d(x, mean, var, training=True).shape == x.shape
    assert gpuconv.to_host(mean).tolist() == [1, 2]
    assert gpuconv.to_host(var).tolist() == [3, 4]
    dx, *others = gpuconv.batch_norm2d_grad(x, x, mean, var, training=True)
    assert dx.shape == x.shape
    assert all(gpuconv.to_host(a).tolist() == [0, 0] for a in others)


@on_every_device
def test_a_constant_channel_without_eps_gives_nan_and_no_error(device, on):
    y = gpuconv.batch_norm2d(gpuconv.to_device(np.ones((2, 1, 2, 2), np.float32)), training=True, eps=0)
    assert np.isnan(gpuconv.to_host(y)).all()


@on_every_device
def test_nan_and_infinity_stay_in_their_channel(device, on):
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 2)).astype(np.float32)
    x[0, 0, 1, 1], x[1, 2, 0, 0] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        y = gpuconv.to_host(gpuconv.batch_norm2d(gpuconv.to_device(x), training=True))
    assert np.isnan(y[:, [0, 2]]).all()
    assert np.isfinite(y[:, 1]).all()


@on_every_device
def test_in_place_and_from_strided_memory(device, on):
    x = np.random.default_rng(0).standard_normal((4, 3, 5, 6))
    a = gpuconv.to_device(x.copy())
    expected = gpuconv.to_host(gpuconv.batch_norm2d(a, training=True))
    assert gpuconv.batch_norm2d(a, training=True, out=a) is a
    assert np.array_equal(gpuconv.to_host(a), expected)
    strided = gpuconv.to_device(np.asfortranarray(x))
    assert np.array_equal(gpuconv.to_host(gpuconv.batch_norm2d(strided, training=True)), expected)


def test_the_same_bits_for_any_number_of_threads(threads):
    x, dy = (np.random.default_rng(i).standard_normal((8, 5, 70, 70)).astype(np.float32) for i in range(2))

    def results():
        statistics = gpuconv.batch_norm_statistics(x)
        gradients = gpuconv.batch_norm2d_grad(dy, x, *statistics, training=True)
        return *statistics, gpuconv.batch_norm2d(x, *statistics), *gradients

    on_all_threads = results()
    threads(1)
    assert all(np.array_equal(a, b) for a, b in zip(on_all_threads, results(), strict=True))


def _zeros(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gpuconv.batch_norm2d(_zeros(2, 3)), ValueError, r"x has shape \(2, 3\), expected \(N, C, H, W\)"),
        (lambda: gpuconv.batch_norm1d(_zeros(2, 3, 1, 1)), ValueError, r"expected \(N, C\) or \(N, C, L\)"),
        (lambda: gpuconv.batch_norm3d(_zeros(2, 3, 1, 1)), ValueError, r"expected \(N, C, D, H, W\)"),
        (lambda: gpuconv.batch_norm2d(_zeros(2, 3, 1, 1)), ValueError, "running_mean and running_var are None"),
        (
            lambda: gpuconv.batch_norm2d(_zeros(2, 3, 1, 1), _zeros(3), training=True),
            ValueError,
            "running_var is None, expected an array as running_mean is one",
        ),
        (
            lambda: gpuconv.batch_norm2d(_zeros(2, 3, 1, 1), _zeros(2), _zeros(3)),
            ValueError,
            r"running_mean has shape \(2,\), expected \(3,\) \(x has 3 channels\)",
        ),
        (
            lambda: gpuconv.batch_norm2d(_zeros(1, 3, 1, 1), training=True),
            ValueError,
            r"x has shape \(1, 3, 1, 1\), one value for each channel, expected more in training",
        ),
        (
            lambda: gpuconv.batch_norm2d(_zeros(2, 3, 1, 1), _zeros(6)[::2], _zeros(3), training=True),
            ValueError,
            "running_mean has strides .*, expected a C-contiguous array",
        ),
        (
            lambda: gpuconv.batch_norm2d(_zeros(2, 3, 1, 1), _zeros(3), READ_ONLY, training=True),
            ValueError,
            "running_var is read-only, expected a writeable array",
        ),
        (
            lambda: gpuconv.batch_norm2d(_zeros(2, 3, 1, 1), training=1),
            TypeError,
            "training is 1, expected True or False",
        ),
        (
            lambda: gpuconv.batch_norm2d(_zeros(2, 3, 1, 1), training=True, momentum=None),
            TypeError,
            "momentum is None, expected a number",
        ),
        (
            lambda: gpuconv.batch_norm2d_grad(_zeros(2, 3, 1, 2), _zeros(2, 3, 1, 1), _zeros(3), _zeros(3)),
            ValueError,
            r"dy has shape \(2, 3, 1, 2\), expected \(2, 3, 1, 1\)",
        ),
        (
            lambda: gpuconv.group_norm(_zeros(2, 3, 4), 2),
            ValueError,
            "num_groups is 2, expected a divisor of the 3",
        ),
        (lambda: gpuconv.group_norm(_zeros(2, 3, 4), 0), ValueError, "num_groups is 0, expected at least 1"),
        (lambda: gpuconv.group_norm(_zeros(1, 3), 3), ValueError, "one value for each of 3 groups"),
        (
            lambda: gpuconv.group_norm(_zeros(2, 4), 2, mean=_zeros(2, 2)),
            ValueError,
            "only one of mean and var is given",
        ),
        (
            lambda: gpuconv.group_norm_grad(_zeros(2, 4), _zeros(2, 4), 2, _zeros(2, 2), _zeros(4)),
            ValueError,
            r"var has shape \(4,\), expected \(2, 2\)",
        ),
        (lambda: gpuconv.batch_norm_statistics(_zeros(3)), ValueError, r"x has shape \(3,\), expected at least two"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
