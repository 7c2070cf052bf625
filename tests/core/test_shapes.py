"""Shape arithmetic, and the errors that name the argument, what came and what was expected."""

import numpy as np
import pytest

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.pool.shape import pool_shape

pytestmark = pytest.mark.quick

X, W = (2, 6, 9, 8), (4, 6, 3, 2)


def test_a_geometry_holds_every_number():
    g = conv_shape("conv2d", X, (4, 3, 3, 2), stride=(2, 1), padding=((1, 0), (2, 3)), dilation=(1, 2), groups=2)
    assert (g.x_shape, g.w_shape, g.y_shape) == (X, (4, 3, 3, 2), (2, 4, 4, 11))
    assert (g.pad_top, g.pad_bottom, g.pad_left, g.pad_right) == (1, 0, 2, 3)
    assert g.flops == 2 * 2 * 4 * 4 * 11 * 3 * 3 * 2


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        (1, (1, 1, 1, 1)),
        ((1, 2), (1, 1, 2, 2)),
        (((1, 2), (3, 0)), (1, 2, 3, 0)),
        ("valid", (0,) * 4),
        ("same", (1, 1, 0, 1)),
        ("full", (2, 2, 1, 1)),
    ],
)
def test_every_form_of_padding(padding, sides):
    g = conv_shape("conv2d", X, W, padding=padding)
    assert (g.pad_top, g.pad_bottom, g.pad_left, g.pad_right) == sides


def test_same_keeps_the_size():
    g = conv_shape("conv2d", X, W, padding="same", dilation=(2, 3))
    assert (g.p, g.q) == (g.h, g.w)


def test_numpy_integers_are_integers():
    assert conv_shape("conv2d", X, W, stride=np.int32(2)) == conv_shape("conv2d", X, W, stride=2)


@pytest.mark.parametrize(("ceil_mode", "size"), [(False, 3), (True, 4)])
def test_ceil_mode_keeps_the_last_window(ceil_mode, size):
    assert pool_shape("max_pool2d", 2, (1, 1, 8, 8), 2, stride=(2, 2), dilation=1, ceil_mode=ceil_mode).h.windows == 4
    assert pool_shape("max_pool2d", 2, (1, 1, 8, 8), 3, stride=2, ceil_mode=ceil_mode).h.windows == size


def test_ceil_mode_drops_a_window_that_starts_past_the_input():
    assert pool_shape("max_pool2d", 2, (1, 1, 4, 4), 2, stride=3, padding=1, ceil_mode=True).h.windows == 2


