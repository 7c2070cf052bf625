"""Optimizers: the oracle's updates, PyTorch's trajectories, and runs that resume as if never interrupted."""

import json
from pathlib import Path

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import on_every_device
from tests.optim.cases import OPTIMIZERS, name_of

TORCH = json.loads((Path(__file__).parent / "data" / "torch_trajectories.json").read_text())
cases = pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=map(name_of, OPTIMIZERS))


def _gradient(w, step):
    """As in data/make_torch_trajectories.py."""
    return np.array([1.0, 3.0, 0.01]) * (w + np.cos(1.7 * step + np.arange(3.0)) / 2)


@cases
def test_fifty_steps_are_those_of_torch(name, options):
    parameter = nn.Parameter(np.array(TORCH["start"]))
    optimizer = getattr(gpuconv, name)([parameter], **options)
    for step, expected in enumerate(TORCH["trajectories"][name_of((name, options))]):
        parameter.grad = _gradient(parameter.data, step)
        optimizer.step()
        np.testing.assert_allclose(parameter.data, expected, rtol=1e-6)
    assert step == 49


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@cases
def test_updates_agree_with_the_oracle(name, options, dtype, device, on):
    rng = np.random.default_rng(0)
    expected = [rng.standard_normal(shape).astype(dtype) for shape in ((), (3, 0), (2, 3, 5))]
    parameters = [nn.Parameter(gpuconv.to_device(w.copy())) for w in expected]
    optimizer, states = getattr(gpuconv, name)(parameters, **options), [{}, {}, {}]
    squares = [w.astype(np.float64) ** 2 for w in expected]  # of the start and the steps, which may cancel
    for step in range(3):
        for i, parameter in enumerate(parameters):
            g = rng.standard_normal(expected[i].shape).astype(dtype)
            parameter.grad = gpuconv.to_device(g)
            previous, expected[i] = expected[i], getattr(reference, name.lower())(expected[i], g, states[i], **options)
            squares[i] = squares[i] + (expected[i] - previous) ** 2
        optimizer.step()
        for parameter, w, terms in zip(parameters, expected, squares, strict=True):
            assert_close(parameter.data, w, terms=4 * (step + 1), magnitude=np.sqrt(terms) if terms.size else None)


@cases
def test_a_run_goes_on_from_its_state_with_the_same_bits(name, options):
    runs = []
    for restart in (False, True):
        rng = np.random.default_rng(0)
        parameters = [nn.Parameter(rng.standard_normal((2, 3)).astype(np.float32)) for _ in range(2)]
        optimizer = getattr(gpuconv, name)(parameters, **options)
        for step in range(4):
            parameters[0].grad = rng.standard_normal((2, 3)).astype(np.float32)
            parameters[1].grad = (
                parameters[0].grad if step > 2 else None
            )  # joins late: its steps are counted separately
            if restart and step:
                state = optimizer.state_dict()
                optimizer = getattr(gpuconv, name)(parameters, lr=7.0)
                optimizer.load_state_dict(state)
            optimizer.step()
        runs.append([parameter.data for parameter in parameters])
    assert np.array_equal(*runs)


def test_a_state_is_a_copy_and_laid_out_as_torch_does():
    parameter = nn.Parameter(np.ones(3))
    optimizer = gpuconv.Adam([parameter])
    parameter.grad = np.ones(3)
    optimizer.step()
    state = optimizer.state_dict()
    assert set(state) == {"state", "param_groups"}
    assert set(state["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert state["param_groups"][0]["params"] == [0]
    other = gpuconv.Adam([nn.Parameter(np.ones(3))])
    other.load_state_dict(state)
    optimizer.step()
    assert np.allclose(other.state[0]["exp_avg"], 0.1)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_without_decay_infinite_weights_stay_infinite(name):
    parameter = nn.Parameter(np.array([np.inf, 1]))
    parameter.grad = np.ones(2)
    getattr(gpuconv, name)([parameter]).step()
    assert parameter.data[0] == np.inf


def test_overflowing_squares_stop_a_weight_and_nan_spreads_through_the_largest():
    parameter = nn.Parameter(np.ones(2, np.float32))
    optimizer = gpuconv.Adam([parameter], amsgrad=True)
    for g in ([1e30, np.nan], [1, 1], [1, 1]):
        parameter.grad = np.array(g, np.float32)
        optimizer.step()
    assert np.array_equal(parameter.data, [1, np.nan], equal_nan=True)
    assert np.array_equal(optimizer.state[0]["max_exp_avg_sq"], [np.inf, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: gpuconv.SGD(p, -1), "SGD: lr is -1, expected a finite number, at least 0"),
        (lambda p: gpuconv.SGD(p, float("nan")), "lr is nan"),
        (lambda p: gpuconv.SGD(p, momentum=-0.1), "momentum is -0.1"),
        (lambda p: gpuconv.SGD(p, nesterov=True), "nesterov needs momentum > 0 and dampening 0"),
        (lambda p: gpuconv.Adam(p, betas=(0.9, 1)), r"Adam: betas\[1\] is 1, expected 0 <= beta < 1"),
        (lambda p: gpuconv.AdamW(p, weight_decay=-1), "AdamW: weight_decay is -1"),
        (lambda p: gpuconv.Adam(p, eps=float("inf")), "eps is inf"),
        (lambda p: gpuconv.RMSprop(p, alpha=-1), "RMSprop: alpha is -1"),
        (lambda p: gpuconv.Adagrad(p, lr_decay=-1), "Adagrad: lr_decay is -1"),
        (lambda p: gpuconv.SGD([]), "SGD: params is empty, expected at least one Parameter"),
        (lambda p: gpuconv.SGD([*p, *p]), "a parameter occurs twice in params"),
    ],
)
def test_wrong_options_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call([nn.Parameter(np.zeros(1))])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: gpuconv.Adam(p, "fast"), "Adam: lr is 'fast', expected a number"),
        (lambda p: gpuconv.Adam(p, betas=0.9), "betas is 0.9, expected two numbers"),
    ],
)
def test_wrong_kinds_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call([nn.Parameter(np.zeros(1))])


