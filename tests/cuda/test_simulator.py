"""The CUDA kernels in Numba's simulator: every operation on tiny shapes, against the oracle.

`make test` runs this file in a process of its own with NUMBA_ENABLE_CUDASIM=1; operations are called by their public
names, on NumPy arrays that stand for device arrays.
"""

import os

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.backend import kernels_for
from gpuconv.kernels.cuda import sums
from gpuconv.operation_checks import operation_checks
from gpuconv.testing import assert_close
from tests import reference
from tests.optimizer_cases import OPTIMIZERS, name_of

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_ENABLE_CUDASIM") != "1", reason="Numba's simulator is not switched on (make test-simulator)"
)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
POOLS = [
    (2, {"stride": (2, 2), "padding": ((0, 0), (0, 0)), "ceil_mode": False}),
    (3, {"stride": (2, 1), "padding": ((1, 1), (0, 1)), "ceil_mode": True}),
]
CONVOLUTIONS = {
    "plain": ((2, 2, 5, 4), (3, 2, 3, 2), {}),
    "one row": ((1, 1, 1, 6), (2, 1, 1, 3), {}),
    "stride, groups, asymmetric padding": (
        (1, 4, 5, 6), (4, 2, 2, 3), {"stride": (2, 3), "padding": ((1, 0), (2, 1)), "groups": 2},
    ),
    "dilation": ((1, 1, 7, 6), (2, 1, 3, 2), {"dilation": (2, 3)}),
    "empty batch": ((0, 2, 4, 4), (2, 2, 3, 3), {}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def simulator():
    """Send NumPy arrays to the CUDA kernels."""
    with gpuconv.use_device("simulator"):
        assert kernels_for(np.zeros(1)).__name__ == "gpuconv.kernels.cuda"
        yield


@DTYPES
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name, dtype):
    x_shape, w_shape, change = CONVOLUTIONS[name]
    options = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1, **change}
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape, w_shape[:1]))
    y = reference.conv2d(x, w, b, **options)
    dy = rng.standard_normal(y.shape).astype(dtype)
    assert_close(gpuconv.conv2d(x, w, b, **options), y, terms=w[0].size)
    assert_close(
        gpuconv.conv2d(x, w, **options, activation="relu"), reference.relu(y - b[:, None, None]), terms=w[0].size
    )
    dx = reference.conv2d_input_grad(dy, w, x_shape, **options)
    assert_close(gpuconv.conv2d_input_grad(dy, w, x_shape, **options), dx, terms=w[:, 0].size)
    fused = {"activation": "leaky_relu", "negative_slope": 0.3, "pre_activation": x}
    delta = gpuconv.conv2d_input_grad(dy, w, x_shape, **options, **fused)
    assert_close(delta, reference.leaky_relu_grad(dx, x, 0.3), terms=w[:, 0].size)
    dw = gpuconv.conv2d_weight_grad(x, dy, w_shape, **options)
    assert_close(dw, reference.conv2d_weight_grad(x, dy, w_shape, **options), terms=dy[:, 0].size)
    assert_close(gpuconv.conv2d_bias_grad(dy), reference.conv2d_bias_grad(dy), terms=dy[:, 0].size)


@DTYPES
@pytest.mark.parametrize(("kernel", "options"), POOLS)
def test_pooling(kernel, options, dtype):
    x = np.random.default_rng(0).integers(-3, 4, (1, 2, 5, 6)).astype(dtype)
    x[0, 0, 2, 3] = np.nan
    x[0, 1] = -np.inf
    y, mask = gpuconv.max_pool2d(x, kernel, **options)
    y_ref, mask_ref = reference.max_pool2d(x, (kernel, kernel), dilation=(1, 1), **options)
    assert np.array_equal(y, y_ref, equal_nan=True)
    assert np.array_equal(mask, mask_ref)
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    dx = gpuconv.max_pool2d_input_grad(dy, mask, x.shape, kernel, **options)
    expected = reference.max_pool2d_input_grad(dy, mask_ref, x.shape, (kernel, kernel), dilation=(1, 1), **options)
    assert_close(dx, expected, terms=9)
    for include in (False, True):
        clean = np.nan_to_num(x, neginf=1.5)
        rule = {**options, "count_include_pad": include}
        assert_close(
            gpuconv.avg_pool2d(clean, kernel, **rule), reference.avg_pool2d(clean, (kernel, kernel), **rule), terms=9
        )
        dx = gpuconv.avg_pool2d_input_grad(dy, x.shape, kernel, **rule)
        assert_close(dx, reference.avg_pool2d_input_grad(dy, x.shape, (kernel, kernel), **rule), terms=9)


@DTYPES
def test_activations(dtype):
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((5, 3)).astype(dtype) for _ in range(2))
    x[0, 0], x[0, 1] = 0, np.nan
    assert_close(gpuconv.relu(x), reference.relu(x))
    assert_close(gpuconv.relu_grad(dy, x), reference.relu_grad(dy, x))
    assert_close(gpuconv.leaky_relu(x, 0.2), reference.leaky_relu(x, 0.2))
    assert_close(gpuconv.leaky_relu_grad(dy, x, 0.2), reference.leaky_relu_grad(dy, x, 0.2))


