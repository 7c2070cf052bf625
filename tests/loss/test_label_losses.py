"""Cross-entropy and negative log-likelihood of class labels."""

import numpy as np
import pytest

import gpuconv
from gpuconv.core.device import Target
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import on_every_device
from tests.loss.agreement import REDUCTIONS, assert_loss_agrees

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)


@on_every_device
@DTYPES
@every_reduction
@pytest.mark.parametrize(("shape", "weighted", "smoothing"), [
    ((6, 4), False, 0.0), ((6, 4), True, 0.0), ((6, 4), False, 0.2), ((5, 3, 4), True, 0.1), ((2, 7, 3, 2), False, 0.0),
    ((2, 5, 8, 22), True, 0.1), ((1, 2, 6, 8), False, 0.0), ((9, 40), True, 0.1),
])  # fmt: skip
def test_cross_entropy_agrees_with_the_oracle(shape, weighted, smoothing, reduction, dtype, device, on):
    rng = np.random.default_rng(0)
    x = 3 * rng.standard_normal(shape).astype(dtype)
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    target.flat[1] = -100
    weight = rng.uniform(0.2, 2, shape[1]).astype(dtype) if weighted else None
    options = {"reduction": reduction, "label_smoothing": smoothing}
    on_device = {"weight": None if weight is None else gpuconv.to_device(weight), **options}
    xd, td = gpuconv.to_device(x), gpuconv.to_device(target)
    loss = gpuconv.cross_entropy(xd, td, **on_device)
    assert_close(loss, reference.cross_entropy(x, target, weight, -100, reduction, smoothing), terms=x.size)
    dloss = np.asarray(rng.standard_normal(loss.shape), dtype)
    dx = gpuconv.cross_entropy_grad(xd, td, dloss=gpuconv.to_device(dloss), **on_device)
    assert_close(dx, reference.cross_entropy_grad(x, target, weight, -100, dloss, reduction, smoothing), terms=x.size)


@on_every_device
@DTYPES
@pytest.mark.parametrize(("shape", "weighted"), [((6, 4), False), ((2, 5, 3), True)])
def test_nll_loss_agrees_with_the_oracle(shape, weighted, dtype, device, on):
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal(shape).astype(dtype), rng.integers(0, shape[1], (shape[0], *shape[2:]))
    target.flat[1] = -100
    weight = rng.uniform(0.2, 2, shape[1]).astype(dtype) if weighted else None
    losses, weights, gradient = reference.nll_loss(x, target, weight, -100)
    options = {"weight": weight} if weighted else {}
    assert_loss_agrees("nll_loss", x, target, options, losses, gradient, divisor=weights.sum(), rowwise=True)


def test_cross_entropy_is_nll_of_log_softmax():
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    assert np.isclose(gpuconv.nll_loss(gpuconv.log_softmax(x, 1), target), gpuconv.cross_entropy(x, target))


@DTYPES
@pytest.mark.parametrize("rows", [1, 64, 5000, 40_000])
@pytest.mark.parametrize("mean", [True, False], ids=["mean", "sum"])
def test_a_total_reduces_the_losses_of_the_rows(rows, mean, dtype):
    """The launcher that reduces in the same call forms the very losses that the other one writes."""
    loss_kernels, rng = Target("cpu").loss, np.random.default_rng(0)
    x, target = rng.standard_normal((rows, 5, 1)).astype(dtype), rng.integers(0, 5, (rows, 1))
    weight, options = rng.uniform(0.5, 2, 5).astype(dtype), (-100, dtype(0.1))
    losses, weights, total = np.empty(rows, dtype), np.empty(rows, dtype), np.empty(1, dtype)
    assert loss_kernels.cross_entropy(x, target, weight, *options, losses, weights)
    assert loss_kernels.cross_entropy_total(x, target, weight, *options, mean, total)
    exact = losses.sum(dtype=np.float64) / (weights.sum(dtype=np.float64) if mean else 1)
    assert abs(float(total[0]) / exact - 1) < 32 * np.finfo(dtype).eps


@pytest.mark.parametrize("label", [-1, 5])
def test_the_kernels_write_nothing_for_a_label_out_of_range(label):
    loss_kernels, x, target = Target("cpu").loss, np.zeros((3, 5, 1)), np.array([[0], [label], [7]])
    dloss, total, dx = np.ones(1), np.full(1, 9.0), np.full((3, 5, 1), 9.0)
    assert not loss_kernels.cross_entropy_total(x, target, None, 7, 0.0, True, total)
    assert not loss_kernels.cross_entropy_grad(x, target, None, 7, 0.0, dloss, True, dx)
    assert not loss_kernels.nll_total(x, target, None, 7, True, total)
    assert not loss_kernels.nll_grad(target, None, 7, dloss, True, dx)
    assert (total == 9).all()
    assert (dx == 9).all()


@on_every_device
@every_reduction
def test_ignored_labels_have_no_loss(reduction, device, on):
    x = gpuconv.to_device(np.ones((3, 4), np.float32))
    target = gpuconv.to_device(np.full(3, 7))
    options = {"ignore_index": 7, "reduction": reduction}
    assert not gpuconv.to_host(gpuconv.cross_entropy(x, target, **options)).any()
    dloss = np.ones(3 if reduction == "none" else (), np.float32)
    assert not gpuconv.to_host(gpuconv.cross_entropy_grad(x, target, dloss=gpuconv.to_device(dloss), **options)).any()


@on_every_device
def test_large_logits_do_not_overflow(device, on):
    x = gpuconv.to_device(np.array([[1e4, -1e4, 0], [-1e4, 0, 1e4]], np.float32))
    target = gpuconv.to_device(np.array([0, 0]))
    assert float(gpuconv.cross_entropy(x, target)) == 1e4
    assert np.isfinite(gpuconv.to_host(gpuconv.cross_entropy_grad(x, target))).all()


@pytest.mark.parametrize("label", [-1, 4, 1000])
def test_a_label_out_of_range_is_named(label):
    for loss in (gpuconv.cross_entropy, gpuconv.nll_loss):
        with pytest.raises(ValueError, match=f"target has a label {label}, expected 0 <= label < 4"):
            loss(np.zeros((2, 4), np.float32), np.array([0, label]))


@pytest.mark.parametrize("name", ["cross_entropy", "cross_entropy_grad"])
def test_labels_of_a_floating_type_are_refused(name):
    with pytest.raises(TypeError, match=f"{name}: target has dtype float64, expected integer class indices"):
        getattr(gpuconv, name)(np.zeros((2, 3)), np.array([0.0, 1.0]))
