"""Losses of one sample without the axis of the batch, as PyTorch takes them: input (C,), a label of no dimensions."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from tests.devices import on_every_device

X = np.random.default_rng(0).standard_normal(5)
WEIGHT = np.array([1.0, 2.0, 0.5, 3.0, 0.25])
LOG_SOFTMAX = X - np.log(np.exp(X).sum())
FUNCTIONS = {
    "nll_loss": (gpuconv.nll_loss, gpuconv.nll_loss_grad),
    "cross_entropy": (gpuconv.cross_entropy, gpuconv.cross_entropy_grad),
}


def oracle(name, label, weight, reduction):
    """(loss, gradient) of one label; the mean is over the weight, and divides it out."""
    sample_weight = 1.0 if weight is None or reduction == "mean" else weight[label]
    one = np.eye(5)[label]
    if name == "nll_loss":
        return -sample_weight * X[label], -sample_weight * one
    return -sample_weight * LOG_SOFTMAX[label], sample_weight * (np.exp(LOG_SOFTMAX) - one)


@on_every_device
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_sample_is_the_formula(name, weight, reduction, device, on):
    function, gradient = FUNCTIONS[name]
    x, target = gpuconv.to_device(X.astype(np.float32)), gpuconv.to_device(np.array(3))
    options = {
        "weight": None if weight is None else gpuconv.to_device(weight.astype(np.float32)),
        "reduction": reduction,
    }
    loss, expected = function(x, target, **options), oracle(name, 3, weight, reduction)
    assert loss.shape == ()
    assert float(loss) == pytest.approx(expected[0], rel=1e-6)
    for dloss in (2.0, gpuconv.to_device(np.array(2.0, np.float32))):
        dx = gradient(x, target, dloss=dloss, **options)
        assert dx.shape == (5,)
        np.testing.assert_allclose(gpuconv.to_host(dx), 2 * expected[1], rtol=1e-5, atol=1e-7)
    out = gpuconv.to_device(np.empty(5, np.float32))
    assert gradient(x, target, out=out, **options) is out
    np.testing.assert_allclose(gpuconv.to_host(out), expected[1], rtol=1e-5, atol=1e-7)


def test_the_kernels_of_cuda_take_one_sample(emulated):
    x = X.astype(np.float32)
    for function, gradient in FUNCTIONS.values():
        assert function(x, np.array(3)) == function(x[None], np.array([3]))
        assert np.array_equal(gradient(x, np.array(3)), gradient(x[None], np.array([3]))[0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_probabilities_of_one_sample(reduction):
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.0])
    loss = gpuconv.cross_entropy(X, p, reduction=reduction)
    assert loss.shape == ()
    assert float(loss) == pytest.approx(-(p * LOG_SOFTMAX).sum())
    dx = gpuconv.cross_entropy_grad(X, p, reduction=reduction)
    np.testing.assert_allclose(dx, np.exp(LOG_SOFTMAX) - p, atol=1e-12)


def test_a_number_of_numpys_is_a_label():
    labels = np.array([3, 1])
    assert float(gpuconv.nll_loss(X, labels[0])) == -X[3]
    assert np.array_equal(gpuconv.nll_loss_grad(X, labels[1]), [0, -1, 0, 0, 0])


def test_layers_take_one_sample():
    for loss in (nn.NLLLoss(), nn.CrossEntropyLoss(label_smoothing=0.1)):
        value = loss(X, np.array(2))
        assert value.shape == ()
        gradient = loss.backward()
        assert gradient.shape == (5,)
        assert float(loss(X[None], np.array([2]))) == float(value)
        assert np.array_equal(loss.backward()[0], gradient)


def test_an_ignored_label_is_no_loss():
    assert float(gpuconv.nll_loss(X, np.array(-100))) == 0
    assert not gpuconv.cross_entropy_grad(X, np.array(-100)).any()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (np.array(5), ValueError, "target has a label 5, expected 0 <= label < 5"),
        (np.array(1.0), TypeError, "target has dtype float64, expected integer class indices"),
        (np.array([1]), ValueError, r"input has shape \(5,\), expected \(C,\), \(N, C\)"),
        (2, TypeError, "target is a int, expected a NumPy or CuPy array"),
    ],
)
def test_what_is_no_label_of_one_sample_is_named(name, target, error, message):
    function, gradient = FUNCTIONS[name]
    for call, op in ((function, name), (gradient, f"{name}_grad")):
        with pytest.raises(error, match=f"{op}: {message}"):
            call(X, target)


def test_memory_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"nll_loss_grad: out has shape \(1, 5\), expected \(5,\)"):
        gpuconv.nll_loss_grad(X, np.array(1), out=np.empty((1, 5)))


@pytest.mark.parametrize("function", [gpuconv.cross_entropy, gpuconv.cross_entropy_grad])
def test_no_input_beside_a_floating_target_is_named(function):
    with pytest.raises(TypeError, match="input is None"):
        function(None, np.float32(0.5) * np.ones((), np.float32))
