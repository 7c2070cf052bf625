"""The layers of convolution: both passes, torch's layouts and initial values, errors."""

import math

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.testing import assert_close, check_gradients
from tests import reference

LAYERS = {
    "Conv1d": (nn.Conv1d, 1),
    "Conv2d": (nn.Conv2d, 2),
    "Conv3d": (nn.Conv3d, 3),
    "ConvTranspose1d": (nn.ConvTranspose1d, 1),
    "ConvTranspose2d": (nn.ConvTranspose2d, 2),
    "ConvTranspose3d": (nn.ConvTranspose3d, 3),
}
on_every_layer = pytest.mark.parametrize(("layer", "rank"), LAYERS.values(), ids=LAYERS)
OPTIONS = {"stride": 2, "padding": 1, "groups": 2, "seed": 0, "dtype": np.float64}


def _transposed(layer):
    return "Transpose" in layer.__name__


@on_every_layer
@pytest.mark.parametrize("which", ["weight", "bias", "input"])
def test_gradients(which, layer, rank):
    model, x = layer(4, 6, 3, **OPTIONS), np.random.default_rng(1).standard_normal((2, 4, *(4, 5, 4)[:rank]))

    def forward(a):
        if which != "input":
            getattr(model, which).data = a
        return model(a if which == "input" else x)

    def backward(dy, a):
        forward(a)
        model.zero_grad()
        dx = model.backward(dy)
        return (dx if which == "input" else getattr(model, which).grad,)

    start = x if which == "input" else getattr(model, which).data.copy()
    assert check_gradients(forward, backward, start, directions=2).directions == 2


@on_every_layer
def test_layouts_and_initial_values_are_torchs(layer, rank):
    model = layer(4, 6, 3, groups=2, seed=0)
    shape = ((4, 3) if _transposed(layer) else (6, 2)) + (3,) * rank
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    assert {name: a.shape for name, a in model.state_dict().items()} == {"weight": shape, "bias": (6,)}
    assert all(0.5 * bound < np.abs(a).max() <= bound for a in model.state_dict().values())


@on_every_layer
def test_a_layer_is_its_function(layer, rank):
    model = layer(2, 3, 2, dilation=2, bias=False, seed=0, dtype=np.float64)
    x = np.random.default_rng(1).standard_normal((2, 2, *(4, 5, 4)[:rank]))
    options = {"stride": (1,) * rank, "padding": ((0, 0),) * rank, "dilation": (2,) * rank, "groups": 1}
    if _transposed(layer):
        expected = reference.conv_transpose_nd(x, model.weight.data, None, output_padding=(0,) * rank, **options)
    else:
        expected = reference.conv_nd(x, model.weight.data, None, **options)
    assert model.bias is None
    y = model(x)
    assert_close(y, expected, terms=16)
    assert model.backward(np.ones_like(y), input_grad=False) is None


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_modes_pad_before(mode):
    x = np.random.default_rng(1).standard_normal((2, 2, 5, 6))
    layer = nn.Conv2d(2, 3, 3, 2, ((1, 2), (0, 1)), padding_mode=mode, dtype=np.float64, seed=0)
    numpys = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 2), (0, 1)), numpys)
    assert np.array_equal(layer(x), gpuconv.conv2d(padded, layer.weight.data, layer.bias.data, stride=2))

    def backward(dy, x):
        layer(x)
        return (layer.backward(dy),)

    assert check_gradients(layer, backward, x, directions=2).directions == 2


@on_every_layer
@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((3, 4, 3), {"groups": 2}, ValueError, "groups is 2, expected a divisor of in_channels=3"),
        ((4, 0, 3), {}, ValueError, "out_channels is 0, expected at least 1"),
        ((4, 4, (3, 3, 3, 3)), {}, ValueError, r"kernel_size is \(3, 3, 3, 3\), expected an int"),
        ((4, 4, 2.5), {}, TypeError, "kernel_size is 2.5, expected an integer"),
    ],
)
def test_wrong_layers_are_named(arguments, options, error, message, layer, rank):
    with pytest.raises(error, match=f"{layer.__name__}: {message}"):
        layer(*arguments, **options)
