"""The symmetry argument: units that start equal stay equal, random ones part."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.nn import init
from gpuconv.training import digits, fit, lenet


@pytest.fixture(scope="module")
def data():
    whole = digits()
    return whole._replace(train_images=whole.train_images[:256], train_labels=whole.train_labels[:256])


def _trained(data, init):
    model = lenet((1, 8, 8), 10, init=init, seed=0)
    optimizer = gpuconv.SGD(model.parameters(), 0.05, momentum=0.9)
    fit(model, nn.CrossEntropyLoss(), optimizer, data, epochs=2, batch_size=32)
    return model


def test_equal_weights_stay_equal_through_training(data):
    """Every unit of a hidden layer gets the same signal and the same gradient, for good, though the weights move."""
    model = _trained(data, init.constant)
    report = gpuconv.symmetry_report(model)
    assert report.symmetric
    hidden = report.layers[:-1]
    assert len(hidden) == 3
    for layer in hidden:
        everyone = (tuple(range(layer.units)),)
        assert layer.equal_weights == layer.equal_gradients == everyone
        assert layer.distinct == 1
        assert layer.symmetric
    start = lenet((1, 8, 8), 10, init=init.constant).state_dict()
    assert all(not np.array_equal(a, start[name]) for name, a in model.state_dict().items())


def test_random_weights_stay_apart_through_training(data):
    report = gpuconv.symmetry_report(_trained(data, init.kaiming_normal))
    assert not report.symmetric
    assert all(layer.distinct == layer.units for layer in report.layers)


@pytest.mark.parametrize(
    "name", ["uniform", "normal", "xavier_uniform", "xavier_normal", "kaiming_uniform", "orthogonal"]
)
def test_random_weights_break_the_symmetry(name, data):
    model = lenet((1, 8, 8), 10, init=init.BY_NAME[name], seed=0)
    loss = nn.CrossEntropyLoss()
    loss(model(data.train_images[:32]), data.train_labels[:32])
    model.backward(loss.backward(), input_grad=False)
    report = gpuconv.symmetry_report(model)
    assert not report.symmetric
    assert all(layer.distinct == layer.units for layer in report.layers)


def test_units_with_equal_weights_and_unequal_gradients_will_part():
    layer = nn.Linear(2, 3, init=init.constant)
    assert gpuconv.symmetry_report(layer).symmetric
    layer.weight.grad, layer.bias.grad = np.arange(6.0).reshape(3, 2), np.zeros(3)
    [row] = gpuconv.symmetry_report(layer).layers
    assert row.distinct == 1
    assert not row.symmetric


def test_a_bias_tells_units_apart():
    layer = nn.Linear(2, 3, init=init.constant)
    layer.bias.data[1] = 1
    assert gpuconv.symmetry_report(layer).layers[0].equal_weights == ((0, 2),)


def test_a_report_reads_like_a_table():
    model = nn.Sequential(nn.Conv2d(1, 4, 2, init=init.constant), nn.Flatten(), nn.Linear(4, 2, init=init.constant))
    model[0].weight.data[2] = 5
    untrained = str(gpuconv.symmetry_report(model)).splitlines()
    assert untrained[0].split() == "layer units distinct equal weights equal gradients".split()
    assert untrained[1].split() == "0 4 2 0-1, 3 no gradients yet".split()
    model.backward(np.array([[1, 2]], np.float32) + 0 * model(np.ones((1, 1, 2, 2), np.float32)))
    trained = str(gpuconv.symmetry_report(model)).splitlines()
    assert trained[1].split() == "0 4 2 0-1, 3 0-3".split()
    assert trained[2].split() == "2 2 1 0-1 none".split()
