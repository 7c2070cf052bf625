"""What the CPU convolution promises about threads: the same bits on every run, and no harm to Numba's pool."""

import numba
import numpy as np
import pytest

import gpuconv


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def all_passes(x, w, dy, **options):
    return (
        gpuconv.conv2d(x, w, **options),
        gpuconv.conv2d_input_grad(dy, w, x.shape, **options),
        gpuconv.conv2d_weight_grad(x, dy, w.shape, **options),
    )


@pytest.mark.parametrize("count", [1, 2])
def test_same_bits_on_every_run(rng, threads, count):
    if count > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("fewer cores than threads asked for")
    x, w, dy = (rng.standard_normal(shape, np.float32) for shape in ((9, 16, 13, 17), (20, 16, 3, 3), (9, 20, 13, 17)))
    threads(count)
    first = all_passes(x, w, dy, padding=1, algorithm="direct")
    for _ in range(3):
        for expected, found in zip(first, all_passes(x, w, dy, padding=1, algorithm="direct"), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_thread_count_changes_no_forward_bit(rng, threads):
    x, w = rng.standard_normal((8, 8, 20, 20), np.float32), rng.standard_normal((16, 8, 3, 3), np.float32)
    results = []
    for count in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        threads(count)
        results.append(gpuconv.conv2d(x, w, padding=1))
    for result in results:
        np.testing.assert_array_equal(result, results[0])


def test_few_tasks_leave_numba_all_its_threads(rng, threads):
    """A pool that was asked for fewer threads remembers that as everyone's number."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    threads(2)
    x, w = rng.standard_normal((1, 4, 9, 9), np.float32), rng.standard_normal((4, 4, 3, 3), np.float32)
    gpuconv.conv2d(x, w, algorithm="winograd")
    assert numba.get_num_threads() == 2


def test_small_problems_before_the_pool_has_started_do_no_harm():
    """Code loaded from the cache refers to the thread pool even where it runs on one thread."""
    x, w = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 3, 3), np.float32)
    assert gpuconv.conv2d(x, w).tolist() == [[[[9, 9], [9, 9]]]]
    x, w = np.ones((64, 8, 16, 16), np.float32), np.ones((16, 8, 5, 5), np.float32)
    assert (gpuconv.conv2d(x, w) == 200).all()


def test_empty_batch():
    x, w = np.ones((0, 2, 8, 8), np.float32), np.ones((4, 2, 3, 3), np.float32)
    y, dx, dw = all_passes(x, w, np.ones((0, 4, 6, 6), np.float32))
    assert y.shape == (0, 4, 6, 6)
    assert dx.shape == x.shape
    assert not dw.any()
