"""1x1 kernels on the CPU: products of matrices, and weight gradients in which x and dy change roles."""

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

# x_shape, filters, options
GEOMETRIES = {
    "one of each": ((1, 1, 28, 28), 1, {}),
    "whole vectors and tiles": ((2, 16, 32, 32), 48, {}),
    "a strip that ends within a vector": ((2, 5, 29, 31), 24, {}),
    "filters that end within a tile": ((2, 5, 29, 31), 13, {}),
    "one row": ((3, 7, 1, 1001), 26, {}),
    "channels for several rounds, one filter less": ((3, 300, 28, 28), 23, {}),
    "channels for several rounds, filters in tiles": ((2, 300, 27, 30), 24, {}),
    "many filters": ((1, 9, 40, 23), 200, {}),
    "tiles of several maps": ((7, 33, 4, 5), 21, {}),
    "maps of two elements, more filters than positions": ((3, 20, 1, 2), 70, {}),
    "maps of one element": ((5, 40, 1, 1), 9, {}),
    "few images of one element": ((2, 700, 1, 1), 9, {}),
    "stride 2": ((2, 9, 17, 34), 21, {"stride": (2, 2)}),
    "stride 2, rows of whole tiles": ((2, 9, 6, 128), 16, {"stride": (2, 2)}),
    "stride 3": ((2, 9, 17, 20), 21, {"stride": (3, 3)}),
    "strided rows": ((2, 9, 7, 64), 24, {"stride": (2, 1)}),
    "strided columns": ((2, 9, 7, 31), 21, {"stride": (1, 2)}),
    "groups": ((2, 27, 11, 13), 30, {"groups": 3}),
    "groups, stride 2": ((2, 27, 11, 13), 30, {"groups": 3, "stride": (2, 2)}),
}
MORE_POSITIONS = {
    "a map for several chunks": ((2, 40, 52, 51), 36, {}),
    "a map for each chunk, few channels": ((17, 5, 15, 17), 140, {}),
    "rows and columns for several tasks": ((3, 261, 4, 5), 530, {}),
    "both maps of one size, strided": ((2, 100, 3, 5), 130, {"stride": (2, 1), "padding": ((0, 2), (0, 0))}),
    "the same, padded before": ((2, 100, 3, 3), 130, {"stride": (2, 2), "padding": ((1, 1), (0, 2))}),
}


def _arrays(dtype, *shapes):
    rng = np.random.default_rng(5)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def _both_passes(x, w, b, dy, pre_activation, activation, options):
    how = {"activation": activation, "negative_slope": SLOPE, "algorithm": "pointwise", **options}
    dgrad_options = {**how, "pre_activation": None if activation is None else pre_activation}
    return gpuconv.conv2d(x, w, b, **how), gpuconv.conv2d_input_grad(dy, w, x.shape, **dgrad_options)


@DTYPES
@pytest.mark.parametrize("activation", [None, "relu", "leaky_relu"])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_products_of_matrices_agree_with_the_oracle(name, activation, dtype):
    """The forward pass with bias and activation, the input gradient with the activation's derivative."""
    (n, c, h, width), k, options = GEOMETRIES[name]
    spelt_out, slope = {**PLAIN, **options}, {None: 1.0, "relu": 0.0, "leaky_relu": SLOPE}[activation]
    w_shape = k, c // spelt_out["groups"], 1, 1
    shape = conv_shape("test", (n, c, h, width), w_shape, **options)
    x, w, b, dy, pre_activation = _arrays(dtype, shape.x_shape, w_shape, (k,), shape.y_shape, shape.x_shape)
    y, dx = _both_passes(x, w, b, dy, pre_activation, activation, options)
    assert_close(y, reference.leaky_relu(reference.conv2d(x, w, b, **spelt_out), slope), terms=c + 1)
    plain = reference.conv2d_input_grad(dy, w, x.shape, **spelt_out)
    assert_close(dx, reference.leaky_relu_grad(plain, pre_activation, slope), terms=k)


@pytest.mark.parametrize("threads_used", [1, 2, 3])
@DTYPES
@pytest.mark.parametrize("name", [*GEOMETRIES, *MORE_POSITIONS])
def test_weight_gradients_agree_with_the_oracle(name, dtype, threads_used, threads, shared):
    """Threads share the sums, or the positions where those are many; one chunk has several maps or a part of one."""
    x_shape, k, options = {**GEOMETRIES, **MORE_POSITIONS}[name]
    spelt_out = {**PLAIN, **options}
    w_shape = k, x_shape[1] // spelt_out["groups"], 1, 1
    x, dy = _arrays(dtype, x_shape, conv_shape("test", x_shape, w_shape, **options).y_shape)
    threads(min(threads_used, numba.config.NUMBA_NUM_THREADS))
    dw = gpuconv.conv2d_weight_grad(x, dy, w_shape, **options, algorithm="filter_vectorized")
    magnitude = np.sqrt(reference.conv2d_weight_grad(x**2, dy**2, w_shape, **spelt_out))
    expected = reference.conv2d_weight_grad(x, dy, w_shape, **spelt_out)
    assert_close(dw, expected, terms=dy[:, 0].size, magnitude=magnitude)
    again = gpuconv.conv2d_weight_grad(x, dy, w_shape, **options, algorithm="filter_vectorized")
    np.testing.assert_array_equal(again, dw)


def test_any_number_of_threads_gives_the_same_bits(threads, shared):
    shapes = (3, 130, 28, 28), (24, 130, 1, 1), (24,), (3, 24, 28, 28), (3, 130, 28, 28)
    arrays, runs = _arrays(np.float32, *shapes), []
    for count in range(1, min(4, numba.config.NUMBA_NUM_THREADS) + 1):
        threads(count)
        runs += [_both_passes(*arrays, "relu", {}) for _ in range(2)]
    for run in runs:
        for found, first in zip(run, runs[0], strict=True):
            np.testing.assert_array_equal(found, first)


@pytest.mark.parametrize(
    ("x_shape", "k", "options", "changed"),
    [
        ((2, 32, 30, 30), 64, {}, True),
        ((2, 64, 30, 30), 32, {}, False),
        ((2, 64, 30, 30), 36, {}, True),  # filters would leave half of a vector empty
        ((2, 64, 31, 31), 36, {"stride": 2}, False),
        # both maps are of one size, and yet not read at the same positions
        ((2, 32, 3, 5), 64, {"stride": (2, 1), "padding": ((0, 2), (0, 0))}, False),
        ((2, 32, 3, 3), 64, {"stride": 2, "padding": ((1, 1), (0, 2))}, False),
    ],
)
def test_x_and_dy_change_roles_where_that_takes_fewer_cycles(x_shape, k, options, changed):
    """Positions of both must lie alike."""
    shape = conv_shape("test", x_shape, (k, x_shape[1], 1, 1), **options)
    assert filter_vectorized_wgrad.is_exchanged(shape, np.dtype(np.float32)) == changed


def test_threads_change_no_bit_of_a_weight_gradient(threads, shared):
    x, dy = _arrays(np.float32, (7, 261, 4, 5), (7, 320, 4, 5))
    runs = []
    for count in range(1, min(4, numba.config.NUMBA_NUM_THREADS) + 1):
        threads(count)
        runs += [gpuconv.conv2d_weight_grad(x, dy, (320, 261, 1, 1), algorithm="filter_vectorized") for _ in range(2)]
    for run in runs:
        np.testing.assert_array_equal(run, runs[0])
