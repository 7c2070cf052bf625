"""The catalogue of operations is complete: every public function of arrays, every option, every gradient."""

import inspect
from collections import defaultdict

import numpy as np
import pytest

import gpuconv
from gpuconv.core.device import Array
from gpuconv.testing.operations import OPERATIONS, check_operations, operation_checks, valid_calls, wrong_options
from gpuconv.testing.operations.sums import summed
from tests.devices import on_every_device

pytestmark = pytest.mark.quick

CALLS = valid_calls()
NOT_OF_ARRAYS = {
    "device": "names a device",
    "to_device": "copies",
    "to_host": "copies",
    "tune": "times algorithms",
    "warmup": "compiles",
    "symmetry_report": "takes a model (tests/nn/test_symmetry.py)",
    "clip_grad_norm": "takes parameters (tests/optim/test_clipping.py)",
    "clip_grad_value": "takes parameters (tests/optim/test_clipping.py)",
}
"""Public functions that the catalogue leaves out, and why."""

PASSED_ELSEWHERE = {
    "out": "tests/bad_input/test_arrays.py fills it for every function that has it",
    ("group_norm", "mean"): "statistics of another array have no gradient (tests/norm)",
    ("group_norm", "var"): "statistics of another array have no gradient (tests/norm)",
}
"""Parameters that no sample passes, and why."""


def public_functions():
    return {name for name in gpuconv.__all__ if inspect.isfunction(getattr(gpuconv, name))}


def parameters(name):
    return inspect.signature(getattr(gpuconv, name)).parameters


def test_every_public_function_of_arrays_is_in_the_catalogue():
    assert public_functions() - set(CALLS) == set(NOT_OF_ARRAYS)
    assert set(CALLS) <= public_functions()


@pytest.fixture(scope="module")
def passed():
    """{function: parameters that the gradient checks and valid calls pass to it}."""
    found = defaultdict(set)
    plain = {name: getattr(gpuconv, name) for name in CALLS}
    with pytest.MonkeyPatch.context() as patch:
        for name, function in plain.items():

            def recorded(*args, name=name, function=function, **kwargs):
                found[name].update(inspect.signature(function).bind(*args, **kwargs).arguments)
                return function(*args, **kwargs)

            patch.setattr(gpuconv, name, recorded)
        for check in operation_checks():
            check.run(np.float32)
        for operation in OPERATIONS.values():
            for sample in operation.samples:
                arrays = [np.ones(shape, np.float32) for shape in sample.shapes_in_order()]
                getattr(gpuconv, operation.name)(**sample.named(arrays, np.float32))
    return found


@pytest.mark.parametrize("name", CALLS)
def test_every_option_is_passed_by_some_sample(name, passed):
    elsewhere = {p for p in parameters(name) if p in PASSED_ELSEWHERE or (name, p) in PASSED_ELSEWHERE}
    assert set(parameters(name)) - passed[name] - elsewhere == set()


@pytest.mark.parametrize("name", CALLS)
def test_every_option_has_wrong_values(name):
    options = [p for p in parameters(name) if not isinstance(CALLS[name].get(p), np.ndarray)]
    array_or_none = {p for p, what in parameters(name).items() if Array in getattr(what.annotation, "__args__", ())}
    without = {p for p in options if not wrong_options(name, p)} - array_or_none
    assert without <= {"arrays", "padding"} if name in ("concatenate", "pad", "pad_input_grad") else without == set()


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_the_first_sample_has_the_result_it_says(operation):
    result = getattr(gpuconv, operation.name)(**CALLS[operation.name])
    assert (result[0] if isinstance(result, tuple) else result).shape == operation.result_shape


DIFFERENTIABLE = {name: operation for name, operation in OPERATIONS.items() if operation.differentiable}


def test_statistics_and_indices_alone_have_no_gradient():
    assert set(OPERATIONS) - set(DIFFERENTIABLE) == {"batch_norm_statistics", "group_norm_statistics", "pool_indices"}


@pytest.mark.parametrize("operation", DIFFERENTIABLE.values(), ids=DIFFERENTIABLE)
def test_every_gradient_belongs_to_a_differentiable_argument(operation):
    sample = operation.samples[0]
    check = next(operation.checks())
    inputs = check.inputs(np.float32)
    gradients = check.backward(check.forward(*inputs), *inputs)
    names = [name for name, value in sample.shapes.items() for _ in (value if isinstance(value[0], tuple) else (0,))]
    for name, a, gradient in zip(names, inputs, gradients, strict=True):
        assert (gradient is not None) == (name in operation.differentiable)
        assert gradient is None or gradient.shape == a.shape


def test_samples_have_titles_of_their_own():
    titles = [check.name for check in operation_checks()]
    assert len(set(titles)) == len(titles) >= 170


@on_every_device
def test_the_gradient_of_every_sample_is_right(device):
    results = check_operations(device)
    assert len(results) == 4 * len(list(operation_checks()))
    assert [row for row in results if not row.passed] == []


def test_the_bound_of_a_bias_gradient_follows_what_it_sums():
    dy = np.array([[[1.0, -1.0]], [[3.0, -5.0]]], np.float32)
    terms, magnitude = summed("b", np.zeros(1), dy)
    assert (terms, magnitude.tolist()) == (4, [6.0])
    assert terms**0.5 * magnitude >= np.abs(dy).sum()
    assert summed("x", np.zeros(1), dy) is None
    assert summed("b", dy, dy) is None  # of add
    biased = [check for check in operation_checks() if {"b", "bias"} & set(check.arguments)]
    assert len(biased) > 30
