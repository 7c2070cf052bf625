"""Normalization by known plans, and gradients in one pass over samples."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close
from tests import reference

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def arrays_of(shape, dtype, affine=True):
    """x, dy, weight, bias, mean and variance."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    weight, bias, mean = (rng.standard_normal(shape[1]).astype(dtype) for _ in range(3))
    return x * 3 + 1, dy, *((weight, bias) if affine else (None, None)), mean, mean**2 + dtype(0.5)


@DTYPES
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("shape", "groups"), [((5, 64), 1), ((21, 99), 3), ((70, 32, 4), 2), ((9, 40, 5, 5), 40), ((3, 1040), 1)]
)
def test_gradients_in_one_pass_over_samples_agree_with_the_oracle(shape, groups, affine, dtype):
    x, dy, weight, *_ = arrays_of(shape, dtype, affine)
    expected = reference.group_norm_grad(dy, x, groups, weight, 1e-3)
    mean, var = gpuconv.group_norm_statistics(x, groups)
    for _ in range(2):  # by a new plan and by the known one
        gradients = gpuconv.group_norm_grad(dy, x, groups, mean, var, weight, 1e-3)
        for gradient, gradient_ref in zip(gradients, expected, strict=True):
            assert_close(gradient, gradient_ref, terms=8 * x.size, magnitude=dy)
    # in place, where a second try would read what the first one has written
    dx, *_ = gpuconv.group_norm_grad(dy.copy(), x, groups, mean, var, weight, 1e-3, out=dy)
    assert_close(dx, expected[0], terms=8 * x.size, magnitude=1)


def test_gradients_whose_terms_overflow_in_one_pass_are_finite():
    x = np.array([[3e38] * 16 + [-3e38] * 16] * 4, np.float32)
    mean, var = np.zeros((4, 1), np.float32), np.full((4, 1), np.inf, np.float32)
    dy = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    dy[:, 0] = 3e38  # times the xhat of several samples
    dx, dweight, dbias = gpuconv.group_norm_grad(dy, x, 1, mean, var)
    assert np.isfinite(dx).all()
    assert np.isfinite(dweight[1:]).all()
    assert np.isfinite(dbias[1:]).all()


@DTYPES
def test_known_calls_compute_what_the_first_one_did(dtype):
    x, dy, weight, bias, mean, var = arrays_of((4, 6, 5, 7), dtype)
    calls = [
        lambda: [gpuconv.group_norm(x, 3, weight, bias), gpuconv.group_norm(x, 6)],
        lambda: gpuconv.group_norm_grad(dy, x, 3, *gpuconv.group_norm_statistics(x, 3), weight),
        lambda: [gpuconv.batch_norm2d(x, mean, var, weight, bias), gpuconv.batch_norm2d(x, training=True)],
        lambda: gpuconv.batch_norm2d_grad(dy, x, mean, var, weight, training=True),
        lambda: gpuconv.batch_norm2d_grad(dy, x, mean, var),
    ]
    for call in calls:
        for first, again in zip(call(), call(), strict=True):
            assert np.array_equal(first, again)
    running = [(mean.copy(), var.copy()) for _ in range(2)]
    for pair in running:
        gpuconv.batch_norm2d(x, *pair, weight, bias, training=True, momentum=0.25)
    assert np.array_equal(running[0], running[1])