ERRORS = [
    ({"x": (6, 9, 8)}, ValueError, r"x has shape \(6, 9, 8\), expected four dimensions \(N, C, H, W\)"),
    ({"w": (4, 6, 3)}, ValueError, r"w has shape \(4, 6, 3\), expected four dimensions"),
    ({"w": (4, 5, 3, 2)}, ValueError, r"x has 6 channels, w expects 5 \(w.shape\[1\]=5 x groups=1\)"),
    ({"groups": 4}, ValueError, "x has 6 channels, w expects 24"),
    (
        {"w": (4, 2, 3, 2), "groups": 3},
        ValueError,
        r"w has 4 filters \(w.shape\[0\]\), expected a multiple of groups=3",
    ),
    ({"groups": 0}, ValueError, "groups is 0, expected at least 1"),
    ({"stride": 0}, ValueError, "stride is 0, expected at least 1"),
    ({"stride": -1}, ValueError, "stride is -1"),
    ({"stride": (1, 0)}, ValueError, r"stride\[1\] is 0"),
    ({"stride": (1, 2, 3)}, ValueError, r"stride is \(1, 2, 3\), expected an int or a pair"),
    ({"stride": 1.5}, TypeError, "stride is 1.5, expected an integer"),
    ({"stride": True}, TypeError, "stride is True, expected an integer"),
    ({"stride": "2"}, TypeError, "stride is '2', expected an integer"),
    ({"dilation": 0}, ValueError, "dilation is 0"),
    ({"padding": -1}, ValueError, "padding is -1, expected at least 0"),
    ({"padding": (1, -2)}, ValueError, r"padding\[1\] is -2"),
    ({"padding": ((1, 2), (3, -4))}, ValueError, r"padding\[1\]\[1\] is -4"),
    ({"padding": ((1, 2, 3), 0)}, ValueError, r"padding\[0\] is \(1, 2, 3\)"),
    ({"padding": (1, 2, 3)}, ValueError, r"padding is \(1, 2, 3\), expected"),
    ({"padding": "fulle"}, ValueError, "padding is 'fulle', expected 'same', 'valid', 'full' or numbers"),
    ({"padding": "same", "stride": 2}, ValueError, r"padding 'same' needs stride 1, got stride \(2, 2\)"),
    ({"padding": 1.0}, TypeError, "padding is 1.0, expected an integer"),
    ({"padding": 2**31}, ValueError, r"padding is 2147483648, expected less than 2\*\*31"),
    ({"padding": 2**30}, ValueError, "padding 1073741824 and 1073741824 makes the height 2147483657"),
    ({"w": (4, 6, 10, 2)}, ValueError, "kernel is larger than the padded input: height 10 > 9"),
    ({"w": (4, 6, 3, 9)}, ValueError, "kernel is larger than the padded input: width 9 > 8"),
    ({"dilation": 5}, ValueError, "kernel is larger than the padded input: height 11 > 9"),
    ({"x": (2, 0, 9, 8)}, ValueError, r"x.shape\[1\] is 0, expected at least 1"),
    ({"x": (2, 6, 0, 8)}, ValueError, r"x.shape\[2\] is 0"),
    ({"w": (0, 6, 3, 2)}, ValueError, r"w.shape\[0\] is 0"),
]


@pytest.mark.parametrize(("change", "error", "message"), ERRORS)
def test_a_wrong_shape_or_option_is_named(change, error, message):
    arguments = {"x": X, "w": W, **change}
    x, w = (np.zeros(arguments.pop(name), np.float32) for name in ("x", "w"))
    with pytest.raises(error, match="conv2d: .*" + message):
        gpuconv.conv2d(x, w, **arguments)


def _conv(**change):
    arguments = {"x": np.zeros(X, np.float32), "w": np.zeros(W, np.float32), "b": None, **change}
    return gpuconv.conv2d(arguments.pop("x"), arguments.pop("w"), arguments.pop("b"), **arguments)


def _read_only():
    out = np.zeros((2, 4, 7, 7), np.float32)
    out.flags.writeable = False
    return out


class FakeTensor:
    """Stands for a PyTorch tensor, which need not be installed here."""


FakeTensor.__module__, FakeTensor.__qualname__ = "torch", "Tensor"

ARGUMENTS = [
    ({"x": [[1.0]]}, TypeError, "x is a list, expected a NumPy or CuPy array"),
    ({"x": FakeTensor()}, TypeError, r"x is a torch.Tensor, expected .*; pass tensor.detach\(\).numpy\(\)"),
    ({"w": 3.0}, TypeError, "w is a float, expected a NumPy or CuPy array"),
    ({"x": np.zeros(X, np.int64)}, TypeError, "x has dtype int64, expected float32, float64"),
    ({"x": np.zeros(X, object)}, TypeError, "x has dtype object"),
    ({"x": np.zeros(X, complex)}, TypeError, "x has dtype complex128"),
    ({"w": np.zeros(W)}, TypeError, "w has dtype float64, expected float32 like x"),
    ({"b": np.zeros(3, np.float32)}, ValueError, r"b has shape \(3,\), expected \(4,\)"),
    ({"b": np.zeros((4, 1), np.float32)}, ValueError, r"b has shape \(4, 1\), expected \(4,\)"),
    ({"activation": "swish"}, ValueError, "activation is 'swish', expected one of None, 'relu', 'leaky_relu'"),
    ({"negative_slope": "a"}, TypeError, "negative_slope is 'a', expected a number"),
    ({"algorithm": "gemm"}, ValueError, "algorithm is 'gemm', expected one of 'auto', 'exact', 'direct'"),
    ({"algorithm": "winograd"}, ValueError, "algorithm 'winograd' does not support"),
    ({"out": np.zeros((2, 4, 7, 6), np.float32)}, ValueError, r"out has shape \(2, 4, 7, 6\), expected \(2, 4, 7, 7\)"),
    ({"out": np.zeros((2, 4, 7, 7))}, TypeError, "out has dtype float64, expected float32"),
    ({"out": np.zeros((7, 7, 4, 2), np.float32).T}, ValueError, "out has strides .*, expected a C-contiguous array"),
    ({"out": _read_only()}, ValueError, "out is read-only"),
    ({"out": [0.0]}, TypeError, "out is a list"),
]


