"""Every convolution of benchdnn's lists, on small integers, of which sums are exact in float32 in any order."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import assert_close
from tests import problem_lists
from tests.conv import problem_passes

PROBLEMS, LEFT_OUT = problem_lists.problems()
TRANSPOSED, TRANSPOSED_LEFT_OUT = problem_lists.problems("deconv_shapes")
LARGEST = 3
"""Of the integers: 2^24 / 9 products add up exactly, more than a problem has."""


def test_nearly_all_fit():
    assert len(PROBLEMS) > 650
    assert len(TRANSPOSED) > 150
    # volumes of millions of voxels or taps, and 7x7 on 640x1024; in full batches of more than 2^34 products too
    assert LEFT_OUT <= (44 if problem_lists.FULL else 5)
    assert TRANSPOSED_LEFT_OUT <= (10 if problem_lists.FULL else 0)


@pytest.mark.parametrize(("problem", "device"), problem_lists.on_devices(PROBLEMS), ids=str)
def test_all_passes_are_exact(problem, device, on):
    x, w, dy = _integers(problem)
    expected = (
        problem_passes.forward(x, w, problem),
        problem_passes.input_grad(dy, w, problem),
        problem_passes.weight_grad(x, dy, problem),
    )
    for algorithm in ("direct",) if device == "emulator" else ("direct", "auto"):
        for found, exact in zip(map(gpuconv.to_host, _passes(problem, x, w, dy, algorithm)), expected, strict=True):
            _check(found, exact, problem, winograd=algorithm == "auto")


@pytest.mark.parametrize(("problem", "device"), problem_lists.on_devices(TRANSPOSED), ids=str)
def test_all_passes_of_transposed_convolutions_are_exact(problem, device, on):
    dy, w, x = _integers(problem)
    for found, expected in zip(
        map(gpuconv.to_host, _transposed_passes(problem, x, w, dy)),
        (
            problem_passes.input_grad(x, w, problem),
            problem_passes.forward(dy, w, problem),
            problem_passes.weight_grad(dy, x, problem),
        ),
        strict=True,
    ):
        _check(found, expected, problem, winograd=device != "emulator")


def _integers(problem):
    """x, w and dy of the convolution."""
    rng = np.random.default_rng(0)
    return (rng.integers(-LARGEST, LARGEST + 1, shape).astype(np.float32) for shape in problem.shapes)


def _check(found, exact, problem, *, winograd):
    if winograd and _may_be_winograd(problem):
        assert_close(found, exact, terms=problem.products // exact.size, algorithm="winograd")
    else:
        np.testing.assert_array_equal(found, exact)


def _passes(problem, x, w, dy, algorithm):
    """The results of the three passes."""
    name, options = f"conv{len(problem.size)}d", {**_options(problem), "algorithm": algorithm}
    x, w, dy = map(gpuconv.to_device, (x, w, dy))
    yield getattr(gpuconv, name)(x, w, **options)
    yield getattr(gpuconv, f"{name}_input_grad")(dy, w, x.shape, **options)
    yield getattr(gpuconv, f"{name}_weight_grad")(x, dy, w.shape, **options)


def _transposed_passes(problem, x, w, dy):
    """The results of the three passes of the convolution's transpose, from y's shape to x's."""
    name, options = f"conv_transpose{len(problem.size)}d", {**_options(problem), "output_padding": problem.tails}
    x, w, dy = map(gpuconv.to_device, (x, w, dy))
    yield getattr(gpuconv, name)(x, w, **options)
    yield getattr(gpuconv, f"{name}_input_grad")(dy, w, x.shape, **options)
    yield getattr(gpuconv, f"{name}_weight_grad")(x, dy, w.shape, **options)


def _options(problem):
    """As the functions of the problem's rank take them."""
    if len(problem.size) > 1:
        return problem.options
    return {k: v[0] if k in ("stride", "dilation") else v for k, v in problem.options.items()}


def _may_be_winograd(problem):
    """Whether "auto" may take the one algorithm that divides: 3x3 and larger taps, not dilated, not grouped."""
    return problem.groups == 1 and set(problem.dilation) == {1} and min(problem.kernel[-2:]) >= 3
