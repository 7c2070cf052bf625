"""Winograd's algorithm on the CPU against the oracle: all that it supports, both ways in which threads share it."""

from functools import cache

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu import winograd
from gpuconv.kernels.conv.cpu.winograd.correlate import BATCH
from gpuconv.kernels.core.scalar import LEAKY_RELU
from gpuconv.testing import assert_close
from tests import reference
from tests.strategies import winograd_convolutions

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SLOPE = 0.3

ALWAYS, NEVER = 1 << 30, 0
WAYS = {
    "as the shape decides": {},
    "private tiles": {"private_products": ALWAYS, "private_fill": ALWAYS},
    "private tiles, in many tasks": {"private_products": ALWAYS, "private_fill": ALWAYS, "private_elements": NEVER},
    "shared tiles": {"private_products": NEVER},
    "shared tiles, in many tasks": {"private_products": NEVER, "shared_elements": NEVER, "at_once_elements": NEVER},
}
"""Limits that decide how threads divide the work, whatever the shape."""
EACH_WAY = pytest.mark.parametrize("way", WAYS)

# x_shape, filters, taps along an axis, stride, padding, then dilation and groups if not 1
SHAPES = {
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
    "dilated by 2": ((3, 9, 15, 30), 21, 3, 1, ((2, 2), (2, 2)), (2, 2)),
    "dilated by more than the map": ((2, 5, 6, 7), 9, 3, 1, ((9, 9), (8, 8)), (9, 8)),
    "dilated along one axis, 5x5": ((2, 20, 9, 33), 7, 5, 1, ((0, 3), (2, 9)), (1, 4)),
    "dilated, groups": ((2, 34, 13, 10), 12, 3, 1, ((1, 3), (3, 2)), (3, 2), 2),
    "groups": ((5, 48, 9, 7), 40, 3, 1, ((1, 1), (1, 1)), (1, 1), 4),
    "groups, stride 2": ((3, 12, 11, 9), 15, 5, 2, ((1, 1), (1, 1)), (1, 1), 3),
    "channels for several rounds": ((1, 270, 6, 9), 5, 3, 1, ((1, 1), (1, 1))),
    "filters for several rounds": ((1, 5, 6, 9), 270, 3, 1, ((1, 1), (1, 1))),
    "phases for several rounds": ((1, 70, 9, 8), 6, 5, 2, ((2, 2), (2, 2))),
    "a last task of fewer images": ((21, 5, 30, 6), 7, 3, 1, ((1, 0), (0, 1))),
    "many small images": ((17, 20, 9, 7), 13, 3, 1, ((2, 0), (1, 2))),
    "more tiles than a task": ((2, 40, 33, 30), 13, 3, 1, ((2, 0), (1, 2))),
    "wide, 3x3": ((2, 16, 24, 240), 17, 3, 1, ((1, 1), (1, 1))),
    "wide, 5x5": ((1, 36, 24, 240), 60, 5, 1, ((2, 2), (2, 2))),
}


def limited(way):
    """The kernels' limits, changed as a way of dividing the work says."""
    return winograd.LIMITS._replace(**WAYS[way])


class Case:
    """Arrays of a geometry, and what the oracle makes of them."""

    def __init__(self, x_shape, w_shape, options, spelt_out, dtype, seed=0):
        rng, self.dtype = np.random.default_rng(seed), np.dtype(dtype)
        self.shape = conv_shape("test", x_shape, w_shape, **options)
        self.x, self.w, self.b, self.pre_activation = (
            rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape, w_shape[:1], x_shape)
        )
        y = reference.conv2d(self.x, self.w, self.b, **spelt_out)
        self.dy = rng.standard_normal(y.shape).astype(dtype)
        dx = reference.conv2d_input_grad(self.dy, self.w, x_shape, **spelt_out)
        dw = reference.conv2d_weight_grad(self.x, self.dy, w_shape, **spelt_out)
        self.expected = reference.leaky_relu(y, SLOPE), reference.leaky_relu_grad(dx, self.pre_activation, SLOPE), dw
        squares = [a.astype(np.float64) ** 2 for a in (self.x, self.w, self.b, self.dy)]
        self.magnitudes = (
            np.sqrt(reference.conv2d(*squares[:3], **spelt_out)),
            np.sqrt(reference.conv2d_input_grad(squares[3], squares[1], x_shape, **spelt_out)),
            np.sqrt(reference.conv2d_weight_grad(squares[0], squares[3], w_shape, **spelt_out)),
        )
        self.terms = self.w[0].size, self.w[:, 0].size // self.shape.groups, self.dy[:, 0].size

    def results(self, way):
        """All passes, with all that they fuse, the work divided in one of WAYS."""
        y, dx, dw = (np.full(a.shape, np.nan, self.dtype) for a in (self.dy, self.x, self.w))
        activation, slope, limits = LEAKY_RELU, self.dtype.type(SLOPE), limited(way)
        plan = winograd.fprop_plan(self.shape, self.dtype, limits)
        plan.launch(self.x, self.w, self.b, activation, slope, plan.no_pre_activation, y)
        plan = winograd.dgrad_plan(self.shape, self.dtype, limits)
        plan.launch(self.dy, self.w, plan.no_bias, activation, slope, self.pre_activation, dx)
        plan = winograd.wgrad_plan(self.shape, self.dtype, limited(way))
        plan.launch(self.x, self.dy, dw)
        return y, dx, dw

    def check(self, way):
        """Compare with the oracle."""
        for found, *known in zip(self.results(way), self.expected, self.terms, self.magnitudes, strict=True):
            expected, terms, magnitude = known
            assert_close(found, expected, terms=terms, algorithm="winograd", magnitude=magnitude)


