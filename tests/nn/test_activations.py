"""Activations and losses as layers: the functions, their options, and gradients that train."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn

LAYERS = [
    (nn.ReLU(), "relu", {}),
    (nn.LeakyReLU(0.2), "leaky_relu", {"negative_slope": 0.2}),
    (nn.ReLU6(), "relu6", {}),
    (nn.Hardtanh(-0.5, 2), "hardtanh", {"min_val": -0.5, "max_val": 2}),
    (nn.Hardsigmoid(), "hardsigmoid", {}),
    (nn.Hardswish(), "hardswish", {}),
    (nn.ELU(0.5), "elu", {"alpha": 0.5}),
    (nn.SELU(), "selu", {}),
    (nn.GELU("tanh"), "gelu", {"approximate": "tanh"}),
    (nn.SiLU(), "silu", {}),
    (nn.Mish(), "mish", {}),
    (nn.Softplus(2), "softplus", {"beta": 2}),
    (nn.Sigmoid(), "sigmoid", {}),
    (nn.Tanh(), "tanh", {}),
    (nn.Softmax(1), "softmax", {"axis": 1}),
    (nn.LogSoftmax(1), "log_softmax", {"axis": 1}),
]
LOSSES = [
    (nn.MSELoss(), "mse_loss", {}),
    (nn.L1Loss(reduction="sum"), "l1_loss", {"reduction": "sum"}),
    (nn.HuberLoss(delta=0.5), "huber_loss", {"delta": 0.5}),
    (nn.SmoothL1Loss(beta=0.5), "smooth_l1_loss", {"beta": 0.5}),
    (nn.BCEWithLogitsLoss(), "bce_with_logits", {}),
    (nn.CrossEntropyLoss(label_smoothing=0.1), "cross_entropy", {"label_smoothing": 0.1}),
]


@pytest.mark.parametrize(("layer", "name", "options"), LAYERS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_layer_is_its_function(layer, name, options):
    rng = np.random.default_rng(0)
    x, dy = 3 * rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
    assert np.array_equal(layer(x), getattr(gpuconv, name)(x, **options))
    assert np.array_equal(layer.backward(dy), getattr(gpuconv, f"{name}_grad")(dy, x, **options))
    assert layer.backward(dy, input_grad=False) is None


@pytest.mark.parametrize(("loss", "name", "options"), LOSSES, ids=lambda v: v if isinstance(v, str) else "")
def test_a_loss_is_its_function(loss, name, options):
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((4, 3)), rng.uniform(0, 1, (4, 3))
    assert loss(x, target) == getattr(gpuconv, name)(x, target, **options)
    assert np.array_equal(loss.backward(), getattr(gpuconv, f"{name}_grad")(x, target, **options))


def test_the_likelihood_is_its_function():
    x, target = np.random.default_rng(0).standard_normal((4, 3)), np.array([0, 2, 1, 0])
    loss = nn.NLLLoss()
    assert loss(x, target) == gpuconv.nll_loss(x, target)
    assert np.array_equal(loss.backward(), gpuconv.nll_loss_grad(x, target))


@pytest.mark.parametrize(
    "make", [nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.LeakyReLU, lambda inplace: nn.LeakyReLU(0.0, inplace)]
)
def test_in_place_results_and_gradients_are_the_same(make):
    rng = np.random.default_rng(0)
    x, dy = 5 * rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
    x[0, 0] = 0
    usual, inplace, memory = make(inplace=False), make(inplace=True), x.copy()
    assert inplace(memory) is memory
    assert np.array_equal(memory, usual(x))
    assert np.array_equal(inplace.backward(dy), usual.backward(dy))


def test_in_place_layers_take_views():
    x = np.random.default_rng(0).standard_normal((4, 3))
    assert np.array_equal(nn.ReLU(True)(x.T), np.maximum(x.T, 0))


def test_dims_are_numpys_axes():
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    assert np.array_equal(nn.Softmax(axis=1)(x), nn.Softmax(1)(x))
    with pytest.raises(TypeError, match="Softmax: dim is None, expected an integer"):
        nn.Softmax(None)


@pytest.mark.parametrize("slopes", [1, 3])
def test_slopes_are_learned(slopes):
    x, dy = (np.random.default_rng(seed).standard_normal((2, 3, 4)).astype(np.float32) for seed in (0, 1))
    layer = nn.PReLU(slopes)
    assert list(layer.state_dict()) == ["weight"]
    assert np.array_equal(layer(x), np.where(x > 0, x, np.float32(0.25) * x))
    assert np.array_equal(layer.backward(dy), np.where(x > 0, dy, np.float32(0.25) * dy))
    expected = np.where(x > 0, 0, dy * x).astype(np.float64).sum(axis=(0, 2))
    assert np.allclose(layer.weight.grad, expected if slopes == 3 else expected.sum(), rtol=1e-5)


def test_no_slopes_are_refused():
    with pytest.raises(ValueError, match="PReLU: num_parameters is 0, expected at least 1"):
        nn.PReLU(0)
