"""Pooling with masks and its gradients against the oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gpuconv
from gpuconv.testing import assert_close, check_gradients
from tests import reference
from tests.devices import on_every_device
from tests.strategies import poolings


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=100, deadline=None)
@given(case=poolings(), ties=st.booleans(), seed=st.integers(0, 2**16))
def test_max_pooling_agrees_with_the_oracle(case, ties, seed, dtype, device):
    x_shape, kernel, options = case
    rng = np.random.default_rng(seed)
    x = (rng.integers(-2, 3, x_shape) if ties else rng.standard_normal(x_shape)).astype(dtype)
    y_ref, mask_ref = reference.max_pool2d(x, kernel, **options)
    dy = rng.standard_normal(y_ref.shape).astype(dtype)
    with gpuconv.use_device(device):
        y, mask = gpuconv.max_pool2d(gpuconv.to_device(x), kernel, **options)
        dx = gpuconv.max_pool2d_input_grad(gpuconv.to_device(dy), mask, x_shape, kernel, **options)
    assert np.array_equal(gpuconv.to_host(y), y_ref.astype(dtype))
    assert np.array_equal(gpuconv.to_host(mask), mask_ref)
    assert_close(dx, reference.max_pool2d_input_grad(dy, mask_ref, x_shape, kernel, **options), terms=25)


@on_every_device
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=100, deadline=None)
@given(case=poolings(), count_include_pad=st.booleans(), seed=st.integers(0, 2**16))
def test_average_pooling_agrees_with_the_oracle(case, count_include_pad, seed, dtype, device):
    x_shape, kernel, options = case
    if options.pop("dilation") != (1, 1):  # of which the oracle of two axes knows nothing
        options["padding"] = tuple(
            tuple(min(amount, k // 2) for amount in side) for side, k in zip(options["padding"], kernel, strict=True)
        )
        x_shape = (*x_shape[:2], *(max(size, k) for size, k in zip(x_shape[2:], kernel, strict=True)))
    options["count_include_pad"] = count_include_pad
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(x_shape).astype(dtype)
    y_ref = reference.avg_pool2d(x, kernel, **options)
    dy = rng.standard_normal(y_ref.shape).astype(dtype)
    with gpuconv.use_device(device):
        y = gpuconv.avg_pool2d(gpuconv.to_device(x), kernel, **options)
        dx = gpuconv.avg_pool2d_input_grad(gpuconv.to_device(dy), x_shape, kernel, **options)
    assert_close(y, y_ref, terms=25)
    assert_close(dx, reference.avg_pool2d_input_grad(dy, x_shape, kernel, **options), terms=25)


@on_every_device
def test_the_first_of_equals_wins(device, on):
    y, mask = gpuconv.max_pool2d(gpuconv.to_device(np.zeros((1, 1, 4, 4), np.float32)), 2)
    assert not gpuconv.to_host(y).any()
    assert not gpuconv.to_host(mask).any()


@on_every_device
def test_nan_wins_and_infinity_is_a_number(device, on):
    x = np.array([[[[1, np.nan, -np.inf, -np.inf], [5, np.nan, -np.inf, -np.inf]]]], np.float32)
    y, mask = gpuconv.max_pool2d(gpuconv.to_device(x), 2)
    assert np.array_equal(gpuconv.to_host(y), [[[[np.nan, -np.inf]]]], equal_nan=True)
    assert np.array_equal(gpuconv.to_host(mask)[0, 0], [[1, 0]])


@on_every_device
def test_a_window_of_minus_infinities_is_won_by_its_first_element_inside(device, on):
    y, mask = gpuconv.max_pool2d(gpuconv.to_device(np.full((1, 1, 3, 3), -np.inf, np.float32)), 2, stride=2, padding=1)
    assert (gpuconv.to_host(y) == -np.inf).all()
    assert np.array_equal(gpuconv.to_host(mask)[0, 0], [[3, 2], [1, 0]])


@on_every_device
@pytest.mark.parametrize(("kernel", "name"), [(16, "uint8"), (17, "uint16")])
def test_the_mask_has_the_smallest_type(kernel, name, device, on):
    x = np.zeros((1, 1, 17, 17), np.float32)
    x[..., kernel - 1, kernel - 1] = 1
    y, mask = gpuconv.max_pool2d(gpuconv.to_device(x), kernel, stride=1)
    assert mask.dtype == name
    assert int(mask[0, 0, 0, 0]) == kernel * kernel - 1
    assert float(y[0, 0, 0, 0]) == 1


@on_every_device
def test_finite_differences(device, on):
    x = gpuconv.to_device(np.random.default_rng(0).standard_normal((2, 3, 7, 6)))
    kw = {"stride": 2, "padding": 1}
    max_report = check_gradients(
        lambda x: gpuconv.max_pool2d(x, 3, **kw)[0],
        lambda dy, x: (gpuconv.max_pool2d_input_grad(dy, gpuconv.max_pool2d(x, 3, **kw)[1], x.shape, 3, **kw),),
        x,
    )
    avg_report = check_gradients(
        lambda x: gpuconv.avg_pool2d(x, 3, **kw),
        lambda dy, x: (gpuconv.avg_pool2d_input_grad(dy, x.shape, 3, **kw),),
        x,
    )
    assert max_report.directions == avg_report.directions == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gpuconv.max_pool2d(x, 0), "kernel_size is 0, expected at least 1"),
        (lambda x: gpuconv.max_pool2d(x, 2, stride=0), "stride is 0"),
        (lambda x: gpuconv.max_pool2d(x, 9), "larger than the padded input: height 9 > 4"),
        (lambda x: gpuconv.max_pool2d(x[0], 2), r"x has shape \(1, 4, 4\), expected four dimensions"),
        (
            lambda x: gpuconv.avg_pool2d_input_grad(x, x.shape, 2),
            r"dy has shape \(1, 1, 4, 4\), expected \(1, 1, 2, 2\)",
        ),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.zeros((1, 1, 4, 4), np.float32))


def test_a_mask_of_another_type_is_refused():
    dy = np.zeros((1, 1, 2, 2), np.float32)
    with pytest.raises(TypeError, match="mask has dtype int64, expected uint8"):
        gpuconv.max_pool2d_input_grad(dy, np.zeros(dy.shape, np.int64), (1, 1, 4, 4), 2)
