"""Binary cross-entropy of logits."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import on_every_device
from tests.loss.agreement import assert_loss_agrees

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@on_every_device
@DTYPES
@pytest.mark.parametrize(("weight", "pos_weight"), [(None, None), ((4, 1), None), (None, (5,)), ((4, 5), (1,))])
def test_bce_with_logits_agrees_with_the_oracle(weight, pos_weight, dtype, device, on):
    rng = np.random.default_rng(0)
    x, target = 3 * rng.standard_normal((4, 5)).astype(dtype), rng.uniform(0, 1, (4, 5)).astype(dtype)
    target[0] = 0, 1, 0, 1, 1
    shapes = {"weight": weight, "pos_weight": pos_weight}
    options = {key: rng.uniform(0.2, 2, shape).astype(dtype) for key, shape in shapes.items() if shape}
    w, p = (np.float64(options.get(key, 1)) for key in shapes)
    losses, gradient = reference.binary_loss(x, target, w, p), reference.binary_loss_grad(x, target, w, p)
    assert_loss_agrees("bce_with_logits", x, target, options, losses, gradient)


@DTYPES
def test_large_logits_do_not_overflow(dtype):
    x, target = np.array([1e4, -1e4, 1e4, -1e4], dtype), np.array([1, 0, 0, 1], dtype)
    assert np.array_equal(gpuconv.bce_with_logits(x, target, reduction="none"), [0, 0, 1e4, 1e4])
    assert np.array_equal(gpuconv.bce_with_logits_grad(x, target, reduction="sum"), [0, 0, 1, -1])


INFINITIES = np.array([np.inf, -np.inf, np.inf, -np.inf, np.inf, -np.inf], np.float32)
SURE = np.array([1, 0, 0, 1, 0.5, 0.5], np.float32)


def _assert_infinite_logits_have_their_limits():
    x, target = map(gpuconv.to_device, (INFINITIES, SURE))
    losses = gpuconv.to_host(gpuconv.bce_with_logits(x, target, reduction="none"))
    assert losses.tolist() == [0, 0, np.inf, np.inf, np.inf, np.inf]
    dx = gpuconv.to_host(gpuconv.bce_with_logits_grad(x, target, reduction="sum"))
    assert dx.tolist() == [0, 0, 1, -1, 0.5, -0.5]


def _assert_nothing_counts_at_weight_zero():
    """Infinite losses and NaN included."""
    x = gpuconv.to_device(np.array([np.inf, -np.inf, np.nan, 0], np.float32))
    target = gpuconv.to_device(np.array([0, 1, 1, 1], np.float32))
    weight = gpuconv.to_device(np.array([0, 0, 0, 1], np.float32))
    assert_close(gpuconv.bce_with_logits(x, target, weight=weight, reduction="sum"), np.log(2))
    dx = gpuconv.bce_with_logits_grad(x, target, weight=weight, reduction="sum")
    assert gpuconv.to_host(dx).tolist() == [0, 0, 0, -0.5]


@on_every_device
def test_infinite_logits_have_their_limits(device, on):
    _assert_infinite_logits_have_their_limits()
    _assert_nothing_counts_at_weight_zero()


def test_infinite_logits_on_the_emulated_device(emulated):
    _assert_infinite_logits_have_their_limits()
    _assert_nothing_counts_at_weight_zero()


@on_every_device
@DTYPES
def test_gradients_of_confident_logits_keep_their_digits(dtype, device, on):
    """1 - s of s near 1 would be 0 in float32."""
    x = np.array([20, -20, 40, -40], dtype)
    dx = gpuconv.bce_with_logits_grad(*map(gpuconv.to_device, (x, (x > 0).astype(dtype))), reduction="sum")
    np.testing.assert_allclose(gpuconv.to_host(dx), -np.sign(x) / (1 + np.exp(np.abs(x.astype(float)))), rtol=1e-6)


def test_a_weight_that_does_not_broadcast_is_refused():
    x = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"weight has shape \(2,\), expected one that"):
        gpuconv.bce_with_logits(x, x, weight=np.ones(2))
