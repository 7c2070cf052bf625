"""What optimizers, clipping and schedulers say of a mistake, and how they print."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn, optim
from gpuconv.optim import lr_scheduler


def model():
    return nn.Sequential(nn.Linear(3, 4, seed=0), nn.ReLU(), nn.Linear(4, 2, seed=0))


def used_up():
    parameters = model().parameters()
    list(parameters)
    return parameters


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (model(), r"SGD: params is a Sequential, expected its parameters: SGD\(model.parameters\(\), ...\)"),
        (nn.Parameter(np.zeros(3)), r"SGD: params is a Parameter, expected several of them: \[parameter\]"),
        (np.zeros(3), r"SGD: params is an array of shape \(3,\), expected parameters: model.parameters\(\)"),
        (0.1, r"SGD: params is a float, expected parameters: model.parameters\(\)"),
        ([model()], r"params\[0\] is a Sequential, expected a Parameter; a module's are module.parameters\(\)"),
        ([np.zeros(3)], r"params\[0\] is an array of shape \(3,\), expected a Parameter, .* nn.Parameter\(array\)"),
        (model().named_parameters(), r"params\[0\] is a tuple, expected a Parameter; pass model.parameters\(\)"),
        ([{"params": []}], r"params\[0\] is a dict, expected a Parameter; groups of parameters are not supported"),
        (["weight"], r"params\[0\] is a str, expected a Parameter$"),
    ],
)
def test_what_is_no_parameter_is_named(params, message):
    with pytest.raises(TypeError, match=message):
        optim.SGD(params, 0.1)


def test_a_used_up_generator_is_guessed():
    with pytest.raises(ValueError, match=r"params is empty, .*; a generator such as model.parameters\(\) can be used"):
        optim.Adam(used_up())


@pytest.mark.parametrize("clip", [gpuconv.clip_grad_norm, gpuconv.clip_grad_value])
def test_clipping_wants_parameters_too(clip):
    with pytest.raises(TypeError, match=r"parameters is a Sequential, expected its parameters: .*model.parameters"):
        clip(model(), 1.0)


def test_a_scheduler_wants_an_optimizer():
    with pytest.raises(TypeError, match="StepLR: optimizer is a Sequential, expected an Optimizer"):
        lr_scheduler.StepLR(model(), 30)
    with pytest.raises(TypeError, match="LambdaLR: lr_lambda is a list, expected one function of the step"):
        lr_scheduler.LambdaLR(optim.SGD(model().parameters()), [lambda step: 1.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.SGD(p, differentiable=True), "SGD: differentiable is True, expected False"),
        (lambda p: optim.Adam(p, decoupled_weight_decay=True), "Adam: .*, expected False; AdamW decouples it"),
    ],
)
def test_torchs_options_that_are_missing_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(model().parameters())


def test_torchs_switches_of_speed_change_nothing():
    options = repr(optim.AdamW(model().parameters(), 0.1, (0.9, 0.99)))
    assert repr(optim.AdamW(model().parameters(), 0.1, (0.9, 0.99), fused=True, foreach=False)) == options


def test_an_optimizer_prints_its_options_a_line_each():
    assert repr(optim.SGD(model().parameters(), 0.1, 0.9)).splitlines() == [
        "SGD(",
        "  parameters: 4 (26 elements)",
        "  lr: 0.1",
        "  momentum: 0.9",
        "  dampening: 0.0",
        "  weight_decay: 0.0",
        "  nesterov: False",
        "  maximize: False",
        ")",
    ]


def test_a_scheduler_prints_its_options_step_and_rate():
    optimizer = optim.SGD(model().parameters(), 0.1)
    scheduler = lr_scheduler.StepLR(optimizer, 2, 0.5)
    for _ in range(3):
        scheduler.step()
    assert repr(scheduler) == "StepLR(step_size=2, gamma=0.5, step=3, lr=0.05)"
    assert repr(lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)).startswith("ReduceLROnPlateau(factor=0.1, ")


def test_zero_grad_forgets_or_fills():
    parameter = nn.Parameter(np.ones(3))
    optimizer = optim.SGD([parameter])
    parameter.grad = np.ones(3)
    optimizer.zero_grad(set_to_none=False)
    assert not parameter.grad.any()
    optimizer.zero_grad()
    assert parameter.grad is None


def test_dir_lists_public_names_alone():
    assert dir(optim) == sorted(optim.__all__)
    assert dir(lr_scheduler) == sorted(lr_scheduler.__all__)
