"""Cross-entropy against class probabilities."""

import numpy as np
import pytest

import gpuconv
from tests import reference
from tests.devices import on_every_device
from tests.loss.agreement import assert_loss_agrees

X, T = np.zeros((2, 3)), np.zeros((2, 3))


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "weighted", "smoothing"), [((4, 5), False, 0.0), ((3, 4, 2, 3), True, 0.2)])
def test_cross_entropy_agrees_with_the_oracle(shape, weighted, smoothing, dtype, device, on):
    rng = np.random.default_rng(0)
    x, target = 3 * rng.standard_normal(shape).astype(dtype), rng.uniform(0, 1, shape).astype(dtype)
    target /= target.sum(1, keepdims=True)
    weight = rng.uniform(0.2, 2, shape[1]).astype(dtype) if weighted else None
    losses, gradient = reference.cross_entropy_of_probabilities(x, target, weight, smoothing)
    options = {"label_smoothing": smoothing, **({"weight": weight} if weighted else {})}
    assert_loss_agrees("cross_entropy", x, target, options, losses, gradient, rowwise=True)


def test_probabilities_have_the_shape_of_the_logits():
    with pytest.raises(ValueError, match=r"target has shape \(2, 2\), expected \(2, 3\)"):
        gpuconv.cross_entropy(X, T[:, :2])


def test_probabilities_cannot_be_ignored():
    with pytest.raises(ValueError, match="ignore_index is 1, expected none where target holds prob"):
        gpuconv.cross_entropy(X, T, ignore_index=1)
