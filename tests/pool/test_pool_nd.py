"""Poolings in one to three dimensions, adaptive, global and undone, against the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.testing import assert_close, check_adjoint
from tests import reference
from tests.devices import EMULATED, on_every_device

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EXAMPLES, LARGEST = (8, {1: 9, 2: 5, 3: 5}) if EMULATED else (40, {1: 40, 2: 20, 3: 11})
FLOATS = {"terms": 27}


@st.composite
def poolings(draw, dilated):
    """(x_shape, kernel_size, options, the same options spelt out)."""
    rank = draw(st.sampled_from((1, 3, 3, 2)))
    largest = LARGEST[rank]
    kernel, stride, dilation, padding, extents = [], [], [], [], []
    for _ in range(rank):
        k, d = draw(st.integers(1, 3)), draw(st.integers(1, 2)) if dilated else 1
        extent = d * (k - 1) + 1
        sides = draw(st.integers(0, extent // 2)), draw(st.integers(0, extent // 2))
        kernel.append(k)
        stride.append(draw(st.integers(1, 3)))
        dilation.append(d)
        padding.append(sides)
        extents.append(draw(st.integers(max(1, extent - sum(sides)), largest)))
    options = {"stride": tuple(stride), "padding": tuple(padding), "ceil_mode": draw(st.booleans())}
    if dilated:
        options["dilation"] = tuple(dilation)
    return (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *extents), tuple(kernel), options


def _values(shape, dtype, ties=False, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.integers(-2, 3, shape) if ties else rng.standard_normal(shape)).astype(dtype)


def _function(name, rank, suffix=""):
    return getattr(gpuconv, f"{name}{rank}d{suffix}")


@on_every_device
@DTYPES
@settings(max_examples=EXAMPLES, deadline=None)
@given(case=poolings(dilated=True), ties=st.booleans())
def test_max_pooling(case, ties, dtype, device):
    x_shape, kernel, options = case
    rank, x = len(kernel), _values(x_shape, dtype, ties)
    y_ref, mask_ref, indices_ref = reference.max_pool_nd(x, kernel, **options)
    dy = _values(y_ref.shape, dtype, seed=1)
    with gpuconv.use_device(device):
        y, mask = _function("max_pool", rank)(gpuconv.to_device(x), kernel, **options)
        grad = _function("max_pool", rank, "_input_grad")
        dx = grad(gpuconv.to_device(dy), mask, x_shape, kernel, **options)
        indices = gpuconv.pool_indices(mask, x_shape, kernel, **options)
    assert np.array_equal(gpuconv.to_host(y), y_ref)
    assert np.array_equal(gpuconv.to_host(mask), mask_ref)
    full = np.isfinite(y_ref)  # else no tap is inside
    assert np.array_equal(gpuconv.to_host(indices)[full], indices_ref[full])
    assert_close(dx, reference.scatter_nd(np.where(full, dy, 0), indices_ref, x_shape), **FLOATS)


@on_every_device
@DTYPES
@settings(max_examples=EXAMPLES, deadline=None)
@given(case=poolings(dilated=False), include=st.booleans(), divisor=st.sampled_from((None, None, 3, -7)))
def test_average_pooling(case, include, divisor, dtype, device):
    x_shape, kernel, options = case
    rank, x = len(kernel), _values(x_shape, dtype)
    options |= {"count_include_pad": include} | ({} if rank == 1 else {"divisor_override": divisor})
    y_ref = reference.avg_pool_nd(x, kernel, **options)
    dy = _values(y_ref.shape, dtype, seed=1)
    with gpuconv.use_device(device):
        y = _function("avg_pool", rank)(gpuconv.to_device(x), kernel, **options)
        dx = _function("avg_pool", rank, "_input_grad")(gpuconv.to_device(dy), x_shape, kernel, **options)
    assert_close(y, y_ref, **FLOATS)
    assert_close(dx, reference.avg_pool_nd_input_grad(dy, x_shape, kernel, **options), **FLOATS)
    check_adjoint(dy, y, dx, x, **FLOATS)


@on_every_device
@DTYPES
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data(), ties=st.booleans())
def test_adaptive_and_global_pooling(data, ties, dtype, device):
    rank = data.draw(st.integers(1, 3))
    extents = tuple(data.draw(st.integers(1, LARGEST[rank] * 3 // 5)) for _ in range(rank))
    size = tuple(data.draw(st.integers(1, LARGEST[3])) for _ in range(rank))
    x = _values((data.draw(st.integers(0, 2)), 2, *extents), dtype, ties)
    dy = _values((*x.shape[:2], *size), dtype, seed=1)
    y_ref, indices_ref = reference.adaptive_max_pool_nd(x, size)
    with gpuconv.use_device(device):
        xd, dyd = gpuconv.to_device(x), gpuconv.to_device(dy)
        y = _function("adaptive_avg_pool", rank)(xd, size)
        dx = _function("adaptive_avg_pool", rank, "_input_grad")(dyd, x.shape)
        largest, indices = _function("adaptive_max_pool", rank)(xd, size)
        dx_max = _function("adaptive_max_pool", rank, "_input_grad")(dyd, indices, x.shape)
        mean, (top, place) = _function("global_avg_pool", rank)(xd), _function("global_max_pool", rank)(xd)
    assert_close(y, reference.adaptive_avg_pool_nd(x, size), terms=240)
    assert_close(dx, reference.adaptive_avg_pool_nd_input_grad(dy, x.shape), terms=240)
    check_adjoint(dy, y, dx, x, terms=240)
    assert np.array_equal(gpuconv.to_host(largest), y_ref)
    assert np.array_equal(gpuconv.to_host(indices), indices_ref)
    assert_close(dx_max, reference.scatter_nd(dy, indices_ref, x.shape), terms=240)
    one = (1,) * rank
    assert_close(mean, reference.adaptive_avg_pool_nd(x, one), terms=240)
    y_ref, indices_ref = reference.adaptive_max_pool_nd(x, one)
    assert np.array_equal(gpuconv.to_host(top), y_ref)
    assert np.array_equal(gpuconv.to_host(place), indices_ref)


@on_every_device
def test_none_keeps_an_axis(device, on):
    x = gpuconv.to_device(_values((1, 2, 4, 6), np.float32))
    assert gpuconv.adaptive_avg_pool2d(x, (None, 3)).shape == (1, 2, 4, 3)
    assert gpuconv.adaptive_max_pool2d(x, None)[0].shape == x.shape


@on_every_device
@DTYPES
@pytest.mark.parametrize("extents", [(9,), (6, 8), (4, 6, 2)])
def test_unpooling_puts_the_maxima_back(extents, dtype, device, on):
    rank, x = len(extents), _values((2, 3, *extents), dtype)
    y, mask = _function("max_pool", rank)(gpuconv.to_device(x), 2)
    indices = gpuconv.pool_indices(mask, x.shape, 2)
    back = _function("max_unpool", rank)(y, indices, 2, output_size=extents)
    expected = reference.max_unpool_nd(gpuconv.to_host(y), gpuconv.to_host(indices), extents)
    assert np.array_equal(gpuconv.to_host(back), expected)
    assert _function("max_unpool", rank)(y, indices, 2, output_size=x.shape).shape == x.shape
    dy = _values(x.shape, dtype, seed=1)
    dx = _function("max_unpool", rank, "_input_grad")(gpuconv.to_device(dy), indices)
    flat = gpuconv.to_host(indices).reshape(2, 3, -1)
    assert np.array_equal(gpuconv.to_host(dx).reshape(flat.shape), np.take_along_axis(dy.reshape(2, 3, -1), flat, 2))


@on_every_device
def test_of_elements_with_one_index_the_last_stays(device, on):
    x = gpuconv.to_device(np.array([[[1, 2, 3]]], np.float32))
    indices = gpuconv.to_device(np.array([[[4, 0, 4]]]))
    y = gpuconv.to_host(gpuconv.max_unpool1d(x, indices, 2))
    assert y.ravel().tolist() == [2, 0, 0, 0, 3, 0]


@on_every_device
def test_nan_and_infinities(device, on):
    x = np.array([[[-np.inf, np.nan, 1, np.nan, -np.inf, -np.inf]]], np.float32)
    xd = gpuconv.to_device(x)
    y, mask = gpuconv.max_pool1d(xd, 3)
    assert np.array_equal(gpuconv.to_host(y), [[[np.nan, np.nan]]], equal_nan=True)
    assert gpuconv.to_host(mask).ravel().tolist() == [1, 0]
    y, indices = gpuconv.adaptive_max_pool1d(xd, 3)
    assert np.array_equal(gpuconv.to_host(y), [[[np.nan, np.nan, -np.inf]]], equal_nan=True)
    assert gpuconv.to_host(indices).ravel().tolist() == [1, 3, 4]
    long = np.tile(x, (1, 1, 8))
    y, mask = gpuconv.max_pool1d(gpuconv.to_device(long), 3)
    assert gpuconv.to_host(mask).ravel().tolist() == [1, 0] * 8


@on_every_device
def test_a_mask_from_elsewhere_writes_nothing_outside(device, on):
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
        (lambda x: gpuconv.adaptive_avg_pool1d(x, 0), ValueError, "output_size is 0, expected at least 1"),
        (lambda x: gpuconv.adaptive_avg_pool2d(x[None], (2, 0)), ValueError, r"output_size\[1\] is 0"),
        (lambda x: gpuconv.adaptive_max_pool2d(x[None], (2,)), ValueError, r"output_size is \(2,\), expected"),
        (lambda x: gpuconv.adaptive_avg_pool1d(x, 1.0), TypeError, "output_size is 1.0"),
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
        (
            lambda x: gpuconv.global_avg_pool1d_input_grad(x, x.shape),
            ValueError,
            r"dy has shape .* expected \(1, 2, 1\)",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 2, 8), np.float32))