@cache
def case_of(name, dtype):
    x_shape, filters, taps, stride, padding, *more = SHAPES[name]
    dilation, groups = (*more, *((1, 1), 1)[len(more) :])
    spelt_out = {"stride": (stride, stride), "padding": padding, "dilation": dilation, "groups": groups}
    w_shape = filters, x_shape[1] // groups, taps, taps
    return Case(x_shape, w_shape, spelt_out | {"stride": stride}, spelt_out, dtype)


@DTYPES
@EACH_WAY
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_agrees_with_the_oracle(name, dtype, way):
    case_of(name, dtype).check(way)


@DTYPES
@settings(max_examples=100, deadline=None)
@given(case=winograd_convolutions(), way=st.sampled_from(list(WAYS)), seed=st.integers(0, 2**16))
def test_random_shapes_agree_with_the_oracle(dtype, case, way, seed):
    Case(*case, dtype, seed).check(way)


@EACH_WAY
@pytest.mark.parametrize(
    "name", ["3x3", "5x5", "5x5, stride 2", "9x9, stride 2", "a last task of fewer images", "groups"]
)
@pytest.mark.parametrize("count", [1, 2])
def test_every_number_of_threads_agrees_with_the_oracle_in_the_same_bits(name, count, way, threads):
    if count > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("fewer cores than threads asked for")
    case = case_of(name, np.float32)
    threads(count)
    case.check(way)
    first = case.results(way)
    for _ in range(3):
        for expected, found in zip(first, case.results(way), strict=True):
            np.testing.assert_array_equal(found, expected)


@EACH_WAY
@pytest.mark.parametrize("name", ["3x3", "5x5, stride 2", "a last task of fewer images", "groups"])
def test_threads_change_no_bit_of_what_one_of_them_sums(name, way, threads):
    """Results and input gradients; weight gradients where tiles are shared."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    runs = []
    for count in (1, 2):
        threads(count)
        runs.append(case_of(name, np.float32).results(way))
    for one, two in list(zip(*runs, strict=True))[: 3 if way.startswith("shared") else 2]:
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("filters", "private"), [(128, True), (129, False)])
def test_few_filters_and_channels_are_left_to_each_thread(filters, private):
    """Shapes on either side of the limit: tasks are transformed together, none where threads work alone."""
    shape = conv_shape("test", (9, 16, 12, 12), (filters, 16, 3, 3))
    assert (16 * filters <= winograd.LIMITS.private_products) == private
    assert (winograd.fprop_plan(shape, np.dtype(np.float32)).sizes[BATCH] == 0) == private


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
@pytest.mark.parametrize("taps", [3, 5])
def test_an_empty_batch_has_no_gradient(algorithm, taps):
    x, w = np.ones((0, 2, 8, 8), np.float32), np.ones((4, 2, taps, taps), np.float32)
    y = gpuconv.conv2d(x, w, algorithm=algorithm)
    assert y.shape == (0, 4, 9 - taps, 9 - taps)
    assert gpuconv.conv2d_input_grad(y, w, x.shape, algorithm=algorithm).shape == x.shape
    assert not gpuconv.conv2d_weight_grad(x, y, w.shape, algorithm=algorithm).any()
