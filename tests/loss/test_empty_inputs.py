"""Losses of no elements."""

import numpy as np
import pytest

import gpuconv

NOTHING = np.zeros((0, 3), np.float32)
every_loss = pytest.mark.parametrize(
    "name", ["l1_loss", "huber_loss", "smooth_l1_loss", "bce_with_logits", "cross_entropy"]
)


@every_loss
def test_the_mean_of_nothing_is_nan(name):
    assert np.isnan(getattr(gpuconv, name)(NOTHING, NOTHING))


@every_loss
def test_the_sum_of_nothing_is_zero(name):
    assert getattr(gpuconv, name)(NOTHING, NOTHING, reduction="sum") == 0


@every_loss
def test_the_gradient_of_nothing_is_empty(name):
    assert getattr(gpuconv, f"{name}_grad")(NOTHING, NOTHING).shape == (0, 3)
