"""Pooling layers: both passes against the functions they stand for."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.testing import check_gradients

SHAPES = {1: (2, 3, 9), 2: (2, 3, 6, 7), 3: (1, 2, 4, 5, 6)}
OPTIONS = {"stride": 2, "padding": 1, "ceil_mode": True}


def _layers(rank):
    yield getattr(nn, f"MaxPool{rank}d")(3, **OPTIONS)
    yield getattr(nn, f"AvgPool{rank}d")(3, **OPTIONS, count_include_pad=False)
    for kind in ("Avg", "Max"):
        yield getattr(nn, f"Adaptive{kind}Pool{rank}d")(2)
        yield getattr(nn, f"Global{kind}Pool{rank}d")()


@pytest.mark.parametrize("rank", SHAPES)
def test_every_layer_has_the_gradient_of_its_forward_pass(rank):
    x = np.random.default_rng(0).standard_normal(SHAPES[rank])
    for layer in _layers(rank):

        def backward(dy, x, layer=layer):
            layer(x)
            assert layer.backward(dy, input_grad=False) is None
            return (layer.backward(dy),)

        assert check_gradients(layer, backward, x).directions == 4


def test_a_layer_computes_what_its_function_does():
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 7))
    assert np.array_equal(nn.MaxPool2d(3, **OPTIONS)(x), gpuconv.max_pool2d(x, 3, **OPTIONS)[0])
    layer = nn.AvgPool2d(3, **OPTIONS, divisor_override=4)
    assert np.array_equal(layer(x), gpuconv.avg_pool2d(x, 3, **OPTIONS, divisor_override=4))
    assert np.array_equal(nn.AdaptiveMaxPool2d((2, None))(x), gpuconv.adaptive_max_pool2d(x, (2, None))[0])


def test_a_divisor_for_one_axis_is_refused_by_the_function():
    with pytest.raises(TypeError, match="divisor_override"):
        nn.AvgPool1d(2, divisor_override=3)(np.zeros((1, 1, 4)))


def test_backward_before_forward_is_an_error():
    with pytest.raises(RuntimeError, match="before"):
        nn.GlobalAvgPool2d().backward(np.zeros((1, 1, 1, 1)))