READ_ONLY = np.zeros((2, 3))
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("data", "grad", "error", "message"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2)), ValueError, r"gradient of parameters\[1\] has shape \(3, 2\)"),
        (np.zeros((2, 3)), np.zeros((2, 3), np.float32), TypeError, "grad has dtype float32, expected float64"),
        (READ_ONLY, np.zeros((2, 3)), ValueError, r"parameters\[1\] is read-only, expected a writeable array"),
    ],
)
@pytest.mark.parametrize("optimizer", [gpuconv.SGD, gpuconv.Adam])
def test_a_gradient_that_does_not_fit_moves_nothing(optimizer, data, grad, error, message):
    parameters = [nn.Parameter(np.zeros(2)), nn.Parameter(data)]
    parameters[0].grad, parameters[1].grad = np.ones(2), grad + 1
    with pytest.raises(error, match=message):
        optimizer(parameters).step()
    assert not any(parameter.data.any() for parameter in parameters)


def test_a_state_that_does_not_fit_changes_nothing():
    def stepped(shapes):
        optimizer = gpuconv.Adam([nn.Parameter(np.zeros(shape)) for shape in shapes], lr=0.5)
        for parameter in optimizer.parameters:
            parameter.grad = np.ones_like(parameter.data)
        optimizer.step()
        return optimizer

    optimizer = stepped([2, 3])
    for state, message in (
        (stepped([2]).state_dict(), "state has 1 parameters, expected 2"),
        (stepped([2, 4]).state_dict(), r"exp_avg of parameters\[1\] in state has shape \(4,\), expected \(3,\)"),
        (gpuconv.SGD(optimizer.parameters).state_dict(), "state has no option betas, expected lr, betas"),
        ({"state": {}, "param_groups": [{}, {}]}, "state has 2 groups of parameters, expected 1"),
    ):
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(state)
    assert optimizer.lr == 0.5
    assert optimizer.state[1]["step"] == 1


def test_a_parameter_that_changed_its_shape_is_named():
    parameter = nn.Parameter(np.zeros(3))
    optimizer = gpuconv.Adam([parameter])
    parameter.grad = np.ones(3)
    optimizer.step()
    parameter.data = parameter.grad = np.ones(4)
    with pytest.raises(ValueError, match=r"exp_avg of parameters\[0\] has shape \(3,\), expected \(4,\)"):
        optimizer.step()


def test_a_parameter_in_a_mapped_file_is_moved(tmp_path):
    data = np.memmap(tmp_path / "weights", np.float32, "w+", shape=(4,))
    parameter = gpuconv.nn.Parameter(data)
    parameter.grad = np.ones(4, np.float32)
    gpuconv.SGD([parameter], lr=0.5).step()
    assert (data == -0.5).all()


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_centered_rmsprop_bears_constant_gradients(dtype, device, on):
    """The variance E[g^2] - E[g]^2 goes to 0, and rounding must not take the root of something below."""
    start, g = np.ones(64, dtype), np.linspace(0.05, 0.2, 64).astype(dtype)
    parameter = nn.Parameter(gpuconv.to_device(start.copy()))
    optimizer = gpuconv.RMSprop([parameter], lr=1e-4, alpha=0.9, centered=True)
    for _ in range(30 if device == "emulator" else 500):
        previous = gpuconv.to_host(parameter.data).copy()
        parameter.grad = gpuconv.to_device(g)
        optimizer.step()
        step = previous - gpuconv.to_host(parameter.data)
        assert (step >= 0).all()
        assert (step <= 1.01 * optimizer.lr * g / optimizer.eps).all()


@pytest.mark.parametrize("size", [1e18, 1e-24])
@cases
def test_extreme_gradients_agree_with_the_oracle(name, options, size):
    rng = np.random.default_rng(0)
    expected, state = rng.standard_normal(9).astype(np.float32), {}
    parameter = nn.Parameter(expected.copy())
    optimizer = getattr(gpuconv, name)([parameter], **options)
    for _ in range(3):
        g = (size * rng.uniform(0.5, 1, 9)).astype(np.float32)
        parameter.grad = g
        optimizer.step()
        expected = getattr(reference, name.lower())(expected, g, state, **options)
    assert_close(parameter.data, expected, terms=12)