@DTYPES
def test_linear(dtype):
    rng = np.random.default_rng(0)
    x, w, b, dy = (rng.standard_normal(shape).astype(dtype) for shape in ((3, 5), (4, 5), (4,), (3, 4)))
    dx, dw, db = reference.linear_grads(dy, x, w)
    assert_close(gpuconv.linear(x, w, b), reference.linear(x, w, b), terms=5)
    assert_close(gpuconv.linear(x, w), reference.linear(x, w, None), terms=5)
    assert_close(gpuconv.linear_input_grad(dy, w), dx, terms=4)
    assert_close(gpuconv.linear_weight_grad(x, dy), dw, terms=3)
    assert_close(gpuconv.linear_bias_grad(dy), db, terms=3)


@DTYPES
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses(reduction, dtype):
    rng = np.random.default_rng(0)
    x, other = (rng.standard_normal((3, 4, 2)).astype(dtype) for _ in range(2))
    loss = gpuconv.mse_loss(x, other, reduction=reduction)
    assert_close(loss, reference.mse_loss(x, other, reduction), terms=24)
    dloss = np.asarray(rng.standard_normal(loss.shape), dtype)
    dx = gpuconv.mse_loss_grad(x, other, dloss=dloss, reduction=reduction)
    assert_close(dx, reference.mse_loss_grad(x, other, dloss, reduction))
    target, weight = np.array([[0, 3], [-100, 1], [2, 2]]), rng.uniform(0.5, 2, 4).astype(dtype)
    for w in (None, weight):
        loss = gpuconv.cross_entropy(x, target, weight=w, reduction=reduction, label_smoothing=0.1)
        assert_close(loss, reference.cross_entropy(x, target, w, -100, reduction, 0.1), terms=24)
        dloss = np.asarray(rng.standard_normal(loss.shape), dtype)
        kw = {"weight": w, "reduction": reduction, "label_smoothing": 0.1, "dloss": dloss}
        expected = reference.cross_entropy_grad(x, target, w, -100, dloss, reduction, 0.1)
        assert_close(gpuconv.cross_entropy_grad(x, target, **kw), expected, terms=24)


def test_logits_of_minus_infinity_and_large_ones():
    x = np.array([[0, -np.inf, 0], [-np.inf, 1000, 990]], np.float32)
    target = np.array([2, 1])
    losses = gpuconv.cross_entropy(x, target, reduction="none")
    assert np.allclose(losses, [np.log(2), np.log1p(np.exp(-10))], rtol=1e-2)
    dx = gpuconv.cross_entropy_grad(x[:1], target[:1])
    assert np.allclose(dx, [[0.5, 0, -0.5]])


def test_an_ignored_label_of_64_bits():
    x, target = np.array([[0, 1], [2, 2]], np.float32), np.array([2**40, 1])
    assert np.isclose(gpuconv.cross_entropy(x, target, ignore_index=2**40), np.log(2))
    assert not gpuconv.cross_entropy_grad(x, target, ignore_index=2**40)[0].any()


def test_a_window_of_minus_infinities_is_won_by_its_first_element_not_by_padding():
    y, mask = gpuconv.max_pool2d(np.full((1, 1, 3, 3), -np.inf, np.float32), 3, stride=2, padding=1)
    assert (y == -np.inf).all()
    assert mask.ravel().tolist() == [4, 3, 1, 0]


def test_sums_of_several_passes(monkeypatch):
    monkeypatch.setattr(sums, "TERMS", 1)
    monkeypatch.setattr(sums, "STRETCH", sums.THREADS)
    x = np.random.default_rng(0).standard_normal((3, 2, 5, 40)).astype(np.float32)
    assert_close(gpuconv.conv2d_bias_grad(x), x.sum((0, 2, 3), np.float64), terms=600)
    assert_close(gpuconv.mse_loss(x, 0 * x, reduction="sum"), (x**2).sum(dtype=np.float64), terms=1200)


@DTYPES
def test_softmax(dtype):
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((2, 5, 3)).astype(dtype) for _ in range(2))
    for axis in (0, 1, 2):
        assert_close(gpuconv.softmax(x, axis), reference.softmax(x, axis), terms=5)
        assert_close(gpuconv.softmax_grad(dy, x, axis), reference.softmax_grad(dy, x, axis), terms=40)


@DTYPES
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=map(name_of, OPTIMIZERS))
def test_update(name, options, dtype):
    rng = np.random.default_rng(0)
    w, state = rng.standard_normal(7).astype(dtype), {}
    parameter = nn.Parameter(w.copy())
    optimizer = getattr(gpuconv, name)([parameter], **options)
    for step in range(2):
        parameter.grad = rng.standard_normal(7).astype(dtype)
        w = getattr(reference, name.lower())(w, parameter.grad, state, **options)
        optimizer.step()
        assert_close(parameter.data, w, terms=4 * (step + 1))


@pytest.mark.parametrize("check", list(operation_checks()), ids=lambda check: check.name)
def test_every_checked_operation_agrees_with_the_cpu(check):
    """The cases of `gpuconv check`, both passes."""
    inputs = check.inputs(np.float64)
    y = check.forward(*inputs)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    gradients = check.backward(dy, *inputs)
    with gpuconv.use_device("cpu"):
        assert_close(y, check.forward(*inputs), terms=check.terms)
        for gradient, expected in zip(gradients, check.backward(dy, *inputs), strict=True):
            if expected is not None:
                assert_close(gradient, expected, terms=check.terms)
