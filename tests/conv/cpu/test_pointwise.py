"""1x1 kernels on the CPU: a GEMM for each image, and weight gradients in which x and dy change roles."""

import numba
import numpy as np
import pytest

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu import filter_vectorized_wgrad
from gpuconv.testing import assert_close
from tests import reference

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
SLOPE = 0.3

# x_shape and filters
GEOMETRIES = {
    "one of each": ((1, 1, 28, 28), 1),
    "whole vectors and tiles": ((2, 16, 32, 32), 48),
    "a strip that ends within a vector": ((2, 5, 29, 31), 24),
    "filters that end within a tile": ((2, 5, 29, 31), 13),
    "one row": ((3, 7, 1, 1001), 26),
    "channels for several rounds, one filter less": ((3, 130, 28, 28), 23),
    "channels for several rounds, filters in tiles": ((2, 300, 27, 30), 24),
    "many filters": ((1, 9, 40, 23), 200),
}


def _arrays(dtype, *shapes):
    rng = np.random.default_rng(5)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def _both_passes(x, w, b, dy, pre_activation, activation):
    how = {"activation": activation, "negative_slope": SLOPE, "algorithm": "pointwise"}
    dgrad_options = {**how, "pre_activation": None if activation is None else pre_activation}
    return gpuconv.conv2d(x, w, b, **how), gpuconv.conv2d_input_grad(dy, w, x.shape, **dgrad_options)


@DTYPES
@pytest.mark.parametrize("activation", [None, "relu", "leaky_relu"])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_products_of_matrices_agree_with_the_oracle(name, activation, dtype):
    """The forward pass with bias and activation, the input gradient with the activation's derivative."""
    (n, c, h, width), k = GEOMETRIES[name]
    slope = {None: 1.0, "relu": 0.0, "leaky_relu": SLOPE}[activation]
    shapes = (n, c, h, width), (k, c, 1, 1), (k,), (n, k, h, width), (n, c, h, width)
    x, w, b, dy, pre_activation = _arrays(dtype, *shapes)
    y, dx = _both_passes(x, w, b, dy, pre_activation, activation)
    assert_close(y, reference.leaky_relu(reference.conv2d(x, w, b, **PLAIN), slope), terms=c + 1)
    plain = reference.conv2d_input_grad(dy, w, x.shape, **PLAIN)
    assert_close(dx, reference.leaky_relu_grad(plain, pre_activation, slope), terms=k)


def test_any_number_of_threads_gives_the_same_bits(threads, shared):
    shapes = (3, 130, 28, 28), (24, 130, 1, 1), (24,), (3, 24, 28, 28), (3, 130, 28, 28)
    arrays, runs = _arrays(np.float32, *shapes), []
    for count in range(1, min(4, numba.config.NUMBA_NUM_THREADS) + 1):
        threads(count)
        runs += [_both_passes(*arrays, "relu") for _ in range(2)]
    for run in runs:
        for found, first in zip(run, runs[0], strict=True):
            np.testing.assert_array_equal(found, first)


@DTYPES
@pytest.mark.parametrize(
    ("x_shape", "k", "options", "changed"),
    [
        ((3, 100, 5, 7), 130, {}, True),
        ((1, 96, 1, 1), 97, {}, True),
        ((7, 261, 4, 5), 320, {}, True),  # lanes and blocks of channels, the last of which lacks some
        ((2, 97, 30, 31), 150, {}, True),  # positions for several rounds
        ((3, 130, 5, 7), 100, {}, False),
        ((3, 100, 5, 7), 130, {"stride": 2}, False),
        # Both maps are of one size, and yet not read at the same positions.
        ((2, 100, 3, 5), 130, {"stride": (2, 1), "padding": ((0, 2), (0, 0))}, False),
        ((2, 100, 3, 3), 130, {"stride": 2, "padding": ((1, 1), (0, 2))}, False),
    ],
)
def test_weight_gradients_of_1x1_kernels_agree_with_the_oracle(x_shape, k, options, changed, dtype):
    """With more filters than channels x and dy change roles, if their maps lie alike."""
    x, w = _arrays(dtype, x_shape, (k, x_shape[1], 1, 1))
    pair = {name: (value, value) if isinstance(value, int) else value for name, value in options.items()}
    spelt_out = {**PLAIN, **pair}
    spelt_out["padding"] = tuple((side, side) if isinstance(side, int) else side for side in spelt_out["padding"])
    (dy,) = _arrays(dtype, reference.conv2d(x, w, None, **spelt_out).shape)
    dw = gpuconv.conv2d_weight_grad(x, dy, w.shape, **options, algorithm="filter_vectorized")
    magnitude = np.sqrt(reference.conv2d_weight_grad(x**2, dy**2, w.shape, **spelt_out))
    expected = reference.conv2d_weight_grad(x, dy, w.shape, **spelt_out)
    assert_close(dw, expected, terms=dy[:, 0].size, magnitude=magnitude)
    shape = conv_shape("test", x_shape, w.shape, **options)
    assert filter_vectorized_wgrad.is_exchanged(shape) == changed


def test_threads_change_no_bit_of_a_weight_gradient(threads, shared):
    x, dy = _arrays(np.float32, (7, 261, 4, 5), (7, 320, 4, 5))
    runs = []
    for count in range(1, min(4, numba.config.NUMBA_NUM_THREADS) + 1):
        threads(count)
        runs += [gpuconv.conv2d_weight_grad(x, dy, (320, 261, 1, 1), algorithm="filter_vectorized") for _ in range(2)]
    for run in runs:
        np.testing.assert_array_equal(run, runs[0])
