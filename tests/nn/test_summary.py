"""nn.summary: shapes, parameters, FLOPs and bytes of each layer, and a model left as it was."""

import numpy as np
import pytest

from gpuconv import nn
from gpuconv.training import resnet8


def model():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 5),
    )


def test_each_layer_has_its_figures():
    rows = nn.summary(model(), (10, 3, 8, 8)).layers
    assert [(row.name, row.layer, row.output_shape) for row in rows] == [
        ("0", "Conv2d", (10, 8, 4, 4)),
        ("1", "BatchNorm2d", (10, 8, 4, 4)),
        ("2", "ReLU", (10, 8, 4, 4)),
        ("3", "MaxPool2d", (10, 8, 2, 2)),
        ("4", "Flatten", (10, 32)),
        ("5", "Linear", (10, 5)),
    ]
    outputs = 10 * 8 * 4 * 4
    assert [row.parameters for row in rows] == [216, 16, 0, 0, 0, 165]
    assert [row.flops for row in rows] == [2 * 27 * outputs, 2 * outputs, outputs, outputs, 0, 10 * 5 * (2 * 32 + 1)]
    assert rows[0].input_shape == (10, 3, 8, 8)
    assert rows[0].bytes == 4 * (10 * 3 * 8 * 8 + outputs + 216)
    assert rows[4].bytes == 0  # a view


def test_totals():
    found = nn.summary(model(), (10, 3, 8, 8))
    assert found.parameters == 216 + 16 + 165
    assert found.flops == sum(row.flops for row in found.layers)
    assert found.bytes == sum(row.bytes for row in found.layers)
    assert found.output_shape == (10, 5)


@pytest.mark.parametrize(
    ("layer", "shape", "flops"),
    [
        (nn.ConvTranspose2d(3, 8, 3), (2, 3, 5, 5), 2 * (2 * 75) * 8 * 9 + 2 * 8 * 7 * 7),
        (nn.Conv1d(4, 4, 3, groups=2, bias=False), (1, 4, 9), 2 * 4 * 7 * 2 * 3),
        (nn.AvgPool3d((1, 2, 3)), (1, 2, 2, 2, 3), 2 * 2 * 6),
        (nn.GlobalAvgPool2d(), (1, 2, 4, 4), 32),
        (nn.Residual(nn.Identity()), (3, 4), 12),
    ],
)
def test_operations_are_counted(layer, shape, flops):
    assert nn.summary(layer, shape).flops == flops


def test_branches_are_listed_before_their_sum():
    names = [row.name for row in nn.summary(resnet8((3, 16, 16), 10, width=4, seed=0), (1, 3, 16, 16)).layers]
    at = names.index("5")
    assert names[at - 2 : at] == ["5.shortcut.0", "5.shortcut.1"]


def test_the_model_is_left_as_it_was():
    network, x = model(), np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    dy = np.ones_like(network(x))
    initial = {name: a.copy() for name, a in network.state_dict().items()}
    nn.summary(network, (1, 3, 8, 8))
    assert network.training
    assert all(np.array_equal(a, initial[name]) for name, a in network.state_dict().items())
    assert network.backward(dy).shape == x.shape  # the forward pass is still remembered
    assert "forward" not in vars(network[0])


def test_it_prints_as_a_table():
    lines = str(nn.summary(nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU()), (1, 3, 8, 8))).splitlines()
    assert lines[0] == "input (1, 3, 8, 8)"
    assert [line.split() for line in lines[2:3] + lines[4:6] + lines[7:]] == [
        ["name", "layer", "output", "shape", "parameters", "FLOPs", "bytes"],
        ["0", "Conv2d", "(1,", "8,", "8,", "8)", "224", "28.2", "k", "3.71", "k"],
        ["1", "ReLU", "(1,", "8,", "8,", "8)", "0", "512", "4.1", "k"],
        ["total", "(1,", "8,", "8,", "8)", "224", "28.7", "k", "7.81", "k"],
    ]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.summary(nn.ReLU, (1, 3)), TypeError, "summary: model is the class ReLU"),
        (lambda: nn.summary(model(), np.zeros((1, 3, 8, 8))), TypeError, "input_shape is an array of shape .*; pass"),
        (lambda: nn.summary(model(), (3, 8, 8)), ValueError, r"input_shape is \(3, 8, 8\), a batch's; .*: Conv2d: x"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
