"""Sums over the classes: many classes, one confident class, classes that count for nothing."""

import numpy as np
import pytest

import gpuconv
from gpuconv.core.device import use_device
from tests import reference

RTOL = 4e-7
"""Some three units in the last place of float32."""
INF, NAN = np.inf, np.nan


@pytest.fixture(params=[("cpu", 32_000), ("cpu", 262_144), ("emulator", 3_000)], ids=str)
def classes(request):
    """A number of classes that a sum one by one is off by, and the device to try them on."""
    device, count = request.param
    with use_device(device):
        yield count


@pytest.fixture(params=["cpu", "emulator"])
def target_device(request):
    with use_device(request.param):
        yield request.param


def _along(row, inner):
    """A row of classes as (1, classes), or as (1, classes, inner) where neighboring rows are neighbors in memory."""
    return row[None].copy() if inner == 1 else np.repeat(row[None, :, None], inner, axis=2)


@pytest.mark.parametrize("inner", [1, 2])
def test_losses_of_many_classes_keep_their_digits(classes, inner):
    """Every probability is 1 / classes: losses and gradients are known."""
    x, even = _along(np.zeros(classes, np.float32), inner), _along(np.full(classes, 1 / classes, np.float32), inner)
    label = np.zeros((1, inner)[:inner], int)
    weight = np.full(classes, 0.1, np.float32)
    mass, log = float(np.float32(1 / classes)) * classes, np.log(classes)
    check = np.testing.assert_allclose
    check(gpuconv.cross_entropy(x, even), log * mass, rtol=RTOL)
    check(gpuconv.cross_entropy(x, label, label_smoothing=0.3), log, rtol=RTOL)
    check(gpuconv.cross_entropy(x, label, weight, label_smoothing=0.3, reduction="sum"), 0.1 * log * inner, rtol=RTOL)
    check(gpuconv.log_softmax(x, 1), np.full(x.shape, -log), rtol=RTOL)
    check(gpuconv.softmax(x, 1), np.full(x.shape, 1 / classes), rtol=RTOL)
    slope = 0.7 / classes / inner
    check(gpuconv.cross_entropy_grad(x, label, label_smoothing=0.3)[:, 1:], np.full_like(x[:, 1:], slope), rtol=RTOL)
    weighted = gpuconv.cross_entropy_grad(x, label, weight=weight, label_smoothing=0.3)
    check(weighted[:, 1:], np.full_like(x[:, 1:], slope), rtol=RTOL)
    tenth = np.full(x.shape, 0.1, np.float32)
    check(gpuconv.log_softmax_grad(tenth + x, x, 1), 0 * x, atol=0.1 * RTOL)
    check(gpuconv.softmax_grad(tenth, x, 1) * classes, 0 * x, atol=0.1 * RTOL)
    twice = gpuconv.cross_entropy_grad(x, 2 * even, reduction="sum")
    check(twice * classes, np.full(x.shape, 2 * (mass - 1)), atol=2 * RTOL)


@pytest.mark.parametrize("inner", [1, 2])
@pytest.mark.parametrize("margin", [12, 20, 40])
def test_a_confident_class_keeps_the_digits_of_what_it_lacks(target_device, margin, inner):
    """-log p is the sum of the others' exponentials where p rounds to 1, and p - 1 is that with the other sign."""
    x = _along(np.array([-1, 0.5, margin, 0, -margin], np.float32), inner)
    label, sure = np.full((1, inner)[:inner], 2), _along(np.array([0, 0, 1, 0, 0], np.float32), inner)
    with use_device("cpu"):
        terms = np.exp(x.astype(np.float64)[:, [0, 1, 3, 4]] - margin)
    rest = terms.sum(1, keepdims=True)
    loss, others = np.log1p(rest), rest / (1 + rest)
    gradient = np.insert(terms / (1 + rest), 2, -others[:, 0], axis=1)
    check = np.testing.assert_allclose
    for target in (label, sure):
        check(gpuconv.cross_entropy(x, target, reduction="none"), loss[:, 0], rtol=RTOL)
        check(gpuconv.cross_entropy_grad(x, target, reduction="sum"), gradient, rtol=RTOL)
    check(gpuconv.log_softmax(x, 1)[:, 2:3], -loss, rtol=RTOL)
    check(gpuconv.log_softmax_grad(-sure, x, 1), gradient, rtol=RTOL)
    y = gpuconv.softmax_grad(sure, x, 1)
    check(y, np.insert(-terms / (1 + rest) ** 2, 2, (others / (1 + rest))[:, 0], axis=1), rtol=RTOL)


