"""Guesses at the mistake behind an error, and records of shapes that can be read."""

import numpy as np
import pytest

import gpuconv
from gpuconv.conv.shape import conv_shape, volume_shape
from gpuconv.core.hints import channels_last_hint, described, did_you_mean
from gpuconv.pool.shape import adaptive_shape, pool_shape

X, W, DY = (np.zeros(shape, np.float32) for shape in ((2, 3, 8, 8), (4, 3, 3, 3), (2, 4, 6, 6)))


def test_channels_last_is_guessed_from_the_last_axis():
    assert channels_last_hint((8, 32, 32, 3), 3).endswith("pass x.transpose(0, 3, 1, 2)")
    assert channels_last_hint((8, 32, 3), 3).endswith("pass x.transpose(0, 2, 1)")
    assert channels_last_hint((8, 32, 32, 4), 3) == channels_last_hint((8, 3, 32, 3), 3) == ""


def test_a_name_is_guessed_where_one_is_near():
    assert did_you_mean("bilinaer", ("nearest", "bilinear")) == "; did you mean 'bilinear'?"
    assert did_you_mean("cubic", ("nearest", None)) == did_you_mean(3, ("nearest",)) == ""


def test_arrays_are_described_and_not_printed():
    assert described(X) == "an array of shape (2, 3, 8, 8)"
    assert described((1, 2)) == "(1, 2)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gpuconv.conv2d_input_grad(DY, W, X), r"input_shape is an array of shape .*; pass x.shape, not x"),
        (lambda: gpuconv.conv2d_weight_grad(X, DY, W), r"weight_shape is an array of shape .*; pass w.shape, not w"),
        (
            lambda: gpuconv.conv2d_input_grad(DY, W, np.array(X.shape)),
            r"of shape \(4,\), .*; pass tuple\(input_shape\)",
        ),
        (lambda: gpuconv.max_pool2d_input_grad(DY, DY, X, 2), r"input_shape is an array .*; pass x.shape, not x"),
        (lambda: gpuconv.conv2d(X, W, stride=X), r"stride is an array of shape \(2, 3, 8, 8\), expected"),
        (lambda: gpuconv.max_pool2d(X, X), r"kernel_size is an array of shape \(2, 3, 8, 8\), expected"),
        (lambda: gpuconv.pad_input_grad(X, (1, 1), X), r"padding is an array of shape \(2, 3, 8, 8\), expected"),
        (lambda: gpuconv.leaky_relu(X, X), r"negative_slope is an array of shape \(2, 3, 8, 8\), expected a number"),
        (lambda: gpuconv.softmax(X, X), r"axis is an array of shape \(2, 3, 8, 8\), expected an integer"),
    ],
)
def test_an_array_in_place_of_an_option_is_not_printed(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gpuconv.conv2d(X, W, padding="samee"), "padding is 'samee', .*; did you mean 'same'"),
        (lambda: gpuconv.upsample(X, 8, mode="bilinaer"), "mode is 'bilinaer', .*; did you mean 'bilinear'"),
        (lambda: gpuconv.use_device("cuda:0"), "device is 'cuda:0', .*; did you mean 'cuda'"),
        (lambda: gpuconv.conv2d(X.transpose(0, 2, 3, 1), W), r"\(N, H, W, C\)\? .*: pass x.transpose\(0, 3, 1, 2\)"),
    ],
)
def test_the_mistake_is_guessed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_shapes_print_what_they_describe():
    conv = "x=(1, 3, 8, 8), w=(4, 3, 3, 3), y=(1, 4, 8, 8), stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1)"
    assert repr(conv_shape("conv2d", (1, 3, 8, 8), (4, 3, 3, 3), 1, 1)) == f"ConvShape({conv}, groups=1)"
    pool = "x=(1, 3, 8, 8), y=(1, 3, 4, 4), kernel_size=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0))"
    assert repr(pool_shape("max_pool2d", 2, (1, 3, 8, 8), 2)) == f"PoolShape({pool}, dilation=(1, 1))"
    assert repr(adaptive_shape("p", 1, (1, 3, 8), 2)) == "AdaptiveShape(x=(1, 3, 8), y=(1, 3, 2))"
    volume = repr(volume_shape("conv3d", 3, (1, 2, 4, 4, 4), (3, 2, 1, 1, 1)))
    assert volume.startswith("VolumeShape(x=(1, 2, 4, 4, 4), w=(3, 2, 1, 1, 1), y=(1, 3, 4, 4, 4), depth=Axis(")
