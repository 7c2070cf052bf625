"""Windows that ONNX defines and PyTorch refuses: averages with dilation, and padding beyond half of the window."""

import itertools

import numpy as np
import pytest

import gpuconv
from gpuconv import nn
from gpuconv.nn import functional
from gpuconv.testing import assert_close
from tests import reference
from tests.devices import on_every_device
from tests.pool.cases import function_of_rank, random_values

X = np.arange(1.0, 6.0, dtype=np.float32).reshape(1, 1, 5)
SIZES = {1: (7,), 2: (5, 6), 3: (3, 4, 5)}
OPTIONS = [
    {"kernel_size": 3, "stride": 1, "padding": 3, "dilation": 1, "ceil_mode": False},
    {"kernel_size": 2, "stride": 3, "padding": 5, "dilation": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 2, "padding": 0, "dilation": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "padding": 4, "dilation": 3, "ceil_mode": False},
]


def _each(options, rank):
    """The options with one size for each axis, as the oracle takes them."""
    sizes = {name: (options[name],) * rank for name in ("stride", "dilation")}
    sides = ((options["padding"],) * 2,) * rank
    return (options["kernel_size"],) * rank, {**sizes, "padding": sides, "ceil_mode": options["ceil_mode"]}


def check_max(rank, options):
    x = random_values((2, 2, *SIZES[rank]), np.float32)
    kernel, exact = _each(options, rank)
    y_ref, mask_ref, indices = reference.max_pool_nd(x, kernel, **exact)
    y, mask = function_of_rank("max_pool", rank)(gpuconv.to_device(x), **options)
    dy = random_values(y_ref.shape, np.float32, seed=1)
    dx = function_of_rank("max_pool", rank, "_input_grad")(gpuconv.to_device(dy), mask, x.shape, **options)
    assert np.array_equal(gpuconv.to_host(y), y_ref)
    assert np.array_equal(gpuconv.to_host(mask), mask_ref)
    assert_close(dx, reference.scatter_nd(np.where(np.isfinite(y_ref), dy, 0), indices, x.shape), terms=27)


def check_avg(rank, options, include):
    x = random_values((2, 2, *SIZES[rank]), np.float32)
    kernel, exact = _each(options, rank)
    exact["count_include_pad"] = include
    y_ref = reference.avg_pool_nd(x, kernel, **exact)
    dy = random_values(y_ref.shape, np.float32, seed=1)
    options = {**options, "count_include_pad": include}
    y = function_of_rank("avg_pool", rank)(gpuconv.to_device(x), **options)
    dx = function_of_rank("avg_pool", rank, "_input_grad")(gpuconv.to_device(dy), x.shape, **options)
    assert_close(y, y_ref, terms=27)
    assert_close(dx, reference.avg_pool_nd_input_grad(dy, x.shape, kernel, **exact), terms=27)


CASES = list(itertools.product((1, 2, 3), OPTIONS))


@on_every_device
@pytest.mark.parametrize(("rank", "options"), CASES)
def test_maxima_agree_with_the_oracle(rank, options, device, on):
    check_max(rank, options)


@on_every_device
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize(("rank", "options"), CASES)
def test_means_agree_with_the_oracle(rank, options, include, device, on):
    check_avg(rank, options, include)


@pytest.mark.parametrize(("rank", "options"), [CASES[0], CASES[5], CASES[7], CASES[11]])
def test_the_kernels_of_cuda_agree_too(rank, options, emulated):
    check_max(rank, options)
    for include in (True, False):
        check_avg(rank, options, include)


@on_every_device
def test_a_window_in_the_padding_alone_has_a_value(device, on):
    x = gpuconv.to_device(X)
    y, mask = gpuconv.max_pool1d(x, 2, 2, padding=((3, 2),))
    assert gpuconv.to_host(y).ravel().tolist() == [-np.inf, 1, 3, 5, -np.inf]
    assert gpuconv.to_host(mask).ravel().tolist() == [0, 1, 1, 1, 0]
    indices = gpuconv.pool_indices(mask, (1, 1, 5), 2, 2, padding=((3, 2),))
    assert gpuconv.to_host(indices).ravel().tolist() == [-1, 0, 2, 4, -1]
    dx = gpuconv.max_pool1d_input_grad(x, mask, (1, 1, 5), 2, 2, padding=((3, 2),))
    assert gpuconv.to_host(dx).ravel().tolist() == [2, 0, 3, 0, 4]
    for include, expected in ((True, [0, 0.5, 2.5, 4.5, 0]), (False, [0, 1, 2.5, 4.5, 0])):
        y = gpuconv.avg_pool1d(x, 2, 2, padding=((3, 2),), count_include_pad=include)
        assert gpuconv.to_host(y).ravel().tolist() == expected


@on_every_device
def test_means_of_distant_elements(device, on):
    x = gpuconv.to_device(X)
    assert gpuconv.to_host(gpuconv.avg_pool1d(x, 2, 1, dilation=3)).ravel().tolist() == [2.5, 3.5]
    dx = gpuconv.avg_pool1d_input_grad(gpuconv.to_device(X[..., :2]), (1, 1, 5), 2, 1, dilation=3)
    assert gpuconv.to_host(dx).ravel().tolist() == [0.5, 1, 0, 0.5, 1]


@on_every_device
def test_a_wide_dilation_costs_no_memory(device, on):
    """Scratch rows would take 2^36 elements."""
    far, x = 1 << 18, gpuconv.to_device(np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6))
    options = {"kernel_size": 3, "stride": far, "padding": far, "dilation": far}
    y, mask = gpuconv.max_pool2d(x, **options)
    assert (float(y.ravel()[0]), int(mask.ravel()[0]), y.shape) == (0, 4, (1, 1, 1, 1))
    dx = gpuconv.max_pool2d_input_grad(y + 2, mask, x.shape, **options)
    assert gpuconv.to_host(dx).ravel().tolist() == [2.0] + [0.0] * 35
    assert float(gpuconv.avg_pool2d(x + 9, **options).ravel()[0]) == 1
    dx = gpuconv.avg_pool2d_input_grad(y + 9, x.shape, **options)
    assert gpuconv.to_host(dx).ravel().tolist() == [1.0] + [0.0] * 35


def test_layers_and_functional_have_the_dilation():
    x = random_values((1, 2, 7, 7), np.float32)
    layer = nn.AvgPool2d(2, 1, dilation=3)
    y = layer(x)
    assert np.array_equal(y, gpuconv.avg_pool2d(x, 2, 1, dilation=3))
    assert np.array_equal(y, functional.avg_pool2d(x, 2, 1, dilation=3))
    assert np.array_equal(layer.backward(y), gpuconv.avg_pool2d_input_grad(y, x.shape, 2, 1, dilation=3))
    assert repr(layer) == "AvgPool2d(kernel_size=2, stride=1, padding=0, dilation=3)"
    assert np.array_equal(nn.AvgPool1d(2, 1, dilation=3)(X), functional.avg_pool1d(X, 2, 1, dilation=3))
    assert nn.AvgPool3d(2, dilation=(1, 2, 1))(random_values((1, 1, 4, 4, 4), np.float32)).shape == (1, 1, 2, 1, 2)
    with pytest.raises(ValueError, match="AvgPool2d: dilation is 0, expected at least 1"):
        nn.AvgPool2d(2, dilation=0)
    with pytest.raises(ValueError, match="avg_pool2d: the dilated kernel is larger than the padded input"):
        gpuconv.avg_pool2d(x, 2, dilation=7)