@pytest.mark.parametrize("inner", [1, 2])
def test_classes_without_weight_count_for_nothing(target_device, inner):
    """Also where their loss is infinite: a logit of -inf masks a class out."""
    x = _along(np.array([0, 0, -INF], np.float32), inner)
    shape = (1, inner)[:inner]
    half = _along(np.array([0.5, 0.5, 0], np.float32), inner)
    weight = np.array([1, 1, 0], np.float32)
    check = np.testing.assert_allclose
    check(gpuconv.cross_entropy(x, half), np.log(2), rtol=RTOL)
    check(gpuconv.cross_entropy_grad(x, half), 0 * half, atol=RTOL)
    check(gpuconv.cross_entropy(x, np.zeros(shape, int), weight, label_smoothing=0.3), np.log(2) * 0.9, rtol=RTOL)
    masked = np.full(shape, 2)
    assert gpuconv.cross_entropy(x, masked, weight, reduction="sum") == 0
    assert gpuconv.nll_loss(x, masked, weight, reduction="sum") == 0
    assert gpuconv.cross_entropy(x, masked, reduction="sum") == INF
    assert gpuconv.cross_entropy(x, np.zeros(shape, int), label_smoothing=0.3) == INF


@pytest.mark.parametrize("inner", [1, 2])
def test_rows_without_weight_count_for_nothing(target_device, inner):
    """Also rows of NaN."""
    x = _along(np.array([NAN, 0, 0], np.float32), inner)
    label, weight = np.zeros((1, inner)[:inner], int), np.array([0, 1, 1], np.float32)
    assert gpuconv.cross_entropy(x, label, weight) == gpuconv.nll_loss(x, label, weight) == 0
    assert gpuconv.cross_entropy(x, label, ignore_index=0) == gpuconv.nll_loss(x, label, ignore_index=0) == 0
    assert gpuconv.cross_entropy(x, 0 * x.clip(0, 0)) != 0  # a target of NaN is one
    none = np.zeros(x.shape, np.float32)
    assert gpuconv.cross_entropy(x, none) == 0
    for reduction in ("sum", "mean"):
        assert not gpuconv.cross_entropy_grad(x, label, weight=weight, reduction=reduction).any()
        assert not gpuconv.cross_entropy_grad(x, none, reduction=reduction).any()


@pytest.mark.parametrize("loss", ["l1_loss", "cross_entropy", "bce_with_logits", "mse_loss"])
def test_a_mean_overflows_only_where_it_is_too_large_itself(target_device, loss):
    """Not where the sum is."""
    rows = 600 if loss != "mse_loss" else 4000
    x, target = np.zeros((rows, 2), np.float32), np.zeros((rows, 2), np.float32)
    x[:, 0] = 3e38 if loss != "mse_loss" else 0
    x[:3] = 3e38 if loss != "mse_loss" else 1.8e19
    if loss == "cross_entropy":
        target, x[:, 1] = np.ones(rows, int), 0
        expected = 3e38
    else:
        expected = (x.astype(np.float64) ** (2 if loss == "mse_loss" else 1)).mean()
    np.testing.assert_allclose(getattr(gpuconv, loss)(x, target), expected, rtol=1e-5)


def test_softmax_of_many_classes_keeps_its_digits(classes):
    """Logits of all sizes."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((2, classes)).astype(np.float32) * 4 for _ in range(2))
    y, slope = reference.softmax(x, 1), dy.astype(np.float64)
    expected = {"softmax": (y, y * (slope - (slope * y).sum(1, keepdims=True)))}
    expected["log_softmax"] = np.log(y), slope - y * slope.sum(1, keepdims=True)
    for name, (forward, backward) in expected.items():
        np.testing.assert_allclose(getattr(gpuconv, name)(x), forward, rtol=4e-6)
        dx = getattr(gpuconv, f"{name}_grad")(dy, x, 1)
        np.testing.assert_allclose(dx, backward, rtol=4e-6, atol=1e-6 * np.abs(backward).max())
