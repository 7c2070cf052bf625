"""Residual networks: normalization layers, sums of branches, and the gradient of the whole network."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.testing import assert_close, check_gradients
from gpuconv.training import resnet8
from tests import reference


def _array(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def test_the_gradient_of_a_whole_resnet():
    """Of every parameter and of the images, by finite differences in float64."""
    model, x = resnet8((1, 5, 6), 3, width=2, seed=0, dtype=np.float64), _array(3, 1, 5, 6)
    parameters = list(model.parameters())

    def forward(x, *values):
        for parameter, value in zip(parameters, values, strict=True):
            parameter.data = value
        return model(x)

    def backward(dy, *inputs):
        forward(*inputs)
        model.zero_grad()
        return model.backward(dy), *(parameter.grad for parameter in parameters)

    report = check_gradients(forward, backward, x, *(p.data.copy() for p in parameters), directions=2)
    assert report.directions == 2 * (1 + len(parameters)) == 60


def test_a_resnet_in_evaluation_has_gradients_too():
    model, x = resnet8((1, 4, 4), 3, width=2, seed=0, dtype=np.float64), _array(4, 1, 4, 4)
    for _ in range(3):
        model(x)
    model.eval()

    def backward(dy, x):
        model(x)
        return (model.backward(dy),)

    assert check_gradients(model, backward, x).directions == 4


def test_a_resnet_learns_a_batch_by_heart():
    model, loss = resnet8((1, 8, 8), 4, width=4, seed=0), nn.CrossEntropyLoss()
    x, labels = _array(16, 1, 8, 8, dtype=np.float32), np.arange(16) % 4
    optimizer = gpuconv.SGD(model.parameters(), 0.05, momentum=0.9)
    for _ in range(30):
        first = float(loss(model(x), labels))
        optimizer.zero_grad()
        assert model.backward(loss.backward(), input_grad=False) is None
        optimizer.step()
    assert first < 0.1
    assert (model.eval()(x).argmax(1) == labels).mean() > 0.9


def test_the_state_of_a_resnet_has_torchs_order():
    names = list(resnet8((3, 32, 32), 10, seed=0).state_dict())
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert names[:6] == ["0.weight", *(f"1.{name}" for name in norm)]
    assert [name for name in names if name.startswith("5.shortcut")] == [
        "5.shortcut.0.weight", *(f"5.shortcut.1.{name}" for name in norm),
    ]  # fmt: skip
    assert not any(name.startswith("3.shortcut") for name in names)


def test_small_images_are_refused():
    with pytest.raises(ValueError, match=r"resnet8: image_shape is \(1, 3, 9\), expected at least 4 x 4"):
        resnet8((1, 3, 9), 2)


@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
def test_batch_norm_layers_follow_their_batches(momentum):
    layer, mean, var = nn.BatchNorm2d(3, momentum=momentum, dtype=np.float64), np.zeros(3), np.ones(3)
    for step in range(3):
        x = _array(4, 3, 2, 2, seed=step)
        layer(x)
        mean, var = reference.moved_statistics(x, mean, var, 1 / (step + 1) if momentum is None else momentum)
    assert_close(layer.running_mean.data, mean)
    assert_close(layer.running_var.data, var)
    assert int(layer.num_batches_tracked.data) == 3
    layer.eval()
    assert_close(layer(x), reference.batch_norm(x, mean, var, None, None, 1e-5))
    assert int(layer.num_batches_tracked.data) == 3


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm1d(3, dtype=np.float64), (4, 3)),
        (nn.BatchNorm2d(3, affine=False, dtype=np.float64), (4, 3, 2, 2)),
        (nn.BatchNorm3d(3, track_running_stats=False, dtype=np.float64).eval(), (2, 3, 2, 1, 2)),
    ],
)
def test_batch_norm_layers_have_the_functions_gradients(layer, shape):
    x, dy = _array(*shape), _array(*shape, seed=1)
    y = layer(x)
    mean, var = reference.batch_norm_statistics(x)
    assert_close(y, reference.batch_norm(x, mean, var, None, None, 1e-5), terms=8)
    expected = reference.batch_norm_grad(dy, x, mean, var, None, 1e-5, True)
    assert_close(layer.backward(dy), expected[0], terms=64)
    if layer.weight is not None:
        assert_close(layer.weight.grad, expected[1], terms=16)
        assert_close(layer.bias.grad, expected[2], terms=16)


@pytest.mark.parametrize("affine", [True, False])
def test_group_norm_layers_are_the_function(affine):
    layer, x, dy = nn.GroupNorm(2, 4, affine=affine, dtype=np.float64), _array(3, 4, 5), _array(3, 4, 5, seed=1)
    assert_close(layer(x), reference.group_norm(x, 2, None, None, 1e-5), terms=10)
    expected = reference.group_norm_grad(dy, x, 2, None, 1e-5)
    assert_close(layer.backward(dy), expected[0], terms=64)
    if affine:
        assert_close(layer.weight.grad, expected[1], terms=16)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(4, bias=False), nn.GroupNorm(2, 4, bias=False)])
def test_a_bias_can_be_left_out(layer):
    x = _array(5, 4, dtype=np.float32)
    layer.backward(np.ones_like(layer(x)))
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer.weight.grad.shape == (4,)


def test_buffers_travel_with_the_state():
    a, b = nn.Sequential(nn.BatchNorm1d(2)), nn.Sequential(nn.BatchNorm1d(2))
    a(_array(4, 2, dtype=np.float32))
    b.load_state_dict(a.state_dict())
    assert [name for name, _ in b.named_buffers()] == ["0.running_mean", "0.running_var", "0.num_batches_tracked"]
    assert np.array_equal(b[0].running_mean.data, a[0].running_mean.data)
    assert b[0].num_batches_tracked.data.dtype == np.int64
    assert len(list(b.parameters())) == 2


def test_a_residual_adds_both_branches():
    body, shortcut = nn.Linear(3, 4, seed=0, dtype=np.float64), nn.Linear(3, 4, seed=1, dtype=np.float64)
    x, dy = _array(2, 3), _array(2, 4, seed=1)
    residual = nn.Residual(body, shortcut)
    assert_close(residual(x), body(x) + shortcut(x), terms=3)
    assert_close(residual.backward(dy), body.backward(dy) + shortcut.backward(dy), terms=4)
    assert residual.backward(dy, input_grad=False) is None


def test_a_residual_around_nothing_doubles_and_leaves_its_input_alone():
    x = _array(2, 3)
    residual, original = nn.Residual(nn.Sequential()), x.copy()
    assert np.array_equal(residual(x), 2 * original)
    assert np.array_equal(residual.backward(x), 2 * original)
    assert np.array_equal(x, original)


def test_a_module_cannot_be_body_and_shortcut():
    relu = nn.ReLU()
    with pytest.raises(ValueError, match="Residual: modules body and shortcut are the same ReLU"):
        nn.Residual(relu, relu)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: nn.BatchNorm2d(0), ValueError, "BatchNorm2d: num_features is 0"),
        (lambda x: nn.GroupNorm(2, 3), ValueError, "GroupNorm: num_groups is 2, expected a divisor of num_channels=3"),
        (lambda x: nn.BatchNorm1d(2, affine=1), TypeError, "BatchNorm1d: affine is 1, expected True or False"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((2, 3)))
