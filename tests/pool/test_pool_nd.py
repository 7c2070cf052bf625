"""Maximum and average pooling along one to three axes, against the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.testing import assert_close, check_adjoint
from tests import reference
from tests.devices import on_every_device
from tests.pool.cases import DTYPES, EXAMPLES, function_of_rank, pooling_cases, random_values


@on_every_device
@DTYPES
@settings(max_examples=EXAMPLES, deadline=None)
@given(case=pooling_cases(dilated=True), ties=st.booleans())
def test_max_pool_agrees_with_the_oracle(case, ties, dtype, device):
    x_shape, kernel, options = case
    rank, x = len(kernel), random_values(x_shape, dtype, ties)
    y_ref, mask_ref, indices_ref = reference.max_pool_nd(x, kernel, **options)
    dy = random_values(y_ref.shape, dtype, seed=1)
    with gpuconv.use_device(device):
        y, mask = function_of_rank("max_pool", rank)(gpuconv.to_device(x), kernel, **options)
        grad = function_of_rank("max_pool", rank, "_input_grad")
        dx = grad(gpuconv.to_device(dy), mask, x_shape, kernel, **options)
        indices = gpuconv.pool_indices(mask, x_shape, kernel, **options)
    assert np.array_equal(gpuconv.to_host(y), y_ref)
    assert np.array_equal(gpuconv.to_host(mask), mask_ref)
    full = np.isfinite(y_ref)  # else no tap is inside
    assert np.array_equal(gpuconv.to_host(indices), np.where(full, indices_ref, -1))
    assert_close(dx, reference.scatter_nd(np.where(full, dy, 0), indices_ref, x_shape), terms=27)


@on_every_device
@DTYPES
@settings(max_examples=EXAMPLES, deadline=None)
@given(case=pooling_cases(dilated=True), include=st.booleans(), divisor=st.sampled_from((None, None, 3, -7)))
def test_avg_pool_agrees_with_the_oracle(case, include, divisor, dtype, device):
    x_shape, kernel, options = case
    rank, x = len(kernel), random_values(x_shape, dtype)
    options |= {"count_include_pad": include} | ({} if rank == 1 else {"divisor_override": divisor})
    y_ref = reference.avg_pool_nd(x, kernel, **options)
    dy = random_values(y_ref.shape, dtype, seed=1)
    with gpuconv.use_device(device):
        y = function_of_rank("avg_pool", rank)(gpuconv.to_device(x), kernel, **options)
        dx = function_of_rank("avg_pool", rank, "_input_grad")(gpuconv.to_device(dy), x_shape, kernel, **options)
    assert_close(y, y_ref, terms=27)
    assert_close(dx, reference.avg_pool_nd_input_grad(dy, x_shape, kernel, **options), terms=27)
    check_adjoint(dy, y, dx, x, terms=27)


@on_every_device
def test_the_first_nan_of_a_window_wins(device, on):
    x = np.array([[[-np.inf, np.nan, 1, np.nan, -np.inf, -np.inf]]], np.float32)
    xd = gpuconv.to_device(x)
    y, mask = gpuconv.max_pool1d(xd, 3)
    assert np.array_equal(gpuconv.to_host(y), [[[np.nan, np.nan]]], equal_nan=True)
    assert gpuconv.to_host(mask).ravel().tolist() == [1, 0]
    long = np.tile(x, (1, 1, 8))
    y, mask = gpuconv.max_pool1d(gpuconv.to_device(long), 3)
    assert gpuconv.to_host(mask).ravel().tolist() == [1, 0] * 8


@on_every_device
def test_a_mask_that_names_no_position_writes_nothing(device, on):
    mask = gpuconv.to_device(np.full((1, 1, 3, 3), 255, np.uint8))
    dy = gpuconv.to_device(np.ones((1, 1, 3, 3), np.float32))
    dx = gpuconv.max_pool2d_input_grad(dy, mask, (1, 1, 6, 6), 2)
    assert not gpuconv.to_host(dx).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: gpuconv.max_pool1d(x[0], 2), ValueError, r"expected three dimensions \(N, C, W\); one sample"),
        (lambda x: gpuconv.max_pool3d(x, 2), ValueError, r"x has shape \(1, 2, 8\), expected five dimensions"),
        (
            lambda x: gpuconv.avg_pool1d(x, (2, 2)),
            ValueError,
            r"kernel_size is \(2, 2\), expected an int or a sequence of one",
        ),
        (lambda x: gpuconv.avg_pool2d(x[None], 2, divisor_override=0), ValueError, "divisor_override is 0"),
        (lambda x: gpuconv.avg_pool2d(x[None], 2, divisor_override=1.5), TypeError, "divisor_override is 1.5"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 2, 8), np.float32))
