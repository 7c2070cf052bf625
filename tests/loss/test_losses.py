"""Losses, their gradients, the linear layer and the update."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close, check_gradients
from tests import reference
from tests.devices import on_every_device

REDUCTIONS = ["mean", "sum", "none"]


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
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
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("shape", "weighted", "smoothing"), [
    ((6, 4), False, 0.0), ((6, 4), True, 0.0), ((6, 4), False, 0.2), ((5, 3, 4), True, 0.1), ((2, 7, 3, 2), False, 0.0),
])  # fmt: skip
def test_cross_entropy_agrees_with_the_oracle(shape, weighted, smoothing, reduction, dtype, device, on):
    rng = np.random.default_rng(0)
    x = 3 * rng.standard_normal(shape).astype(dtype)
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    target.flat[1] = -100
    weight = rng.uniform(0.2, 2, shape[1]).astype(dtype) if weighted else None
    kw = {"reduction": reduction, "label_smoothing": smoothing}
    on_device = {"weight": None if weight is None else gpuconv.to_device(weight), **kw}
    xd, td = gpuconv.to_device(x), gpuconv.to_device(target)
    loss = gpuconv.cross_entropy(xd, td, **on_device)
    expected = reference.cross_entropy(x, target, weight, -100, reduction, smoothing)
    assert_close(loss, expected, terms=x.size)
    dloss = np.asarray(rng.standard_normal(loss.shape), dtype)
    dx = gpuconv.cross_entropy_grad(xd, td, dloss=gpuconv.to_device(dloss), **on_device)
    assert_close(dx, reference.cross_entropy_grad(x, target, weight, -100, dloss, reduction, smoothing), terms=x.size)


@on_every_device
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_ignored_targets_is_zero(reduction, device, on):
    x = gpuconv.to_device(np.ones((3, 4), np.float32))
    target = gpuconv.to_device(np.full(3, 7))
    kw = {"ignore_index": 7, "reduction": reduction}
    assert not gpuconv.to_host(gpuconv.cross_entropy(x, target, **kw)).any()
    dloss = np.ones(3 if reduction == "none" else (), np.float32)
    assert not gpuconv.to_host(gpuconv.cross_entropy_grad(x, target, dloss=gpuconv.to_device(dloss), **kw)).any()


@on_every_device
def test_cross_entropy_of_large_logits_does_not_overflow(device, on):
    x = gpuconv.to_device(np.array([[1e4, -1e4, 0], [-1e4, 0, 1e4]], np.float32))
    target = gpuconv.to_device(np.array([0, 0]))
    assert float(gpuconv.cross_entropy(x, target)) == 1e4
    assert np.isfinite(gpuconv.to_host(gpuconv.cross_entropy_grad(x, target))).all()


@on_every_device
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_finite_differences(reduction, device, on):
    rng = np.random.default_rng(0)
    x, target = gpuconv.to_device(rng.standard_normal((4, 5))), gpuconv.to_device(rng.standard_normal((4, 5)))
    classes = gpuconv.to_device(np.array([0, 4, -100, 2]))
    mse = check_gradients(
        lambda x: gpuconv.mse_loss(x, target, reduction=reduction),
        lambda dy, x: (gpuconv.mse_loss_grad(x, target, dloss=dy, reduction=reduction),),
        x,
    )
    entropy = check_gradients(
        lambda x: gpuconv.cross_entropy(x, classes, reduction=reduction, label_smoothing=0.1),
        lambda dy, x: (gpuconv.cross_entropy_grad(x, classes, dloss=dy, reduction=reduction, label_smoothing=0.1),),
        x,
    )
    assert mse.directions == entropy.directions == 4


@pytest.mark.parametrize("label", [-1, 4, 1000])
def test_a_label_out_of_range_is_named(label):
    with pytest.raises(ValueError, match=f"target has a label {label}, expected 0 <= label < 4"):
        gpuconv.cross_entropy(np.zeros((2, 4), np.float32), np.array([0, label]))


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 7, 3), (1, 1, 1), (64, 120, 84), (33, 65, 10), (0, 4, 2)])
def test_linear_agrees_with_the_oracle(shape, dtype, device, on):
    m, c, k = shape
    rng = np.random.default_rng(0)
    x, w, b, dy = (rng.standard_normal(s).astype(dtype) for s in ((m, c), (k, c), (k,), (m, k)))
    xd, wd, bd, dyd = map(gpuconv.to_device, (x, w, b, dy))
    dx, dw, db = reference.linear_grads(dy, x, w)
    assert_close(gpuconv.linear(xd, wd, bd), reference.linear(x, w, b), terms=c)
    assert_close(gpuconv.linear(xd, wd), reference.linear(x, w, None), terms=c)
    assert_close(gpuconv.linear_input_grad(dyd, wd), dx, terms=k)
    assert_close(gpuconv.linear_weight_grad(xd, dyd), dw, terms=m)
    assert_close(gpuconv.linear_bias_grad(dyd), db, terms=m)
