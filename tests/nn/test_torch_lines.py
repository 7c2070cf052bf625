"""A PyTorch line works when its module is changed: arguments, `repr` and results are those of torch.nn."""

import inspect
import re

import numpy as np
import pytest

import gpuconv.nn.functional as gpuconv_functional
from gpuconv import nn
from gpuconv.testing import assert_close

torch = pytest.importorskip("torch", reason="compares with torch.nn, and PyTorch is not installed")

EXTRA = {"init", "seed", "axis", "dilation"}
"""Options of gpuconv alone, by keyword."""
OTHER_DEFAULTS = {
    "Softmax": {"dim": -1},  # PyTorch guesses an axis and warns
    "LogSoftmax": {"dim": -1},
}
WITHOUT = {"Sequential", "Module", "Parameter", "Buffer", "Identity", "Residual"}
LAYERS = sorted(n for n in nn.__all__ if n[0].isupper() and hasattr(torch.nn, n) and n not in WITHOUT)


def arguments(function):
    """(name, default) of each argument, without those of gpuconv alone."""
    parameters = inspect.signature(function).parameters.values()
    extra = [p for p in parameters if p.name in EXTRA and p.kind is p.KEYWORD_ONLY]
    return [
        (p.name, p.default) for p in parameters if p not in extra and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]


@pytest.mark.parametrize("name", LAYERS)
def test_layers_take_torchs_arguments(name):
    expected = [
        (key, OTHER_DEFAULTS.get(name, {}).get(key, value)) for key, value in arguments(getattr(torch.nn, name))
    ]
    assert arguments(getattr(nn, name)) == expected


LINES = [
    "nn.Conv2d(3, 64, 3, 1, 1)",
    "nn.Conv2d(4, 8, (3, 5), 2, 'valid', 2, 4, False)",
    "nn.Conv2d(4, 8, 3, 1, 'same', padding_mode='reflect')",
    "nn.Conv1d(1, 2, 3)",
    "nn.Conv3d(1, 2, (1, 2, 3), 2)",
    "nn.ConvTranspose2d(3, 8, 3, 2, 1, 1)",
    "nn.ConvTranspose1d(4, 8, 3, 2, 1, 1, 2, False, 1)",
    "nn.BatchNorm2d(64, 1e-5, 0.1)",
    "nn.BatchNorm1d(6, 1e-3, None, False, False)",
    "nn.BatchNorm3d(6, bias=False)",
    "nn.GroupNorm(2, 4, 1e-5, False)",
    "nn.MaxPool2d(2, 2)",
    "nn.MaxPool2d((2, 1), 2, 1, 1, False, True)",
    "nn.MaxPool3d(3, padding=1)",
    "nn.AvgPool1d(2, 3)",
    "nn.AvgPool2d(2)",
    "nn.AvgPool3d(2, 2, 1, True, False, 3)",
    "nn.AdaptiveAvgPool2d((1, 1))",
    "nn.AdaptiveMaxPool1d(3)",
    "nn.ReLU(True)",
    "nn.ReLU6(inplace=True)",
    "nn.LeakyReLU(0.1, True)",
    "nn.ELU(0.5)",
    "nn.SELU()",
    "nn.SiLU()",
    "nn.Mish()",
    "nn.GELU('tanh')",
    "nn.Hardtanh(-2.0, 2.0, True)",
    "nn.Hardsigmoid()",
    "nn.Hardswish()",
    "nn.Softplus(1.0, 20.0)",
    "nn.Softmax(1)",
    "nn.LogSoftmax(-1)",
    "nn.PReLU(3)",
    "nn.Flatten(0, 1)",
    "nn.Linear(10, 5, False)",
    "nn.Dropout(0.5, True)",
    "nn.Dropout2d(0.1)",
    "nn.Identity(54, unused=True)",
    "nn.Sequential()",
    "nn.Sequential(nn.Linear(1, 2), nn.Sequential(nn.ReLU(), nn.Tanh()), nn.Sigmoid())",
    "nn.MSELoss()",
    "nn.CrossEntropyLoss()",
]


@pytest.mark.parametrize("line", LINES)
def test_layers_print_as_torchs(line):
    assert repr(eval(line, {"nn": nn})) == repr(eval(line, {"nn": torch.nn}))


def torch_arguments(name):
    """(name, default) from the signature or, of built-in functions, from the first line of the documentation."""
    function = getattr(torch.nn.functional, f"{name}_with_indices", getattr(torch.nn.functional, name))
    try:
        return arguments(function)
    except ValueError:
        signature = re.search(rf"{name}\((.*?)\) -> Tensor", function.__doc__).group(1)
        return arguments(eval(f"lambda {signature}: None"))


@pytest.mark.parametrize("name", sorted(gpuconv_functional.__all__))
def test_functions_take_torchs_arguments(name):
    expected = torch_arguments(name)
    if name in ("softmax", "log_softmax"):
        assert expected == [("input", inspect.Parameter.empty), ("dim", None), ("_stacklevel", 3), ("dtype", None)]
        expected = [expected[0], ("dim", -1), expected[3]]
    assert arguments(getattr(gpuconv_functional, name)) == expected


