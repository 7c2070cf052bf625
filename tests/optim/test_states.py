"""States that do not fit an optimizer or a schedule: named, and nothing is changed."""

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.optim import lr_scheduler


def adam():
    optimizer = gpuconv.Adam([nn.Parameter(np.ones(3))], lr=0.5)
    optimizer.parameters[0].grad = np.ones(3)
    optimizer.step()
    return optimizer


def _in_state(name, value):
    return lambda state: state["state"][0].update({name: value})


def _in_group(name, value):
    return lambda state: state["param_groups"][0].update({name: value})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            _in_state("exp_avg", [0.0] * 3),
            TypeError,
            r"exp_avg of parameters\[0\] in state is a list, expected a NumPy",
        ),
        (
            _in_state("exp_avg", np.ones(3, complex)),
            TypeError,
            "exp_avg .* has dtype complex128, expected real numbers",
        ),
        (_in_state("step", None), TypeError, r"step of parameters\[0\] in state is None, expected a number"),
        (_in_state("step", 2.5), ValueError, r"step of parameters\[0\] in state is 2.5, expected a whole number"),
        (_in_state("step", np.nan), ValueError, "in state is nan, expected a whole number"),
        (_in_state("step", -1), ValueError, "in state is -1, expected a whole number, at least 0"),
        (_in_group("lr", None), TypeError, "lr in state is None, expected a number"),
        (_in_group("lr", 1j), TypeError, "lr in state is 1j, expected a number"),
        (_in_group("betas", [0.9]), TypeError, r"betas in state is \[0.9\], expected 2 numbers"),
        (_in_group("amsgrad", "yes"), TypeError, "amsgrad in state is 'yes', expected True or False"),
        (_in_group("initial_lr", "x"), TypeError, "initial_lr in state is 'x', expected a number"),
        (_in_group("params", None), TypeError, "params in state is a NoneType, expected a list"),
        (lambda state: state.update(state=None), TypeError, r"state\['state'\] is a NoneType, expected a mapping"),
        (
            lambda state: state.update(state={0: []}),
            TypeError,
            r"the state of parameters\[0\] is a list, expected a map",
        ),
        (lambda state: state.update(state={"0": {}}), ValueError, "state has an entry for '0', expected 0 to 0"),
        (lambda state: state.update(param_groups=None), TypeError, r"state\['param_groups'\] is a NoneType, expected"),
        (lambda state: state.update(param_groups=[3]), TypeError, r"state\['param_groups'\]\[0\] is a int, expected"),
        (lambda state: state.pop("param_groups"), ValueError, "state has no 'param_groups', expected 'state', 'param"),
    ],
)
def test_a_state_of_another_kind_changes_nothing(change, error, message):
    optimizer, state = adam(), gpuconv.Adam([nn.Parameter(np.ones(3))], lr=0.25).state_dict()
    state["state"] = {0: dict(optimizer.state[0])}
    change(state)
    with pytest.raises(error, match=f"Adam: .*{message}"):
        optimizer.load_state_dict(state)
    assert (optimizer.lr, optimizer.state[0]["step"], optimizer.initial_lr) == (0.5, 1, None)


def test_numbers_of_pytorch_are_taken():
    optimizer, state = adam(), adam().state_dict()
    state["state"][0]["step"] = np.array(7, np.float32)
    state["param_groups"][0].update(lr=np.array(0.125), betas=[0.5, np.float32(0.75)])
    optimizer.load_state_dict(state)
    assert (optimizer.lr, optimizer.betas, optimizer.state[0]["step"]) == (0.125, (0.5, 0.75), 7)


@pytest.mark.parametrize(
    ("make", "state", "error", "message"),
    [
        (lr_scheduler.StepLR, {"last_step": 1}, ValueError, "state has no 'base_lr', expected 'last_step', 'base_lr'"),
        (lr_scheduler.StepLR, {"last_step": None, "base_lr": 1.0}, TypeError, "last_step in state is None, expected a"),
        (
            lr_scheduler.StepLR,
            {"last_step": 3, "base_lr": []},
            TypeError,
            r"base_lr in state is \[\], expected a number",
        ),
        (
            lr_scheduler.ReduceLROnPlateau,
            {"best": None, "bad_steps": 0, "cooling": 0},
            TypeError,
            "best in state is None, expected a number",
        ),
        (
            lr_scheduler.ReduceLROnPlateau,
            {"best": 1.0, "bad_steps": 0.5, "cooling": 0},
            ValueError,
            "bad_steps in state is 0.5, expected a whole number",
        ),
    ],
)
def test_a_schedules_state_of_another_kind_changes_nothing(make, state, error, message):
    optimizer = gpuconv.SGD([nn.Parameter(np.ones(1))], lr=0.5)
    schedule = make(optimizer, 3) if make is lr_scheduler.StepLR else make(optimizer)
    saved = schedule.state_dict()
    with pytest.raises(error, match=f"{make.__name__}: {message}"):
        schedule.load_state_dict(state)
    assert schedule.state_dict() == saved
    assert optimizer.lr == 0.5
