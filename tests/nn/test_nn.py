"""Modules: both passes, states, and the whole network's gradient."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.testing import assert_close, check_gradients
from gpuconv.training import lenet
from tests import reference


def _network(dtype=np.float64):
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, seed=rng, dtype=dtype),
        nn.LeakyReLU(0.1),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, groups=2, seed=rng, dtype=dtype),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(6, 5, seed=rng, dtype=dtype),
    )


@pytest.mark.parametrize("index", range(6))
def test_the_gradient_of_a_whole_network(index):
    """Of each parameter, through every kind of layer, by finite differences."""
    model, x = _network(), np.random.default_rng(1).standard_normal((3, 1, 8, 8))
    parameter = list(model.parameters())[index]

    def forward(w):
        parameter.data = w
        return model(x)

    def backward(dy, w):
        forward(w)
        model.zero_grad()
        model.backward(dy)
        return (parameter.grad,)

    report = check_gradients(forward, backward, parameter.data.copy(), directions=3)
    assert report.directions == 3


def test_the_gradient_of_the_input():
    model, x = _network(), np.random.default_rng(1).standard_normal((3, 1, 8, 8))

    def backward(dy, x):
        model(x)
        return (model.backward(dy),)

    assert check_gradients(model, backward, x).directions == 4


def test_the_first_layer_need_not_compute_the_gradient_of_the_data():
    model, x = _network(), np.ones((2, 1, 8, 8))
    full, short = [], []
    for grads, input_grad in ((full, True), (short, False)):
        dy = np.ones_like(model(x))
        model.zero_grad()
        dx = model.backward(dy, input_grad=input_grad)
        assert (dx is None) == (not input_grad)
        grads += [p.grad for p in model.parameters()]
    assert all(np.array_equal(a, b) for a, b in zip(full, short, strict=True))


def test_gradients_add_up_until_zero_grad():
    layer, x = nn.Linear(3, 2, seed=0), np.ones((4, 3), np.float32)
    for _ in range(2):
        layer.backward(np.ones_like(layer(x)))
    assert (layer.weight.grad == 8).all()
    layer.zero_grad()
    assert layer.weight.grad is None


def test_states_have_torchs_keys_and_layouts():
    state = lenet((1, 28, 28), 10, seed=0).state_dict()
    assert {name: a.shape for name, a in state.items()} == {
        "0.weight": (6, 1, 5, 5),
        "0.bias": (6,),
        "3.weight": (16, 6, 5, 5),
        "3.bias": (16,),
        "7.weight": (120, 400),
        "7.bias": (120,),
        "9.weight": (84, 120),
        "9.bias": (84,),
        "11.weight": (10, 84),
        "11.bias": (10,),
    }


def test_a_state_makes_a_network_compute_the_same():
    a, b = lenet((1, 8, 8), 10, seed=0), lenet((1, 8, 8), 10, seed=1)
    x = np.random.default_rng(0).standard_normal((2, 1, 8, 8)).astype(np.float32)
    b.load_state_dict(a.state_dict())
    assert np.array_equal(a(x), b(x))
    next(b.parameters()).data[...] = 0
    assert next(a.parameters()).data.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.bias"), "no entry for 0.bias"),
        (lambda s: s.update(extra=np.zeros(1)), "unexpected entry extra"),
        (lambda s: s.update({"0.bias": np.zeros(5)}), r"0.bias has shape \(5,\), expected \(16,\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    model = lenet((1, 8, 8), 10, seed=0)
    initial = {name: a.copy() for name, a in model.state_dict().items()}
    state = {name: np.zeros_like(a) for name, a in initial.items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        model.load_state_dict(state)
    assert all(np.array_equal(a, initial[name]) for name, a in model.state_dict().items())


def test_a_state_that_does_not_fit_is_described_whole():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = {"0.weight": np.zeros((3, 2)), "0.bias": np.zeros(4), "1.weight": np.zeros((1, 3)), "2.bias": np.zeros(1)}
    message = r"no entry for 1\.bias; unexpected entry 2\.bias; 0\.bias has shape \(4,\), expected \(3,\)"
    with pytest.raises(ValueError, match=message):
        model.load_state_dict(state)


def test_a_module_occurs_once():
    """It keeps one input: the second pass would overwrite that of the first."""
    relu = nn.ReLU()
    with pytest.raises(ValueError, match="modules 0 and 2 are the same ReLU"):
        nn.Sequential(relu, nn.Linear(1, 1), relu)
    with pytest.raises(ValueError, match=r"modules 0\.0 and 1 are the same ReLU"):
        nn.Sequential(nn.Sequential(relu), relu)


@pytest.mark.parametrize("layer", [nn.Conv2d(1, 1, 1), nn.Linear(1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()])
def test_backward_before_forward_says_so(layer):
    with pytest.raises(RuntimeError, match=f"{type(layer).__name__}.backward was called before forward"):
        layer.backward(np.zeros((1, 1, 1, 1), np.float32))


def test_a_loss_before_its_gradient_says_so():
    with pytest.raises(RuntimeError, match=r"CrossEntropyLoss\.backward was called before the loss"):
        nn.CrossEntropyLoss().backward()


def test_losses_are_the_functions():
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1])
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    assert float(loss(x, target)) == float(gpuconv.cross_entropy(x, target, label_smoothing=0.1))
    assert np.array_equal(loss.backward(), gpuconv.cross_entropy_grad(x, target, label_smoothing=0.1))
    loss = nn.MSELoss()
    assert float(loss(x, x + 1)) == pytest.approx(1)
    assert_close(loss.backward(), reference.mse_loss_grad(x, x + 1, 1.0, "mean"))


@pytest.mark.parametrize(("start", "end", "shape"), [(1, -1, (2, 60)), (0, 1, (6, 4, 5)), (2, 3, (2, 3, 20))])
def test_flatten_joins_axes_and_separates_their_gradient(start, end, shape):
    layer, x = nn.Flatten(start, end), np.arange(120.0).reshape(2, 3, 4, 5)
    y = layer(x)
    assert y.shape == shape
    assert np.array_equal(layer.backward(y), x)


def test_a_layer_goes_where_device_says_with_the_dtype_of_dtype():
    layer = nn.Linear(3, 2, True, "cpu", "float64")
    assert layer.weight.data.dtype == layer.bias.data.dtype == np.float64


def test_train_and_eval_reach_every_module():
    model = _network().eval()
    assert not any(module.training for _, module in model.named_modules())
    assert all(module.training for _, module in model.train().named_modules())


def test_moving_to_where_it_is_changes_nothing():
    model = _network()
    arrays = [p.data for p in model.parameters()]
    assert all(a is p.data for a, p in zip(arrays, model.to("cpu").parameters(), strict=True))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "groups is 2, expected a divisor of in_channels=3"),
        (lambda: nn.Conv2d(0, 4, 3), ValueError, "in_channels is 0"),
        (lambda: nn.Conv2d((3, 4), 4, 3), TypeError, r"in_channels is \(3, 4\), expected an integer"),
        (lambda: nn.Conv2d(3, 4, 0), ValueError, "kernel_size is 0"),
        (lambda: nn.Linear(3, 2.5), TypeError, "out_features is 2.5, expected an integer"),
        (lambda: lenet((1, 3, 3), 10), ValueError, r"image_shape is \(1, 3, 3\), expected at least 4 x 4"),
        (lambda: lenet((1, 8, 8), 10, activation="swish"), ValueError, "activation is 'swish'"),
    ],
)
def test_wrong_layers_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