CALLS = [
    "F.conv2d(x, w, b, 1, 1)",
    "F.conv2d(x, w, bias=b, stride=2, padding='valid')",
    "F.conv1d(x[:, :, 0], w[:, :, 0], b, 2, 1)",
    "F.conv3d(x[:, :, None], w[:, :, None], b)",
    "F.conv_transpose2d(x, v, c, 2, 1, 1)",
    "F.conv_transpose1d(x[:, :, 0], v[:, :, 0], c, dilation=2)",
    "F.conv_transpose3d(x[:, :, None], v[:, :, None])",
    "F.linear(x[:, :, 0, 0], w[:, :, 0, 0], b)",
    "F.max_pool2d(x, 2)",
    "F.max_pool2d(x, 3, 2, 1, 1, True)",
    "F.max_pool2d(x, 2, return_indices=True)[1]",
    "F.max_pool1d(x[:, :, 0], 2, return_indices=True)[1]",
    "F.max_pool3d(x[:, :, None], (1, 2, 2))",
    "F.avg_pool1d(x[:, :, 0], 2, 1)",
    "F.avg_pool2d(x, 3, 2, 1, False, False)",
    "F.avg_pool2d(x, 2, divisor_override=3)",
    "F.avg_pool3d(x[:, :, None], (1, 2, 2))",
    "F.adaptive_avg_pool1d(x[:, :, 0], 3)",
    "F.adaptive_avg_pool2d(x, (2, None))",
    "F.adaptive_avg_pool3d(x[:, :, None], 1)",
    "F.adaptive_max_pool1d(x[:, :, 0], 3)",
    "F.adaptive_max_pool2d(x, 2, True)[1]",
    "F.adaptive_max_pool3d(x[:, :, None], 1)",
    "F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)",
    "F.max_unpool1d(*F.max_pool1d(x[:, :, 0], 2, return_indices=True), 2)",
    "F.max_unpool3d(*F.max_pool3d(x[:, :, None], (1, 2, 2), return_indices=True), (1, 2, 2))",
    "F.relu(x)",
    "F.relu6(9 * x)",
    "F.leaky_relu(x, 0.2)",
    "F.elu(x, 0.5)",
    "F.selu(x)",
    "F.silu(x)",
    "F.mish(x)",
    "F.gelu(x, approximate='tanh')",
    "F.hardtanh(x, -0.5, 0.5)",
    "F.hardsigmoid(x)",
    "F.hardswish(x)",
    "F.softplus(x, 2, 1)",
    "F.sigmoid(x)",
    "F.tanh(x)",
    "F.prelu(x, m)",
    "F.softmax(x, 1)",
    "F.log_softmax(x, dim=-1)",
    "F.cross_entropy(logits, labels, label_smoothing=0.1)",
    "F.nll_loss(logits, labels, None, None, 2, None, 'sum')",
    "F.binary_cross_entropy_with_logits(logits, p, reduction='sum')",
    "F.mse_loss(logits, p)",
    "F.l1_loss(logits, p, None, None, 'sum')",
    "F.smooth_l1_loss(logits, p, beta=0.3)",
    "F.huber_loss(logits, p, 'mean', 0.3)",
    "F.batch_norm(x, m, s, None, None, False, 0.1, 1e-3)",
    "F.batch_norm(x[:, :, 0], m, s, m, s)",
    "F.batch_norm(x[:, :, None], None, None, training=True)",
    "F.group_norm(x, 2, m, s, 1e-3)",
    "F.dropout(x, 0.5, False)",
    "F.dropout2d(x, 1.0)",
    "F.pad(x, (1, 2, 2, 0), 'reflect')",
    "F.pad(x, (1, 0, 0, 1), 'constant', 3.0)",
    "F.interpolate(x, scale_factor=2)",
    "F.interpolate(x, (3, 9), mode='bilinear', align_corners=False)",
]


def test_every_function_has_a_line():
    assert {name for line in CALLS for name in re.findall(r"F\.(\w+)", line)} == {*gpuconv_functional.__all__} - {
        "upsample"
    }


@pytest.mark.parametrize("line", CALLS)
def test_functions_compute_what_torchs_do(line):
    rng = np.random.default_rng(0)
    shapes = {
        "x": (2, 4, 6, 6),
        "w": (8, 4, 3, 3),
        "b": (8,),
        "v": (4, 3, 3, 3),
        "c": (3,),
        "m": (4,),
        "logits": (5, 3),
    }
    arrays = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    arrays |= {"s": rng.uniform(1, 2, 4), "p": rng.uniform(0, 1, (5, 3)), "labels": np.array([0, 2, 1, 0, 2])}
    tensors = {name: torch.from_numpy(a.copy()) for name, a in arrays.items()}
    expected = eval(line, {"F": torch.nn.functional, **tensors}).numpy()
    result = eval(line, {"F": gpuconv_functional, **arrays})
    assert result.shape == expected.shape
    if expected.dtype == np.int64:
        assert np.array_equal(result, expected)
    else:
        assert_close(result, expected, terms=100)
