"""Losses of pairs of elements: quadratic, absolute, Huber's and smooth L1."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import on_every_device
from tests.loss.agreement import REDUCTIONS, assert_loss_agrees

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ROBUST = [("l1", {}), ("huber", {"delta": 0.7}), ("smooth_l1", {"beta": 0.3}), ("smooth_l1", {"beta": 0})]


@on_every_device
@DTYPES
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4, 6), (1,), (3, 70_000)])
def test_mse_agrees_with_the_oracle(shape, reduction, dtype, device, on):
    rng = np.random.default_rng(0)
    x, target = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    loss = gpuconv.mse_loss(gpuconv.to_device(x), gpuconv.to_device(target), reduction=reduction)
    assert loss.shape == (shape if reduction == "none" else ())
    assert_close(loss, reference.mse_loss(x, target, reduction), terms=8)
    dloss = np.asarray(rng.standard_normal(loss.shape), dtype)
    dx = gpuconv.mse_loss_grad(
        gpuconv.to_device(x), gpuconv.to_device(target), dloss=gpuconv.to_device(dloss), reduction=reduction
    )
    assert_close(dx, reference.mse_loss_grad(x, target, dloss, reduction))


@on_every_device
@DTYPES
@pytest.mark.parametrize(("name", "options"), ROBUST)
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 4)])
def test_robust_losses_agree_with_the_oracle(shape, name, options, dtype, device, on):
    rng = np.random.default_rng(0)
    x, target = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    x.flat[3] = target.flat[3]
    parameter = next(iter(options.values()), 0)
    losses = reference.pairwise_loss(name, x, target, parameter)
    gradient = reference.pairwise_loss_grad(name, x, target, parameter)
    assert_loss_agrees(f"{name}_loss", x, target, options, losses, gradient)


@pytest.mark.parametrize(("name", "options"), ROBUST[:3])
def test_robust_losses_at_their_corners(name, options):
    corner = next(iter(options.values()), 1.0)
    x = np.array([0, corner, -corner])
    losses = getattr(gpuconv, f"{name}_loss")(x, np.zeros(3), reduction="none", **options)
    assert np.allclose(losses, reference.pairwise_loss(name, x, 0, corner))
    limit = corner if name == "huber" else 1
    dx = getattr(gpuconv, f"{name}_loss_grad")(x, np.zeros(3), dloss=np.ones(3), reduction="none", **options)
    assert np.array_equal(dx, [0, limit, -limit])


@on_every_device
@pytest.mark.parametrize("beta", [1e-50, 1e-44, 1e-30, 1e30])
def test_a_tiny_or_huge_beta_has_the_right_value_everywhere(beta, device, on):
    x = np.array([0, -0.0, 2e-31, -1e-25, 3, -1e19, 1e25], np.float32)
    zeros, typed = np.zeros_like(x), float(np.float32(beta))
    losses = gpuconv.smooth_l1_loss(*map(gpuconv.to_device, (x, zeros)), beta=beta, reduction="none")
    dx = gpuconv.smooth_l1_loss_grad(*map(gpuconv.to_device, (x, zeros)), beta=beta, reduction="sum")
    expected = reference.pairwise_loss("smooth_l1", x, zeros, typed)
    np.testing.assert_allclose(gpuconv.to_host(losses), expected, rtol=1e-6, atol=1e-44)
    slopes = reference.pairwise_loss_grad("smooth_l1", x, zeros, typed)
    np.testing.assert_allclose(gpuconv.to_host(dx), slopes, rtol=1e-6, atol=1e-44)


def test_a_tiny_beta_on_the_emulated_device(emulated):
    x = np.array([0, 1e-30, -1e-30, 2], np.float32)
    assert gpuconv.smooth_l1_loss_grad(x, 0 * x, beta=1e-50, reduction="sum").tolist() == [0, 1, -1, 1]
    assert gpuconv.smooth_l1_loss(x, 0 * x, beta=1e-50, reduction="none").tolist() == abs(x).tolist()


@pytest.mark.parametrize(("name", "options"), ROBUST[:3])
def test_robust_losses_of_infinities_and_nan(name, options):
    x = np.array([np.inf, -np.inf, np.nan])
    losses = getattr(gpuconv, f"{name}_loss")(x, np.zeros(3), reduction="none", **options)
    assert np.array_equal(losses, [np.inf, np.inf, np.nan], equal_nan=True)
    dx = getattr(gpuconv, f"{name}_loss_grad")(x, np.zeros(3), dloss=np.ones(3), reduction="none", **options)
    limit = options["delta"] if name == "huber" else 1
    assert np.array_equal(dx[:2], [limit, -limit])
    assert (dx[2] == 0) if name == "l1" else np.isnan(dx[2])


X, T = np.zeros((2, 3)), np.zeros((2, 3))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: gpuconv.huber_loss(X, T, delta=0), "huber_loss: delta is 0, expected delta > 0"),
    (lambda: gpuconv.huber_loss_grad(X, T, delta=np.nan), "huber_loss_grad: delta is nan, expected delta > 0"),
    (lambda: gpuconv.smooth_l1_loss(X, T, beta=-1), "smooth_l1_loss: beta is -1, expected beta >= 0"),
    (lambda: gpuconv.l1_loss(X, T[:1]), r"l1_loss: target has shape \(1, 3\), expected \(2, 3\)"),
])  # fmt: skip
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
