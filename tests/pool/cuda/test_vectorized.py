"""The vectorized pooling kernels: the bits of the scalar ones, aligned or not, whatever the input holds."""

import numpy as np
import pytest

import gpuconv
from gpuconv.bench.launches import record
from gpuconv.kernels.pool.cuda import avg, avg_vectorized, max_vectorized, vectorized
from gpuconv.kernels.pool.cuda import max as max_
from gpuconv.pool.shape import pool_shape

# (width, taps, stride, padding, ceil_mode): rows of whole vectors and not, windows that overlap, touch and leave gaps.
ROWS = [
    (16, 2, 2, 0, False), (16, 3, 2, 1, False), (16, 3, 2, 0, False), (15, 3, 2, 1, True), (12, 3, 3, 0, False),
    (8, 1, 2, 0, False), (8, 2, 1, 1, False), (9, 3, 1, 1, False), (13, 2, 3, 0, True), (7, 3, 2, 1, False),
    (4, 2, 2, 0, False), (32, 3, 1, 1, False),
]  # fmt: skip
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def _max_pool(launch, shape, x):
    y, mask = np.zeros(shape.y_shape, x.dtype), np.zeros(shape.y_shape, shape.mask_dtype)
    launch(shape, x, y, mask)
    return y, mask


def _into(result_shape, launch, *arguments):
    """What a launcher whose last argument is the result writes."""
    result = np.zeros(result_shape, arguments[1].dtype)
    launch(*arguments, result)
    return result


def _row_shape(width, taps, stride, padding, ceil_mode):
    options = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    return pool_shape("pool", 2, (2, 3, 6, width), taps, **options)


def _images(width, dtype):
    """Random images with NaN, a plane of -inf and a column of inf."""
    x = np.random.default_rng(0).standard_normal((2, 3, 6, width)).astype(dtype)
    x[0, 0, 0, :3], x[0, 1], x[1, 2, :, 2] = np.nan, -np.inf, np.inf
    return x


def _gradient(shape, dtype):
    return np.random.default_rng(1).standard_normal(shape.y_shape).astype(dtype)


def _assert_max_pool_agrees(shape, x, dy):
    y, mask = _max_pool(max_vectorized.max_pool, shape, x)
    y_scalar, mask_scalar = _max_pool(max_.max_pool_scalar, shape, x)
    np.testing.assert_array_equal(y, y_scalar)
    np.testing.assert_array_equal(mask, mask_scalar)
    np.testing.assert_array_equal(
        _into(x.shape, max_vectorized.max_pool_input_grad, shape, dy, mask),
        _into(x.shape, max_.max_pool_input_grad_scalar, shape, dy, mask),
    )


def _assert_avg_pool_agrees(shape, x, dy, count_include_pad, divisor):
    np.testing.assert_array_equal(
        _into(shape.y_shape, avg_vectorized.avg_pool, shape, x, count_include_pad, divisor),
        _into(shape.y_shape, avg.avg_pool_scalar, shape, x, count_include_pad, divisor),
    )
    np.testing.assert_array_equal(
        _into(x.shape, avg_vectorized.avg_pool_input_grad, shape, dy, count_include_pad, divisor),
        _into(x.shape, avg.avg_pool_input_grad_scalar, shape, dy, count_include_pad, divisor),
    )


@DTYPES
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_max_pool_has_the_bits_of_the_scalar_kernel(row, dtype, emulated):
    shape = _row_shape(*row)
    _assert_max_pool_agrees(shape, _images(row[0], dtype), _gradient(shape, dtype))


@DTYPES
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_avg_pool_has_the_bits_of_the_scalar_kernel(row, dtype, emulated):
    shape = _row_shape(*row)
    for count_include_pad in (True, False):
        _assert_avg_pool_agrees(shape, _images(row[0], dtype), _gradient(shape, dtype), count_include_pad, 0)


def test_volumes_and_a_given_divisor_too(emulated):
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 6, 12)).astype(np.float32)
    shape = pool_shape("pool", 3, x.shape, (2, 2, 3), stride=(1, 3, 2), padding=(1, 0, 1))
    dy = _gradient(shape, np.float32)
    _assert_max_pool_agrees(shape, x, dy)
    _assert_avg_pool_agrees(shape, x, dy, True, 5)


def test_unaligned_arrays_are_pooled_by_single_accesses(emulated):
    x = np.random.default_rng(0).standard_normal(1 + 2 * 4 * 8).astype(np.float32)[1:].reshape(1, 2, 4, 8)
    shape = pool_shape("pool", 2, x.shape, 2)
    _assert_max_pool_agrees(shape, x, _gradient(shape, np.float32))
    y, mask = _max_pool(max_vectorized.max_pool, shape, x)
    unaligned = np.zeros(1 + x.size, np.float32)[1:].reshape(x.shape)
    max_vectorized.max_pool_input_grad(shape, y, mask, unaligned)
    np.testing.assert_array_equal(unaligned, _into(x.shape, max_vectorized.max_pool_input_grad, shape, y, mask))


@pytest.mark.parametrize(
    ("taps", "stride", "pad_before"),
    [
        (taps, stride, pad_before)
        for taps in (1, 2, 3)
        for stride in (1, 2, 3)
        for pad_before in (0, 1)
        if pad_before <= taps // 2
    ],
)
def test_the_covering_windows_are_all_and_only_those(taps, stride, pad_before):
    row, group = vectorized.BackwardRow(taps, stride, pad_before), 5
    positions = range(4 * stride * group, 4 * stride * (group + 1))
    expected = {
        (q, s, c - positions[0])
        for q in range(100)
        for s in range(taps)
        if (c := q * stride - pad_before + s) in positions
    }
    start = 4 * group + row.nearest - row.lead
    assert start % 4 == 0
    assert {(start + register, s, c) for register, s, c in row.pairs()} == expected
    assert max(register for register, _, _ in row.pairs()) < 4 * row.count


@pytest.mark.parametrize(
    ("size", "kernel", "dilation"),
    [(100, (2, 4), 1), (100, (100, 3), 1), (20, 2, 2)],
    ids=["wide", "large mask", "gaps"],
)
def test_other_windows_take_the_scalar_kernel(size, kernel, dilation):
    x = np.zeros((1, 1, size, 20), np.float32)
    [(used, *_)] = record(lambda: gpuconv.max_pool2d(x, kernel, dilation=dilation))
    assert used is max_.max_pool_kernel


def test_narrow_windows_take_the_vectorized_kernel():
    [(used, *_)] = record(lambda: gpuconv.avg_pool2d(np.zeros((1, 1, 20, 20), np.float32), 3))
    assert used.py_func.__name__ == "avg_pool_vectorized_3_3_0"
