"""What layers, containers and losses say of a mistake: the class, the argument, and a guess."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential([nn.ReLU()]), r"Sequential: got a list, expected .*: Sequential\(\*modules\)"),
        (lambda: nn.Sequential((nn.ReLU(), nn.ReLU())), r"Sequential: got a tuple, .*: Sequential\(\*modules\)"),
        (lambda: nn.Sequential(nn.ReLU), r"module 0 is the class ReLU, expected an instance; add parentheses: ReLU\("),
        (lambda: nn.Sequential(nn.ReLU(), [nn.ReLU()]), r"module 1 is a list, .*; modules in a row are nn.Sequential"),
        (lambda: nn.Sequential(gpuconv.leaky_relu), r"module 0 is the function leaky_relu, .*: nn.LeakyReLU\(\)"),
        (lambda: nn.Sequential(None), r"module 0 is a NoneType, expected a module, such as nn.ReLU\(\)"),
        (lambda: nn.Sequential().append(nn.ReLU), "Sequential: module 0 is the class ReLU"),
        (lambda: nn.Residual(nn.ReLU), "Residual: body is the class ReLU, expected an instance"),
    ],
)
def test_what_is_no_module_is_guessed(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_torch_layer_is_named():
    torch = pytest.importorskip("torch", reason="passes a layer of torch.nn, and PyTorch is not installed")
    with pytest.raises(TypeError, match=r"a torch\.nn\..*ReLU, expected a module.*layers of torch.nn do not run on"):
        nn.Sequential(torch.nn.ReLU())
    with pytest.raises(TypeError, match=r"Conv2d: x is a torch.Tensor, .*; pass tensor.detach\(\).numpy\(\)"):
        nn.Conv2d(3, 4, 3)(torch.zeros(1, 3, 8, 8))


INPUTS = [
    (
        nn.Conv2d(3, 4, 3),
        zeros(2, 4, 8, 8),
        r"Conv2d: x has 4 channels, expected 3 \(in_channels\); x has shape",
    ),
    (
        nn.Conv2d(3, 4, 3),
        zeros(2, 8, 8, 3),
        r"\(N, H, W, C\)\? gpuconv is .*: pass x.transpose\(0, 3, 1, 2\)",
    ),
    (nn.Conv1d(3, 4, 3), zeros(2, 8, 3), r"\(N, W, C\)\? gpuconv is .*: pass x.transpose\(0, 2, 1\)"),
    (nn.Conv3d(3, 4, 1), zeros(1, 2, 2, 2, 3), r"\(N, D, H, W, C\)\? .*: pass x.transpose\(0, 4, 1, 2, 3\)"),
    (nn.Conv2d(3, 4, 3), zeros(3, 8, 8), r"\(N, C, H, W\); one sample is x\[None\], of shape \(1, 3, 8, 8\)"),
    (nn.Conv2d(1, 4, 3), zeros(9, 8, 8), r"images of one channel are x\[:, None\], of shape \(9, 1, 8, 8\)"),
    (nn.Conv2d(3, 4, 9), zeros(2, 3, 8, 8), "Conv2d: the dilated kernel is larger than the padded input"),
    (nn.ConvTranspose2d(3, 4, 3), zeros(2, 8, 8, 3), "ConvTranspose2d: x has 8 channels, expected 3 .in_channels."),
    (nn.BatchNorm2d(3), zeros(2, 8, 8, 3), "BatchNorm2d: x has 8 channels, expected 3 .num_features."),
    (nn.BatchNorm1d(3), zeros(2, 3, 4, 4), r"BatchNorm1d: x has shape .*, expected \(N, C\) or \(N, C, W\)"),
    (nn.GroupNorm(2, 4), zeros(2, 8, 8), "GroupNorm: x has 8 channels, expected 4 .num_channels."),
    (nn.Linear(64, 4), zeros(2, 4, 4, 4), r"Linear: x has shape .*, expected \(N, 64\) .*; put nn.Flatten\(\) before"),
    (nn.Linear(64, 4), zeros(64), r"Linear: x has shape \(64,\), .*; one sample is x\[None\]"),
    (nn.Linear(64, 4), zeros(2, 63), r"Linear: x has shape \(2, 63\), expected \(N, 64\) \(in_features\)$"),
    (nn.MaxPool2d(2), zeros(3, 8, 8), r"MaxPool2d: x has shape \(3, 8, 8\), expected four dimensions"),
    (nn.Flatten(2), zeros(3, 8), "Flatten: x has shape .*, which has no axes from start_dim=2 to end_dim=-1"),
]


@pytest.mark.parametrize(("layer", "x", "message"), INPUTS)
def test_an_input_of_the_wrong_shape_is_guessed(layer, x, message):
    with pytest.raises(ValueError, match=message):
        layer(x)


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (nn.Conv2d(3, 4, 3), zeros(2, 3, 8, 8, dtype=np.uint8), r"Conv2d: x has dtype uint8, .*x.astype\(np.float32\)"),
        (nn.Linear(3, 4), zeros(2, 3, dtype=np.int64), r"Linear: x has dtype int64, .*x.astype\(np.float32\)$"),
        (nn.BatchNorm1d(3), zeros(2, 3, dtype=float), r"x has dtype float64, .*, or make .* dtype=np.float64"),
        (nn.Linear(3, 4), [[1, 2, 3]], "Linear: x is a list, expected a NumPy or CuPy array"),
        (nn.ReLU(), 3.0, "ReLU: x is a float, expected a NumPy or CuPy array"),
        (nn.Flatten(), [1], "Flatten: x is a list, expected a NumPy or CuPy array"),
        (nn.Dropout(), None, "Dropout: x is a NoneType, expected a NumPy or CuPy array"),
        (nn.AvgPool2d(2), [1], "AvgPool2d: x is a list, expected a NumPy or CuPy array"),
        (nn.ReLU(), zeros(3, dtype=int), "ReLU: x has dtype int64, expected float32"),
    ],
)
def test_an_input_of_the_wrong_kind_is_guessed(layer, x, message):
    with pytest.raises(TypeError, match=message):
        layer(x)


def test_an_error_says_which_module_raised_it():
    model = nn.Sequential(features=nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 3)))
    with pytest.raises(ValueError, match=r"^Conv2d: x has 4 channels") as caught:
        model(zeros(1, 4, 8, 8))
    assert caught.value.__notes__ == [
        "in module 1 of Sequential: Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))",
        "in module features of Sequential: Sequential(",
    ]


def test_a_gradient_of_the_wrong_shape_names_the_layer():
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    model(zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"^Conv2d.backward: dy has shape \(1, 4, 5, 5\)"):
        model.backward(zeros(1, 4, 5, 5))


def test_backward_before_forward_says_what_comes_first():
    with pytest.raises(RuntimeError, match=r"ReLU.backward was called before forward; compute y = model\(x\) first"):
        nn.Sequential(nn.ReLU()).backward(zeros(1))
    with pytest.raises(RuntimeError, match=r"MSELoss.backward was called before the loss; compute loss\(prediction"):
        nn.MSELoss().backward()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.SiLU(True), "SiLU: inplace is True, expected False; its gradient needs x as it was"),
        (lambda: nn.LeakyReLU(-1, True), "LeakyReLU: inplace is True, .*; negative_slope=-1.0 changes signs"),
        (lambda: nn.MaxPool2d(2, return_indices=True), "MaxPool2d: return_indices is True, .*nn.functional has"),
        (lambda: nn.ConvTranspose2d(1, 1, 1, padding_mode="reflect"), "padding_mode is 'reflect', expected 'zeros'"),
        (lambda: nn.Hardtanh(min_value=0), "Hardtanh: min_value is 0, expected None; it is called min_val"),
        (lambda: nn.CrossEntropyLoss(None, True), "CrossEntropyLoss: size_average is True, .*, use reduction"),
        (lambda: nn.MSELoss(reduction="men"), "MSELoss: reduction is 'men', .*; did you mean 'mean'"),
        (
            lambda: nn.Conv2d(1, 1, 1, padding_mode="reflct"),
            "Conv2d: padding_mode .*; did you mean 'reflect'",
        ),
        (lambda: nn.Sequential(forward=nn.ReLU()), "a module is named 'forward', expected no dot and no attribute"),
    ],
)
def test_an_option_that_is_wrong_or_missing_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_parameter_is_not_replaced_by_its_array():
    layer = nn.Linear(2, 3)
    with pytest.raises(TypeError, match=r"weight is set to a ndarray, expected a Parameter or None; its values are"):
        layer.weight = zeros(3, 2)
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    model = nn.Sequential(nn.ReLU())
    with pytest.raises(TypeError, match="Residual: body is set to a function, expected a Module or None"):
        nn.Residual(model).body = gpuconv.relu


def test_a_loss_names_itself():
    with pytest.raises(TypeError, match=r"^CrossEntropyLoss: target has dtype float32, expected integer class indices"):
        nn.CrossEntropyLoss()(zeros(2, 3), zeros(2))
