"""Absolute, Huber's and binary losses, class probabilities and the negative log-likelihood."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import on_every_device

REDUCTIONS = ["mean", "sum", "none"]
DTYPES = [np.float32, np.float64]
PAIRWISE = [("l1", {}), ("huber", {"delta": 0.7}), ("smooth_l1", {"beta": 0.3}), ("smooth_l1", {"beta": 0})]


def _reduced(losses, reduction, weight=None):
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / (losses.size if weight is None else weight)


def _agrees(name, x, target, options, losses, gradient, *, divisor=None, rowwise=False):
    """Compare a loss and its gradient with what the oracle says of each term, for every reduction."""
    rng = np.random.default_rng(1)
    divisor = losses.size if divisor is None else divisor
    on_device = {key: gpuconv.to_device(v) if isinstance(v, np.ndarray) else v for key, v in options.items()}
    xd, td = gpuconv.to_device(x), gpuconv.to_device(target)
    for reduction in REDUCTIONS:
        loss = getattr(gpuconv, name)(xd, td, reduction=reduction, **on_device)
        assert loss.shape == (losses.shape if reduction == "none" else ())
        assert loss.dtype == x.dtype
        assert_close(loss, _reduced(losses, reduction, divisor), terms=x.size)
        dloss = np.asarray(rng.standard_normal(loss.shape), x.dtype)
        dx = getattr(gpuconv, f"{name}_grad")(xd, td, dloss=gpuconv.to_device(dloss), reduction=reduction, **on_device)
        factor = np.expand_dims(dloss, 1) if rowwise and reduction == "none" else dloss
        expected = gradient * factor / (divisor if reduction == "mean" else 1)
        assert_close(dx, expected, terms=x.shape[1] if rowwise else 4)


@on_every_device
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), PAIRWISE)
@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 4)])
def test_pairs(shape, name, options, dtype, device, on):
    rng = np.random.default_rng(0)
    x, target = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    x.flat[3] = target.flat[3]
    parameter = next(iter(options.values()), 0)
    losses = reference.pairwise_loss(name, x, target, parameter)
    _agrees(f"{name}_loss", x, target, options, losses, reference.pairwise_loss_grad(name, x, target, parameter))


@pytest.mark.parametrize(("name", "options"), PAIRWISE[:3])
def test_pairs_at_corners_and_beyond_numbers(name, options):
    at = next(iter(options.values()), 1.0)
    x = np.array([0, at, -at, np.inf, -np.inf, np.nan])
    losses = getattr(gpuconv, f"{name}_loss")(x, np.zeros(6), reduction="none", **options)
    assert np.array_equal(losses[3:], [np.inf, np.inf, np.nan], equal_nan=True)
    assert np.allclose(losses[1:3], reference.pairwise_loss(name, x[1:3], 0, at))
    dx = getattr(gpuconv, f"{name}_loss_grad")(x, np.zeros(6), dloss=np.ones(6), reduction="none", **options)
    limit = at if name == "huber" else 1
    assert np.array_equal(dx[:5], [0, limit, -limit, limit, -limit])
    assert (dx[5] == 0) if name == "l1" else np.isnan(dx[5])


@on_every_device
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("weight", "pos_weight"), [(None, None), ((4, 1), None), (None, (5,)), ((4, 5), (1,))])
def test_binary_cross_entropy(weight, pos_weight, dtype, device, on):
    rng = np.random.default_rng(0)
    x, target = 3 * rng.standard_normal((4, 5)).astype(dtype), rng.uniform(0, 1, (4, 5)).astype(dtype)
    target[0] = 0, 1, 0, 1, 1
    given = {"weight": weight, "pos_weight": pos_weight}
    options = {key: rng.uniform(0.2, 2, shape).astype(dtype) for key, shape in given.items() if shape}
    w, p = (np.float64(options.get(key, 1)) for key in given)
    losses, gradient = reference.binary_loss(x, target, w, p), reference.binary_loss_grad(x, target, w, p)
    _agrees("bce_with_logits", x, target, options, losses, gradient)


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_of_large_logits(dtype):
    x, target = np.array([1e4, -1e4, 1e4, -1e4], dtype), np.array([1, 0, 0, 1], dtype)
    assert np.array_equal(gpuconv.bce_with_logits(x, target, reduction="none"), [0, 0, 1e4, 1e4])
    dx = gpuconv.bce_with_logits_grad(x, target, reduction="sum")
    assert np.array_equal(dx, [0, 0, 1, -1])


@on_every_device
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "weighted", "smoothing"), [((4, 5), False, 0.0), ((3, 4, 2, 3), True, 0.2)])
def test_cross_entropy_of_probabilities(shape, weighted, smoothing, dtype, device, on):
    rng = np.random.default_rng(0)
    x, target = 3 * rng.standard_normal(shape).astype(dtype), rng.uniform(0, 1, shape).astype(dtype)
    target /= target.sum(1, keepdims=True)
    weight = rng.uniform(0.2, 2, shape[1]).astype(dtype) if weighted else None
    losses, gradient = reference.cross_entropy_of_probabilities(x, target, weight, smoothing)
    options = {"label_smoothing": smoothing, **({"weight": weight} if weighted else {})}
    _agrees("cross_entropy", x, target, options, losses, gradient, rowwise=True)


@on_every_device
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "weighted"), [((6, 4), False), ((2, 5, 3), True)])
def test_negative_log_likelihood(shape, weighted, dtype, device, on):
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal(shape).astype(dtype), rng.integers(0, shape[1], (shape[0], *shape[2:]))
    target.flat[1] = -100
    weight = rng.uniform(0.2, 2, shape[1]).astype(dtype) if weighted else None
    losses, weights, gradient = reference.nll_loss(x, target, weight, -100)
    options = {"weight": weight} if weighted else {}
    _agrees("nll_loss", x, target, options, losses, gradient, divisor=weights.sum(), rowwise=True)


def test_cross_entropy_is_the_likelihood_of_log_softmax():
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    assert np.isclose(gpuconv.nll_loss(gpuconv.log_softmax(x, 1), target), gpuconv.cross_entropy(x, target))


def test_nothing_has_a_mean_of_nan_and_a_sum_of_zero():
    nothing = np.zeros((0, 3), np.float32)
    for name in ("l1_loss", "huber_loss", "smooth_l1_loss", "bce_with_logits", "cross_entropy"):
        assert np.isnan(getattr(gpuconv, name)(nothing, nothing))
        assert getattr(gpuconv, name)(nothing, nothing, reduction="sum") == 0
        assert getattr(gpuconv, f"{name}_grad")(nothing, nothing).shape == (0, 3)


X, T = np.zeros((2, 3)), np.zeros((2, 3))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: gpuconv.huber_loss(X, T, delta=0), "huber_loss: delta is 0, expected delta > 0"),
    (lambda: gpuconv.huber_loss_grad(X, T, delta=np.nan), "huber_loss_grad: delta is nan, expected delta > 0"),
    (lambda: gpuconv.smooth_l1_loss(X, T, beta=-1), "smooth_l1_loss: beta is -1, expected beta >= 0"),
    (lambda: gpuconv.l1_loss(X, T[:1]), r"l1_loss: target has shape \(1, 3\), expected \(2, 3\)"),
    (lambda: gpuconv.bce_with_logits(X, T, weight=np.ones(2)), r"weight has shape \(2,\), expected one that"),
    (lambda: gpuconv.cross_entropy(X, T[:, :2]), r"target has shape \(2, 2\), expected \(2, 3\)"),
    (lambda: gpuconv.cross_entropy(X, T, ignore_index=1), "ignore_index is 1, expected none where target holds prob"),
    (lambda: gpuconv.nll_loss(X, np.array([0, 3])), "nll_loss: target has a label 3, expected 0 <= label < 3"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", ["cross_entropy", "cross_entropy_grad"])
def test_labels_of_a_floating_type_are_refused(name):
    with pytest.raises(TypeError, match=f"{name}: target has dtype float64, expected integer class indices"):
        getattr(gpuconv, name)(X, np.array([0.0, 1.0]))