@pytest.mark.parametrize(("change", "error", "message"), ARGUMENTS)
def test_a_wrong_array_is_named(change, error, message):
    with pytest.raises(error, match="conv2d: " + message):
        _conv(**change)


def test_an_output_over_an_input_is_refused():
    memory = np.zeros(2 * 6 * 9 * 8, np.float32)
    with pytest.raises(ValueError, match="conv2d: out overlaps an input"):
        gpuconv.conv2d(memory.reshape(X), np.zeros((6, 6, 1, 1), np.float32), out=memory.reshape(X))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, w: gpuconv.conv2d_input_grad(x, w, X), ValueError, r"dy has shape .*expected \(2, 4, 7, 7\)"),
        (lambda x, w: gpuconv.conv2d_input_grad(x, w, 5), TypeError, "input_shape is 5, expected a shape"),
        (lambda x, w: gpuconv.conv2d_input_grad(x, w, (1, 2)), ValueError, r"input_shape has shape \(1, 2\)"),
        (lambda x, w: gpuconv.conv2d_input_grad(x, w, X, activation="relu"), ValueError, "go together"),
        (lambda x, w: gpuconv.conv2d_weight_grad(x, x, W), ValueError, r"dy has shape .*expected \(2, 4, 7, 7\)"),
        (lambda x, w: gpuconv.conv2d_bias_grad(x[0]), ValueError, "expected four dimensions"),
        (lambda x, w: gpuconv.linear(x, w), ValueError, "x has shape .*, expected two dimensions"),
        (lambda x, w: gpuconv.linear(x[0, 0], w[0, 0]), ValueError, "x has 8 features, w expects 2"),
        (lambda x, w: gpuconv.relu_grad(x, w), ValueError, r"dy has shape .*, expected \(4, 6, 3, 2\)"),
        (lambda x, w: gpuconv.mse_loss(x, x, reduction="avg"), ValueError, "reduction is 'avg'"),
        (lambda x, w: gpuconv.mse_loss(x, w), ValueError, "target has shape"),
        (lambda x, w: gpuconv.mse_loss_grad(x, x, reduction="none"), ValueError, "dloss is the number 1.0"),
        (lambda x, w: gpuconv.cross_entropy(x, x[:, 0]), TypeError, "target has dtype float32, expected integer"),
        (
            lambda x, w: gpuconv.cross_entropy(x, np.zeros(2, int)),
            ValueError,
            r"target has shape \(2,\), expected \(2, 9, 8\)",
        ),
        (
            lambda x, w: gpuconv.cross_entropy(x[0, 0], np.zeros(9, int), label_smoothing=2),
            ValueError,
            "label_smoothing is 2",
        ),
    ],
)
def test_every_function_names_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros(X, np.float32), np.zeros(W, np.float32))


def test_nothing_is_written_before_an_error():
    out = np.full((2, 4, 7, 7), 7, np.float32)
    with pytest.raises(ValueError, match="b has shape"):
        _conv(b=np.zeros(3, np.float32), out=out)
    assert (out == 7).all()
