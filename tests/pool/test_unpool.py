"""Unpooling: maxima put back by their indices."""

import numpy as np
import pytest

import gpuconv
from tests import reference
from tests.devices import on_every_device
from tests.pool.cases import DTYPES, function_of_rank, random_values


@on_every_device
@DTYPES
@pytest.mark.parametrize("extents", [(9,), (6, 8), (4, 6, 2)])
def test_unpooling_puts_the_maxima_back(extents, dtype, device, on):
    rank, x = len(extents), random_values((2, 3, *extents), dtype)
    y, mask = function_of_rank("max_pool", rank)(gpuconv.to_device(x), 2)
    indices = gpuconv.pool_indices(mask, x.shape, 2)
    back = function_of_rank("max_unpool", rank)(y, indices, 2, output_size=extents)
    expected = reference.max_unpool_nd(gpuconv.to_host(y), gpuconv.to_host(indices), extents)
    assert np.array_equal(gpuconv.to_host(back), expected)
    assert function_of_rank("max_unpool", rank)(y, indices, 2, output_size=x.shape).shape == x.shape
    dy = random_values(x.shape, dtype, seed=1)
    dx = function_of_rank("max_unpool", rank, "_input_grad")(gpuconv.to_device(dy), indices)
    flat = gpuconv.to_host(indices).reshape(2, 3, -1)
    assert np.array_equal(gpuconv.to_host(dx).reshape(flat.shape), np.take_along_axis(dy.reshape(2, 3, -1), flat, 2))


@on_every_device
def test_the_last_element_with_an_index_wins(device, on):
    x = gpuconv.to_device(np.array([[[1, 2, 3]]], np.float32))
    indices = gpuconv.to_device(np.array([[[4, 0, 4]]]))
    y = gpuconv.to_host(gpuconv.max_unpool1d(x, indices, 2))
    assert y.ravel().tolist() == [2, 0, 0, 0, 3, 0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: gpuconv.max_unpool1d(x, np.full(x.shape, 16), 2), ValueError, "indices has 16, expected 0 <="),
        (lambda x: gpuconv.max_unpool1d(x, np.zeros((1, 2, 7), int), 2), ValueError, r"indices has shape \(1, 2, 7\)"),
        (lambda x: gpuconv.max_unpool1d(x, x, 2), TypeError, "indices has dtype float32, expected integers"),
        (
            lambda x: gpuconv.max_unpool1d(x, np.zeros(x.shape, int), 2, output_size=(18,)),
            ValueError,
            r"output_size is \(18,\)",
        ),
        (lambda x: gpuconv.pool_indices(np.zeros((1, 2, 4), np.uint8), (2, 8), 2), ValueError, "input_shape"),
        (lambda x: gpuconv.pool_indices(np.zeros((1, 2, 4), int), (1, 2, 8), 2), TypeError, "mask has dtype int64"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 2, 8), np.float32))
