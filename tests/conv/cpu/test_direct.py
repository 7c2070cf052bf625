"""What only the CPU convolution has: gradients scattered, filters as lanes, the choice of them, and unchanging bits."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.core.shapes import conv_geometry
from gpuconv.kernels.conv.cpu import col2im, select
from gpuconv.testing import assert_close
from tests import reference
from tests.strategies import convolutions

DTYPES = [np.float32, np.float64]


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
        for before, now in zip(first, all_passes(x, w, dy, padding=1, algorithm="direct"), strict=True):
            np.testing.assert_array_equal(now, before)


def test_thread_count_changes_no_forward_bit(rng, threads):
    x, w = rng.standard_normal((8, 8, 20, 20), np.float32), rng.standard_normal((16, 8, 3, 3), np.float32)
    results = []
    for count in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        threads(count)
        results.append(gpuconv.conv2d(x, w, padding=1))
    for result in results:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=100, deadline=None)
@given(case=convolutions(), seed=st.integers(0, 2**16))
def test_scattering_agrees_with_the_oracle(dtype, case, seed):
    """The input gradient by scattering, on every geometry, whether it pays or not."""
    x_shape, w_shape, options, spelt_out = case
    rng = np.random.default_rng(seed)
    y_shape = conv_geometry("test", x_shape, w_shape, **options).y_shape
    dy, w, x = (rng.standard_normal(shape).astype(dtype) for shape in (y_shape, w_shape, x_shape))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "pays", lambda g: True)
        dx = gpuconv.conv2d_input_grad(dy, w, x_shape, **options)
        delta = gpuconv.conv2d_input_grad(dy, w, x_shape, **options, activation="relu", pre_activation=x)
    expected = reference.conv2d_input_grad(dy, w, x_shape, **spelt_out)
    magnitude = np.sqrt(reference.conv2d_input_grad(dy**2, w**2, x_shape, **spelt_out))
    assert_close(dx, expected, terms=w[:, 0].size, magnitude=magnitude)
    assert_close(delta, reference.relu_grad(expected, x), terms=w[:, 0].size, magnitude=magnitude)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=100, deadline=None)
@given(case=convolutions(), seed=st.integers(0, 2**16))
def test_lanes_of_filters_agree_with_the_oracle(dtype, case, seed):
    """All passes with filters as lanes, on every geometry of one group, whether they fill them or not."""
    x_shape, w_shape, options, spelt_out = case
    rng = np.random.default_rng(seed)
    y_shape = conv_geometry("test", x_shape, w_shape, **options).y_shape
    dy, w, x, b = (rng.standard_normal(shape).astype(dtype) for shape in (y_shape, w_shape, x_shape, w_shape[:1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "fills_lanes", lambda g, filters, dtype: g.groups == 1)
        patch.setattr(select, "FEWEST", 0)
        patch.setattr(select, "SCATTERED", 1 << 30)
        y = gpuconv.conv2d(x, w, b, **options, algorithm="direct")
        dx = gpuconv.conv2d_input_grad(dy, w, x_shape, **options, algorithm="direct")
        delta = gpuconv.conv2d_input_grad(dy, w, x_shape, **options, activation="relu", pre_activation=x)
        dw = gpuconv.conv2d_weight_grad(x, dy, w_shape, **options, algorithm="direct")
    magnitude = np.sqrt(reference.conv2d(x**2, w**2, b**2, **spelt_out))
    assert_close(y, reference.conv2d(x, w, b, **spelt_out), terms=w[0].size, magnitude=magnitude)
    expected = reference.conv2d_input_grad(dy, w, x_shape, **spelt_out)
    magnitude = np.sqrt(reference.conv2d_input_grad(dy**2, w**2, x_shape, **spelt_out))
    assert_close(dx, expected, terms=w[:, 0].size, magnitude=magnitude)
    assert_close(delta, reference.relu_grad(expected, x), terms=w[:, 0].size, magnitude=magnitude)
    magnitude = np.sqrt(reference.conv2d_weight_grad(x**2, dy**2, w_shape, **spelt_out))
    expected = reference.conv2d_weight_grad(x, dy, w_shape, **spelt_out)
    assert_close(dw, expected, terms=dy[:, 0].size, magnitude=magnitude)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("activation", [None, "relu"])
def test_lanes_of_filters_over_several_strips_and_blocks(rng, stride, activation):
    """What is too large for the examples above: several strips, blocks of filters, and parts of the reduction."""
    x, w = rng.standard_normal((3, 37, 29, 23), np.float32), rng.standard_normal((71, 37, 3, 3), np.float32)
    b, options = rng.standard_normal(71, np.float32), {"stride": stride, "padding": 1}
    spelt_out = {"stride": (stride, stride), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    y = gpuconv.conv2d(x, w, b, **options, activation=activation, algorithm="direct")
    expected = reference.conv2d(x, w, b, **spelt_out)
    assert_close(y, np.maximum(expected, 0) if activation else expected, terms=w[0].size)
    dy = rng.standard_normal(y.shape, np.float32)
    dx = gpuconv.conv2d_input_grad(dy, w, x.shape, **options, algorithm="direct")
    assert_close(dx, reference.conv2d_input_grad(dy, w, x.shape, **spelt_out), terms=w[:, 0].size)
    dw = gpuconv.conv2d_weight_grad(x, dy, w.shape, **options, algorithm="direct")
    assert_close(dw, reference.conv2d_weight_grad(x, dy, w.shape, **spelt_out), terms=dy[:, 0].size)


def test_filters_are_lanes_where_they_fill_them():
    def fills(shape, w_shape, **options):
        return select.fills_lanes(conv_geometry("test", shape, w_shape, **options), w_shape[0], np.float32)

    assert fills((8, 64, 14, 14), (64, 64, 3, 3), padding=1)
    assert not fills((8, 64, 14, 14), (5, 64, 3, 3), padding=1)
    assert not fills((8, 64, 14, 14), (64, 32, 3, 3), padding=1, groups=2)
    # The padded copy would be far larger than x and y.
    assert not fills((64, 64, 14, 14), (64, 64, 3, 3), padding=99, stride=99)


def test_few_tasks_leave_numba_all_its_threads(rng, threads):
    """A pool that was asked for fewer threads remembers that as everyone's number."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    threads(2)
    x, w = rng.standard_normal((1, 4, 9, 9), np.float32), rng.standard_normal((4, 4, 3, 3), np.float32)
    gpuconv.conv2d(x, w, algorithm="winograd")
    assert numba.get_num_threads() == 2


def test_scattering_pays_where_outputs_are_few_or_strided():
    for shape, w_shape, options, pays in (
        ((64, 32, 12, 12), (64, 32, 5, 5), {}, True),
        ((8, 128, 56, 56), (128, 128, 3, 3), {"stride": 2, "padding": 1}, True),
        ((8, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}, False),
        ((8, 64, 56, 56), (256, 64, 1, 1), {}, False),
    ):
        assert col2im.pays(conv_geometry("test", shape, w_shape, **options)) == pays


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
