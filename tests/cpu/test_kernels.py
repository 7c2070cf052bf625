"""What only the CPU kernels promise: the same bits on any number of threads, accurate sums, calls from many threads."""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest

import gpuconv
from gpuconv.core.device import Target
from gpuconv.kernels.cpu import parallel
from gpuconv.pool.shape import pool_shape
from tests.optim.cases import OPTIMIZERS, name_of

cpu = Target("cpu")
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def _elementwise(dtype, rng):
    x, other = (rng.standard_normal((13, 1009)).astype(dtype) for _ in range(2))
    one, each, slope = np.ones(1, dtype), rng.standard_normal(x.size).astype(dtype), dtype(0.1)
    images, slopes = rng.standard_normal((3, 5, 7)).astype(dtype), rng.standard_normal(5).astype(dtype)
    return {
        "leaky_relu": _filled(x, lambda y: cpu.activation.forward("leaky_relu", x.size)(x, slope, y)),
        "gelu": _filled(x, lambda y: cpu.activation.forward("gelu", x.size)(x, y)),
        "mish_grad": _filled(x, lambda dx: cpu.activation.backward("mish", x.size)(other, x, dx)),
        "prelu": _filled(images, lambda y: cpu.activation.prelu(images, slopes, y)),
        "prelu_grad": _filled(images, lambda dx: cpu.activation.prelu_grad(images, images, slopes, dx)),
        "mse_each": _filled(x, lambda losses: cpu.loss.pairwise_each("mse", x, other, slope, losses)),
        "mse_sum": _filled(one, lambda loss: cpu.loss.pairwise_sum("mse", x, other, slope, dtype(0.5), loss)),
        "mse_grad": _filled(x, lambda dx: cpu.loss.pairwise_grad("huber", x, other, slope, one, dtype(0.5), dx)),
        "mse_grad of each": _filled(x, lambda dx: cpu.loss.pairwise_grad("mse", x, other, slope, each, dtype(0.5), dx)),
        "sum": _filled(one, lambda loss: cpu.loss.sum_of(x, dtype(0.5), loss)),
    }


def _updates(dtype, rng):
    results = {}
    for name, options in OPTIMIZERS:
        parameter = gpuconv.nn.Parameter(rng.standard_normal(10_007).astype(dtype))
        optimizer = getattr(gpuconv, name)([parameter], **options)
        for _ in range(2):
            parameter.grad = rng.standard_normal(10_007).astype(dtype)
            optimizer.step()
        results[name_of((name, options))] = parameter.data
    return results


def _pooling(dtype, rng):
    x = rng.integers(-3, 4, (3, 5, 11, 14)).astype(dtype)
    g = pool_shape("pool", 2, x.shape, 3, stride=2, padding=1)
    y, mask, dx = np.empty(g.y_shape, dtype), np.empty(g.y_shape, np.uint8), np.empty_like(x)
    cpu.pool.max_pool(g, x, y, mask)
    cpu.pool.max_pool_input_grad(g, y, mask, dx)
    return {
        "max_pool2d": y,
        "mask": mask,
        "max_pool2d_input_grad": dx,
        "avg_pool2d": _filled(y, lambda y: cpu.pool.avg_pool(g, x, True, 0, y)),
        "avg_pool2d_input_grad": _filled(x, lambda dx: cpu.pool.avg_pool_input_grad(g, y, False, 0, dx)),
    }


def _classification(dtype, rng):
    x, dy = (rng.standard_normal((7, 5, 13)).astype(dtype) for _ in range(2))
    target, weight = rng.integers(0, 5, (7, 13)), rng.uniform(0.5, 2, 5).astype(dtype)
    losses, weights, one = np.empty((7, 13), dtype), np.empty((7, 13), dtype), np.ones(1, dtype)
    cpu.loss.cross_entropy(x, target, weight, -100, dtype(0.1), losses, weights)
    return {
        "softmax": _filled(x, lambda y: cpu.loss.softmax(x, y)),
        "softmax_grad": _filled(x, lambda dx: cpu.loss.softmax_grad(dy, x, dx)),
        "log_softmax": _filled(x, lambda y: cpu.loss.log_softmax(x, y)),
        "log_softmax_grad": _filled(x, lambda dx: cpu.loss.log_softmax_grad(dy, x, dx)),
        "cross_entropy": losses,
        "weights": weights,
        "cross_entropy_total": _filled(
            one, lambda loss: cpu.loss.cross_entropy_total(x, target, weight, -100, dtype(0.1), True, loss)
        ),
        "cross_entropy_grad": _filled(
            x, lambda dx: cpu.loss.cross_entropy_grad(x, target, weight, -100, dtype(0.1), one, True, dx)
        ),
    }


