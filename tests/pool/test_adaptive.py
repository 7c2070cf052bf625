"""Adaptive and global pooling along one to three axes, against the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.testing import assert_close, check_adjoint
from tests import reference
from tests.devices import on_every_device
from tests.pool.cases import DTYPES, EXAMPLES, MAX_EXTENT, function_of_rank, random_values


@st.composite
def adaptive_cases(draw):
    """(x_shape, output_size) of an adaptive pooling."""
    rank = draw(st.integers(1, 3))
    extents = tuple(draw(st.integers(1, MAX_EXTENT[rank] * 3 // 5)) for _ in range(rank))
    size = tuple(draw(st.integers(1, MAX_EXTENT[3])) for _ in range(rank))
    return (draw(st.integers(0, 2)), 2, *extents), size


@on_every_device
@DTYPES
@settings(max_examples=EXAMPLES, deadline=None)
@given(case=adaptive_cases())
def test_adaptive_avg_pool_agrees_with_the_oracle(case, dtype, device):
    x_shape, size = case
    x, dy = random_values(x_shape, dtype), random_values((*x_shape[:2], *size), dtype, seed=1)
    with gpuconv.use_device(device):
        y = function_of_rank("adaptive_avg_pool", len(size))(gpuconv.to_device(x), size)
        dx = function_of_rank("adaptive_avg_pool", len(size), "_input_grad")(gpuconv.to_device(dy), x_shape)
    assert_close(y, reference.adaptive_avg_pool_nd(x, size), terms=240)
    assert_close(dx, reference.adaptive_avg_pool_nd_input_grad(dy, x_shape), terms=240)
    check_adjoint(dy, y, dx, x, terms=240)


@on_every_device
@DTYPES
@settings(max_examples=EXAMPLES, deadline=None)
@given(case=adaptive_cases(), ties=st.booleans())
def test_adaptive_max_pool_agrees_with_the_oracle(case, ties, dtype, device):
    x_shape, size = case
    x, dy = random_values(x_shape, dtype, ties), random_values((*x_shape[:2], *size), dtype, seed=1)
    y_ref, indices_ref = reference.adaptive_max_pool_nd(x, size)
    with gpuconv.use_device(device):
        y, indices = function_of_rank("adaptive_max_pool", len(size))(gpuconv.to_device(x), size)
        dx = function_of_rank("adaptive_max_pool", len(size), "_input_grad")(gpuconv.to_device(dy), indices, x_shape)
    assert np.array_equal(gpuconv.to_host(y), y_ref)
    assert np.array_equal(gpuconv.to_host(indices), indices_ref)
    assert_close(dx, reference.scatter_nd(dy, indices_ref, x_shape), terms=240)


@on_every_device
@DTYPES
@settings(max_examples=EXAMPLES, deadline=None)
@given(case=adaptive_cases(), ties=st.booleans())
def test_global_pools_agree_with_the_oracle(case, ties, dtype, device):
    x_shape, size = case
    x, one = random_values(x_shape, dtype, ties), (1,) * len(size)
    with gpuconv.use_device(device):
        mean = function_of_rank("global_avg_pool", len(size))(gpuconv.to_device(x))
        y, indices = function_of_rank("global_max_pool", len(size))(gpuconv.to_device(x))
    assert_close(mean, reference.adaptive_avg_pool_nd(x, one), terms=240)
    y_ref, indices_ref = reference.adaptive_max_pool_nd(x, one)
    assert np.array_equal(gpuconv.to_host(y), y_ref)
    assert np.array_equal(gpuconv.to_host(indices), indices_ref)


@on_every_device
def test_none_keeps_the_size_of_an_axis(device, on):
    x = gpuconv.to_device(random_values((1, 2, 4, 6), np.float32))
    assert gpuconv.adaptive_avg_pool2d(x, (None, 3)).shape == (1, 2, 4, 3)
    assert gpuconv.adaptive_max_pool2d(x, None)[0].shape == x.shape


@on_every_device
def test_the_first_nan_of_an_adaptive_window_wins(device, on):
    x = np.array([[[-np.inf, np.nan, 1, np.nan, -np.inf, -np.inf]]], np.float32)
    y, indices = gpuconv.adaptive_max_pool1d(gpuconv.to_device(x), 3)
    assert np.array_equal(gpuconv.to_host(y), [[[np.nan, np.nan, -np.inf]]], equal_nan=True)
    assert gpuconv.to_host(indices).ravel().tolist() == [1, 3, 4]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: gpuconv.adaptive_avg_pool1d(x, 0), ValueError, "output_size is 0, expected at least 1"),
        (lambda x: gpuconv.adaptive_avg_pool2d(x[None], (2, 0)), ValueError, r"output_size\[1\] is 0"),
        (lambda x: gpuconv.adaptive_max_pool2d(x[None], (2,)), ValueError, r"output_size is \(2,\), expected"),
        (lambda x: gpuconv.adaptive_avg_pool1d(x, 1.0), TypeError, "output_size is 1.0"),
        (
            lambda x: gpuconv.global_avg_pool1d_input_grad(x, x.shape),
            ValueError,
            r"dy has shape .* expected \(1, 2, 1\)",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 2, 8), np.float32))
