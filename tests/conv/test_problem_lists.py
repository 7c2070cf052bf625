"""Every convolution of benchdnn's lists, on small integers, of which sums are exact in float32 in any order."""

import numpy as np
import pytest

import gpuconv
from gpuconv.core.device import missing_for_emulator
from gpuconv.testing import assert_close
from tests.conv import problem_lists
from tests.devices import DEVICES, EMULATED

PROBLEMS, LEFT_OUT = problem_lists.problems()
LARGEST = 3
"""Of the integers: 2^24 / 9 products add up exactly, more than a problem has."""
EMULATED_PRODUCTS = 1 << 14
"""Of a pass: some of the smallest problems run on the emulator."""
SMALL = [problem for problem in PROBLEMS if problem.products <= EMULATED_PRODUCTS and max(problem.padding[0]) < 50]

emulator = [pytest.param(p, "emulator", marks=pytest.mark.skipif(bool(missing_for_emulator()), reason="no emulator"))
            for p in (SMALL[::5] if EMULATED else SMALL[::25])]  # fmt: skip
everywhere = [
    pytest.param(p, *getattr(d, "values", [d]), marks=getattr(d, "marks", ())) for d in DEVICES for p in PROBLEMS
]


def test_nearly_all_fit():
    assert len(PROBLEMS) > 650
    assert LEFT_OUT <= 5  # volumes of millions of voxels or taps, and 7x7 on 640x1024


@pytest.mark.parametrize(("problem", "device"), emulator if EMULATED else everywhere + emulator, ids=str)
def test_all_passes_are_exact(problem, device, on):
    rng = np.random.default_rng(0)
    x, w, dy = (rng.integers(-LARGEST, LARGEST + 1, shape).astype(np.float32) for shape in problem.shapes)
    expected = (
        problem_lists.forward(x, w, problem),
        problem_lists.input_grad(dy, w, problem),
        problem_lists.weight_grad(x, dy, problem),
    )
    for algorithm in ("direct",) if device == "emulator" else ("direct", "auto"):
        for found, exact in zip(map(gpuconv.to_host, _passes(problem, x, w, dy, algorithm)), expected, strict=True):
            if algorithm == "auto" and _may_be_winograd(problem):
                assert_close(found, exact, terms=problem.products // exact.size, algorithm="winograd")
            else:
                np.testing.assert_array_equal(found, exact)


def _passes(problem, x, w, dy, algorithm):
    """The results of the three passes."""
    name, options = f"conv{len(problem.size)}d", {**problem.options, "algorithm": algorithm}
    if len(problem.size) == 1:
        options = {k: v[0] if k in ("stride", "dilation") else v for k, v in options.items()}
    x, w, dy = map(gpuconv.to_device, (x, w, dy))
    yield getattr(gpuconv, name)(x, w, **options)
    yield getattr(gpuconv, f"{name}_input_grad")(dy, w, x.shape, **options)
    yield getattr(gpuconv, f"{name}_weight_grad")(x, dy, w.shape, **options)


def _may_be_winograd(problem):
    """Whether "auto" may take the one algorithm that divides: 3x3 and larger taps, not dilated, not grouped."""
    return problem.groups == 1 and set(problem.dilation) == {1} and min(problem.kernel[-2:]) >= 3
