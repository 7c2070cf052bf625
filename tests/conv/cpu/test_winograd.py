"""Winograd's algorithm on the CPU against the oracle: all that it serves, both ways in which threads share it."""

from contextlib import contextmanager
from functools import cache

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.kernels.conv.cpu import winograd, winograd_wgrad
from gpuconv.testing import assert_close
from tests import reference
from tests.strategies import winograd_convolutions

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SLOPE = 0.3

WAYS = {
    "as the geometry decides": {},
    "each thread its own tiles": {"FEW": 1 << 30, "FILLED": 1 << 30},
    "each thread its own tiles, in many tasks": {"FEW": 1 << 30, "FILLED": 1 << 30, "ALONE": 0},
    "shared tiles": {"FEW": 0},
    "shared tiles, in many tasks": {"FEW": 0, "SHARED": 0, "ALL": 0},
}

# x_shape, filters, taps along an axis, stride, padding
GEOMETRIES = {
    "one pixel, 3x3": ((2, 3, 1, 1), 5, 3, 1, ((1, 1), (1, 1))),
    "one pixel, 5x5, stride 2": ((2, 3, 1, 1), 5, 5, 2, ((2, 2), (2, 2))),
    "3x3": ((5, 33, 11, 14), 23, 3, 1, ((2, 0), (1, 2))),
    "3x3, one row": ((3, 4, 1, 30), 17, 3, 1, ((1, 1), (0, 0))),
    "3x3, padded by more than the taps": ((2, 3, 5, 4), 6, 3, 1, ((5, 4), (3, 6))),
    "5x5": ((3, 20, 13, 10), 37, 5, 1, ((0, 3), (2, 1))),
    "5x5, one image": ((1, 40, 7, 9), 70, 5, 1, ((2, 2), (2, 2))),
    "5x5, stride 2": ((3, 9, 15, 12), 21, 5, 2, ((1, 2), (3, 0))),
    "5x5, stride 2, much padded": ((2, 3, 6, 5), 5, 5, 2, ((6, 5), (7, 8))),
    "9x9, stride 2": ((2, 7, 17, 20), 18, 9, 2, ((4, 3), (2, 4))),
    "channels for several rounds": ((1, 270, 6, 9), 5, 3, 1, ((1, 1), (1, 1))),
    "filters for several rounds": ((1, 5, 6, 9), 270, 3, 1, ((1, 1), (1, 1))),
    "phases for several rounds": ((1, 70, 9, 8), 6, 5, 2, ((2, 2), (2, 2))),
    "a last task of fewer images": ((21, 5, 30, 6), 7, 3, 1, ((1, 0), (0, 1))),
    "many small images": ((17, 20, 9, 7), 13, 3, 1, ((2, 0), (1, 2))),
    "more tiles than a task": ((2, 40, 33, 30), 13, 3, 1, ((2, 0), (1, 2))),
    "wide, 3x3": ((2, 16, 24, 240), 17, 3, 1, ((1, 1), (1, 1))),
    "wide, 5x5": ((1, 36, 24, 240), 60, 5, 1, ((2, 2), (2, 2))),
}


