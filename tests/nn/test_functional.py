"""gpuconv.nn.functional where it differs from PyTorch's: in-place results, seeds, refusals."""

import subprocess
import sys

import numpy as np
import pytest

import gpuconv
import gpuconv.nn.functional as F  # noqa: N812  as PyTorch users write it

X = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "name", ["relu", "relu6", "leaky_relu", "elu", "selu", "silu", "mish", "hardswish", "hardtanh"]
)
def test_inplace_writes_over_the_input(name):
    x = X.copy()
    assert getattr(F, name)(x, inplace=True) is x
    assert np.array_equal(x, getattr(gpuconv, name)(X))


def test_dropout_draws_a_seed_unless_one_is_given():
    assert not np.array_equal(F.dropout(X), F.dropout(X))
    assert np.array_equal(F.dropout(X, seed=3), gpuconv.dropout(X, seed=3))
    assert np.array_equal(F.dropout2d(X, 0.2, seed=3), gpuconv.dropout2d(X, 0.2, seed=3))


def test_softmax_converts_first():
    assert F.softmax(X, 1, dtype=np.float64).dtype == np.float64


def test_upsample_is_interpolate():
    assert np.array_equal(F.upsample(X, 8), F.interpolate(X, 8))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.interpolate(X, 8, antialias=True), "interpolate: antialias is True, expected False"),
        (
            lambda: F.interpolate(X, scale_factor=2, recompute_scale_factor=True),
            "recompute_scale_factor is True, expected None; pass size",
        ),
        (lambda: F.mse_loss(X, X, True), "mse_loss: size_average is True, expected None; .* use reduction"),
        (lambda: F.l1_loss(X, X, weight=X), "l1_loss: weight is an array of shape .*, expected None"),
    ],
)
def test_options_that_are_missing_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_subpackages_are_reached_after_importing_gpuconv_alone():
    names = "nn.init.zeros nn.functional.relu optim.SGD optim.lr_scheduler.StepLR training.fit testing.check_gradients"
    code = "import gpuconv, operator; " + "; ".join(f"operator.attrgetter({n!r})(gpuconv)" for n in names.split())
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_is_reached_from_gpuconv_and_lists_public_names_alone():
    assert gpuconv.nn.functional is F
    assert dir(F) == sorted(F.__all__)
