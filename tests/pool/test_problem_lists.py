"""Every pooling of benchdnn's lists, on small integers, of which sums are exact in float32 in any order."""

import numpy as np
import pytest

import gpuconv
from tests import problem_lists
from tests.pool.cases import function_of_rank

PROBLEMS, LEFT_OUT = problem_lists.problems("pool_shapes")
LARGEST = 3
ALL = pytest.mark.parametrize(("problem", "device"), problem_lists.on_devices(PROBLEMS), ids=str)


def test_nearly_all_fit():
    assert len(PROBLEMS) > 180
    # three lack a width, two have lines or channels by the billion; whole batches of three more take gigabytes
    assert LEFT_OUT <= (8 if problem_lists.FULL else 5)


@ALL
def test_maximum_and_gradient_are_exact(problem, device, on):
    x, dy = _integers(problem)
    expected, winners = _maxima(x, problem)
    options = _options(problem)
    pooled, mask = function_of_rank("max_pool", len(problem.size))(gpuconv.to_device(x), **options)
    np.testing.assert_array_equal(gpuconv.to_host(pooled), expected)
    np.testing.assert_array_equal(gpuconv.to_host(mask), winners)
    grad = function_of_rank("max_pool", len(problem.size), "_input_grad")
    found = grad(gpuconv.to_device(dy), mask, x.shape, **options)
    expected = _spread(problem, lambda tap: dy * (winners == tap))
    np.testing.assert_array_equal(gpuconv.to_host(found), expected)


@ALL
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_average_and_gradient_are_exact(problem, count_include_pad, device, on):
    x, dy = _integers(problem)
    inside = sum(_taps(np.ones((1, 1, *problem.size)), problem, float(count_include_pad)))
    counts = np.maximum(inside, 1)
    options = {**_options(problem), "count_include_pad": count_include_pad}
    found = function_of_rank("avg_pool", len(problem.size))(gpuconv.to_device(x), **options)
    expected = sum(_taps(x, problem, 0)) / counts
    np.testing.assert_array_equal(gpuconv.to_host(found), expected.astype(np.float32))
    # multiples of the counts, so that the quotients are integers as well
    dy *= counts.astype(np.float32)
    grad = function_of_rank("avg_pool", len(problem.size), "_input_grad")
    found = grad(gpuconv.to_device(dy), x.shape, **options)
    expected = _spread(problem, lambda tap: dy / counts)
    np.testing.assert_array_equal(gpuconv.to_host(found), expected)


def _integers(problem):
    """x and dy."""
    rng = np.random.default_rng(0)
    x_shape, _, y_shape = problem.shapes
    return (rng.integers(-LARGEST, LARGEST + 1, shape).astype(np.float32) for shape in (x_shape, y_shape))


def _options(problem):
    """As the functions of the problem's rank take them."""
    each = {"kernel_size": problem.kernel, "stride": problem.stride, "dilation": problem.dilation}
    if len(problem.size) == 1:
        each = {name: values[0] for name, values in each.items()}
    return {**each, "padding": problem.padding}


def _taps(x, problem, padded_with):
    """What each tap of all windows reads, (N, C, *outputs) in float64, in row-major order."""
    windows = problem_lists.windows_of(x, problem, padded_with)
    for tap in np.ndindex(problem.kernel):
        yield windows[(..., *tap)]


def _maxima(x, problem):
    """The largest of each window and its number, the first of equal ones."""
    best, winners = np.full(problem.shapes[2], -np.inf), np.zeros(problem.shapes[2], np.intp)
    for number, values in enumerate(_taps(x, problem, -np.inf)):
        larger = values > best
        np.copyto(best, values, where=larger)
        winners[larger] = number
    return best, winners


def _spread(problem, share_of):
    """Each tap adds its share, by its number, to the inputs that it read, in float64."""
    padded = [size + sum(pads) for size, pads in zip(problem.size, problem.padding, strict=True)]
    dx = np.zeros((problem.n, problem.c, *padded))
    axes = list(zip(problem.stride, problem.dilation, problem.result, strict=True))
    for number, tap in enumerate(np.ndindex(problem.kernel)):
        read = [slice(r * d, r * d + (p - 1) * st + 1, st) for r, (st, d, p) in zip(tap, axes, strict=True)]
        dx[(..., *read)] += share_of(number)
    inside = (
        slice(pad_before, pad_before + size)
        for size, (pad_before, _) in zip(problem.size, problem.padding, strict=True)
    )
    return dx[(..., *inside)]