def _bias(dtype, rng):
    dy = rng.standard_normal((4, 7, 9, 8)).astype(dtype)
    return {"conv2d_bias_grad": _filled(dy[0, :, 0, 0], lambda db: cpu.conv.bias_grad(dy, db))}


FAMILIES = (_elementwise, _updates, _pooling, _classification, _bias)


def _filled(like, launch):
    """What a launcher writes into memory that was NaN."""
    result = np.full(like.shape, np.nan, like.dtype)
    launch(result)
    return result


def _results(family, dtype):
    return family(dtype, np.random.default_rng(0))


def _assert_same_bits(results, expected):
    for name, result in results.items():
        assert not np.isnan(result).any(), name
        assert np.array_equal(result, expected[name]), name


@DTYPES
@pytest.mark.parametrize("family", FAMILIES)
def test_one_thread_and_all_of_them_give_the_same_bits(family, dtype, threads):
    with parallel.share_everything():
        shared = _results(family, dtype)
        _assert_same_bits(_results(family, dtype), shared)
    threads(1)
    _assert_same_bits(_results(family, dtype), shared)


@parallel.streaming
def _mark(marks, thread, threads):
    marks[thread] = threads


def test_small_problems_stay_on_the_calling_thread_and_large_ones_do_not():
    count = numba.get_num_threads()
    for work, threads in ((parallel.SERIAL_ELEMENTS - 1, 1), (parallel.SERIAL_ELEMENTS, count)):
        marks = np.zeros(count, np.int64)
        _mark(count, work, marks)
        assert marks.tolist() == [threads] * threads + [0] * (count - threads)


@pytest.mark.parametrize("family", FAMILIES)
def test_calls_from_many_threads_at_once(family):
    if numba.threading_layer() == "workqueue":
        pytest.skip("Numba's workqueue layer allows one parallel call at a time")
    expected = _results(family, np.float32)
    with parallel.share_everything(), ThreadPoolExecutor(4) as pool:
        for results in pool.map(lambda _: _results(family, np.float32), range(24)):
            _assert_same_bits(results, expected)


def test_large_sums_keep_the_digits_of_float32():
    x, zero = np.full(1 << 24, 0.1, np.float32), np.zeros(1 << 24, np.float32)
    tenth = float(np.float32(0.1))
    for result, exact in (
        (_filled(x[:1], lambda loss: cpu.loss.sum_of(x, np.float32(1), loss)), tenth * x.size),
        (
            _filled(x[:1], lambda loss: cpu.loss.pairwise_sum("mse", x, zero, np.float32(0), np.float32(1), loss)),
            tenth**2 * x.size,
        ),
        (_filled(x[:1], lambda db: cpu.conv.bias_grad(x.reshape(64, 1, 512, 512), db)), tenth * x.size),
    ):
        assert abs(float(result[0]) / exact - 1) < 1e-6


@DTYPES
def test_logits_of_minus_infinity_mask_classes_out(dtype):
    x = np.array([[0, -np.inf, 0], [-np.inf, 5, -np.inf]], dtype)
    losses = gpuconv.cross_entropy(x, np.array([2, 1]), reduction="none")
    assert np.allclose(losses, [np.log(2), 0])
    assert np.allclose(gpuconv.cross_entropy_grad(x, np.array([2, 1]), reduction="sum"), [[0.5, 0, -0.5], [0, 0, 0]])


def test_small_losses_of_large_logits_keep_their_digits():
    loss = gpuconv.cross_entropy(np.array([[1000, 990]], np.float32), np.array([0]))
    assert abs(loss / np.log1p(np.exp(-10)) - 1) < 1e-2  # all that log(1 + e^-10) has in float32


def test_a_window_of_minus_infinities_is_won_by_its_first_element_not_by_padding():
    x = np.full((1, 1, 3, 3), -np.inf, np.float32)
    y, mask = gpuconv.max_pool2d(x, 3, stride=2, padding=1)
    assert (y == -np.inf).all()
    assert mask.ravel().tolist() == [4, 3, 1, 0]
    dx = gpuconv.max_pool2d_input_grad(np.ones_like(y), mask, x.shape, 3, stride=2, padding=1)
    assert dx.sum() == 4
