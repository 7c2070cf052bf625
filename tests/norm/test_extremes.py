"""Normalization of very large and very small values, and sums of many terms."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.core.device import use_device
from tests import reference

RTOL = 2e-6


@pytest.fixture(params=["cpu", "emulator"], autouse=True)
def target_device(request):
    with use_device(request.param):
        yield request.param


def _arrays(shape, size, dtype=np.float32):
    rng = np.random.default_rng(0)
    weight, bias = (rng.uniform(0.5, 2, shape[1]).astype(dtype) for _ in range(2))
    return (size * rng.standard_normal(shape)).astype(dtype), rng.standard_normal(shape).astype(dtype), weight, bias


def _assert_close(found, expected, size=1.0):
    scale = max(np.abs(expected * size).max(), 1e-300)
    assert found.shape == expected.shape
    assert np.abs(found * np.float64(size) - expected * size).max() <= RTOL * scale


@pytest.mark.parametrize("shape", [(16, 3), (6, 3, 2, 5), (4, 2, 8)], ids=str)
@pytest.mark.parametrize(
    ("size", "eps"), [(1e20, 1e-5), (1e30, 1e-5), (1e-24, 0), (1e-15, 0), (1e-24, 1e-48), (1e19, 0)]
)
def test_batches_of_extreme_values_agree_with_the_oracle(size, eps, shape):
    x, dy, weight, bias = _arrays(shape, size)
    mean, var = reference.batch_norm_statistics(x)
    suffix = f"{max(len(shape) - 2, 1)}d"
    forward, backward = getattr(gpuconv, f"batch_norm{suffix}"), getattr(gpuconv, f"batch_norm{suffix}_grad")
    eps = float(np.float32(eps))
    expected = reference.batch_norm(x, mean, var, weight, bias, eps)
    _assert_close(forward(x, None, None, weight, bias, training=True, eps=eps), expected)
    statistics = gpuconv.batch_norm_statistics(x)
    found = backward(dy, x, *statistics, weight, training=True, eps=eps)
    for gradient, right, scale in zip(
        found, reference.batch_norm_grad(dy, x, mean, var, weight, eps, True), (size, 1, 1), strict=True
    ):
        _assert_close(gradient, right, scale)
    with np.errstate(over="ignore"):
        expected_var = var.astype(np.float32)
    np.testing.assert_allclose(statistics[1], expected_var, rtol=1e-5, atol=1e-44)


@pytest.mark.parametrize(("shape", "groups"), [((4, 6), 2), ((4, 8), 2), ((2, 4, 3, 3), 2)], ids=str)
@pytest.mark.parametrize(("size", "eps"), [(1e20, 1e-5), (1e-24, 0)])
def test_groups_of_extreme_values_agree_with_the_oracle(size, eps, shape, groups):
    x, dy, weight, bias = _arrays(shape, size)
    _assert_close(gpuconv.group_norm(x, groups, weight, bias, eps), reference.group_norm(x, groups, weight, bias, eps))
    statistics = gpuconv.group_norm_statistics(x, groups)
    found = gpuconv.group_norm_grad(dy, x, groups, *statistics, weight, eps)
    for gradient, right, scale in zip(
        found, reference.group_norm_grad(dy, x, groups, weight, eps), (size, 1, 1), strict=True
    ):
        _assert_close(gradient, right, scale)


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(3), nn.GroupNorm(1, 3)], ids=lambda layer: type(layer).__name__)
def test_layers_normalize_large_values(layer):
    x = (np.array([1, -1] * 24, np.float32) * np.float32(1e20)).reshape(16, 3, 1, 1)
    y = layer(x)
    assert np.isfinite(layer.backward(np.ones_like(x))).all()
    np.testing.assert_allclose(np.abs(y).max(), 1, rtol=0.5)
    assert y.std() > 0.9


def test_double_precision_has_its_own_range():
    x = np.array([1, -1] * 8).reshape(16, 1) * 1e200
    _assert_close(gpuconv.batch_norm1d(x, training=True), np.sign(x))
    _assert_close(gpuconv.batch_norm1d(np.sign(x) * 1e-200, training=True, eps=0), np.sign(x))


def test_bad_values_give_nan_and_a_constant_its_own():
    """As before: a set with an infinity has no deviation, one without spread and eps neither."""
    x = np.ones((4, 3), np.float32)
    x[0, 0], x[0, 1] = np.inf, np.nan
    with np.errstate(invalid="ignore"):
        assert np.isnan(gpuconv.batch_norm1d(x, training=True)[:, :2]).all()
        assert np.isnan(gpuconv.batch_norm1d(x, training=True, eps=0)[:, 2]).all()
        assert not gpuconv.batch_norm1d(x, training=True)[:, 2].any()


@pytest.mark.parametrize("shape", [(20_000, 2), (2, 1, 30_000), (1, 3, 20_000), (3000, 4, 1)], ids=str)
def test_sums_of_many_terms_keep_their_digits(shape, target_device):
    if target_device == "emulator":
        shape = tuple(-(-size // 10) if size > 100 else size for size in shape)
    x = np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(np.float32)
    dy = np.full(shape, 0.1, np.float32)
    mean, var = gpuconv.batch_norm_statistics(x)
    for found, expected in zip((mean, var), reference.batch_norm_statistics(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=3e-7)
    _, _, dbias = gpuconv.batch_norm1d_grad(dy, x, mean, var, training=True)
    np.testing.assert_allclose(dbias, float(np.float32(0.1)) * dy[:, 0].size, rtol=3e-7)
    _, _, dbias = gpuconv.group_norm_grad(dy, x, 1, *gpuconv.group_norm_statistics(x, 1))
    np.testing.assert_allclose(dbias, float(np.float32(0.1)) * dy[:, 0].size, rtol=3e-7)