@contextmanager
def way_of(name):
    """Decide for the geometry, and fill the memory that the kernels are handed with NaN."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (winograd, winograd_wgrad):
            patch.setattr(module, "new", lambda shape, dtype: np.full(shape, np.nan, dtype))
            for constant, value in WAYS[name].items():
                if hasattr(module, constant):
                    patch.setattr(module, constant, value)
        yield


@pytest.fixture(params=WAYS)
def way(request):
    with way_of(request.param):
        yield request.param


class Case:
    """Arrays of a geometry, and what the oracle makes of them."""

    def __init__(self, x_shape, w_shape, options, spelt_out, dtype, seed=0):
        rng = np.random.default_rng(seed)
        self.options, self.dtype = {**options, "algorithm": "winograd"}, dtype
        self.x, self.w, self.b, self.before = (
            rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape, w_shape[:1], x_shape)
        )
        y = reference.conv2d(self.x, self.w, self.b, **spelt_out)
        self.dy = rng.standard_normal(y.shape).astype(dtype)
        dx = reference.conv2d_input_grad(self.dy, self.w, x_shape, **spelt_out)
        dw = reference.conv2d_weight_grad(self.x, self.dy, w_shape, **spelt_out)
        self.expected = reference.leaky_relu(y, SLOPE), reference.leaky_relu_grad(dx, self.before, SLOPE), dw
        squares = [a.astype(np.float64) ** 2 for a in (self.x, self.w, self.b, self.dy)]
        self.magnitudes = (
            np.sqrt(reference.conv2d(*squares[:3], **spelt_out)),
            np.sqrt(reference.conv2d_input_grad(squares[3], squares[1], x_shape, **spelt_out)),
            np.sqrt(reference.conv2d_weight_grad(squares[0], squares[3], w_shape, **spelt_out)),
        )
        self.terms = self.w[0].size, self.w[:, 0].size, self.dy[:, 0].size

    def results(self):
        """All passes, with all that they fuse."""
        how = {"activation": "leaky_relu", "negative_slope": SLOPE, **self.options}
        return (
            gpuconv.conv2d(self.x, self.w, self.b, **how),
            gpuconv.conv2d_input_grad(self.dy, self.w, self.x.shape, pre_activation=self.before, **how),
            gpuconv.conv2d_weight_grad(self.x, self.dy, self.w.shape, **self.options),
        )

    def check(self):
        """Compare with the oracle."""
        for found, *known in zip(self.results(), self.expected, self.terms, self.magnitudes, strict=True):
            expected, terms, magnitude = known
            assert found.dtype == self.dtype
            assert_close(found, expected, terms=terms, algorithm="winograd", magnitude=magnitude)


@cache
def case_of(name, dtype):
    x_shape, filters, taps, stride, padding = GEOMETRIES[name]
    spelt_out = {"stride": (stride, stride), "padding": padding, "dilation": (1, 1), "groups": 1}
    w_shape = filters, x_shape[1], taps, taps
    return Case(x_shape, w_shape, {"stride": stride, "padding": padding}, spelt_out, dtype)


@DTYPES
@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_geometry_agrees_with_the_oracle(name, dtype, way):
    case_of(name, dtype).check()


@DTYPES
@settings(max_examples=100, deadline=None)
@given(case=winograd_convolutions(), way=st.sampled_from(list(WAYS)), seed=st.integers(0, 2**16))
def test_random_geometries_agree_with_the_oracle(dtype, case, way, seed):
    with way_of(way):
        Case(*case, dtype, seed).check()


@pytest.mark.parametrize("name", ["3x3", "5x5", "5x5, stride 2", "9x9, stride 2", "a last task of fewer images"])
@pytest.mark.parametrize("count", [1, 2])
def test_every_number_of_threads_agrees_with_the_oracle_in_the_same_bits(name, count, way, threads):
    if count > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("fewer cores than threads asked for")
    case = case_of(name, np.float32)
    threads(count)
    case.check()
    first = case.results()
    for _ in range(3):
        for before, now in zip(first, case.results(), strict=True):
            np.testing.assert_array_equal(now, before)


@pytest.mark.parametrize("name", ["3x3", "5x5, stride 2", "a last task of fewer images"])
def test_threads_change_no_bit_of_what_one_of_them_sums(name, way, threads):
    """Results and input gradients; weight gradients where tiles are shared."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    runs = []
    for count in (1, 2):
        threads(count)
        runs.append(case_of(name, np.float32).results())
    for one, two in list(zip(*runs, strict=True))[: 3 if way.startswith("shared") else 2]:
        np.testing.assert_array_equal(one, two)


def test_few_filters_and_channels_are_left_to_each_thread():
    """A geometry on either side: what FEW says, by what each thread is handed of the tiles."""
    handed = []
    with way_of("as the geometry decides"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "_launch", lambda problem, together, threads: handed.append(together))
        for filters in (128, 129):
            x, w = np.zeros((9, 16, 12, 12), np.float32), np.zeros((filters, 16, 3, 3), np.float32)
            assert (16 * filters <= winograd.FEW) == (filters == 128)
            gpuconv.conv2d(x, w, algorithm="winograd")
    assert handed[0] == 0
    assert handed[1] > 0


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
@pytest.mark.parametrize("taps", [3, 5])
def test_an_empty_batch_has_no_gradient(algorithm, taps):
    x, w = np.ones((0, 2, 8, 8), np.float32), np.ones((4, 2, taps, taps), np.float32)
    y = gpuconv.conv2d(x, w, algorithm=algorithm)
    assert y.shape == (0, 4, 9 - taps, 9 - taps)
    assert gpuconv.conv2d_input_grad(y, w, x.shape, algorithm=algorithm).shape == x.shape
    assert not gpuconv.conv2d_weight_grad(x, y, w.shape, algorithm=algorithm).any()
