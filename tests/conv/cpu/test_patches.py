"""Kernels as large as their stride on the CPU: patches that do not overlap, as products of matrices."""

import numpy as np
import pytest

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu.pointwise import are_patches
from tests.conv.cpu.test_algorithms import Problem
from tests.conv.test_conv2d import SYMMETRIC

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# x_shape, w_shape, stride
GEOMETRIES = {
    "one patch": ((1, 1, 2, 2), (1, 1, 2, 2), (2, 2)),
    "a strip that ends within a row": ((2, 5, 26, 38), (13, 5, 2, 2), (2, 2)),
    "elements outside of all patches": ((2, 3, 9, 15), (7, 3, 2, 2), (2, 2)),
    "several strips and steps": ((2, 70, 60, 62), (20, 70, 2, 2), (2, 2)),
    "several blocks of rows": ((3, 40, 8, 10), (150, 40, 2, 2), (2, 2)),
    "many filters": ((2, 6, 14, 14), (530, 6, 2, 2), (2, 2)),
    "groups": ((2, 6, 12, 14), (15, 2, 2, 2), (2, 2)),
    "4x4": ((2, 3, 21, 36), (24, 3, 4, 4), (4, 4)),
    "3x2": ((2, 3, 21, 36), (10, 3, 3, 2), (3, 2)),
    "one row of taps": ((2, 4, 9, 33), (10, 4, 1, 2), (1, 2)),
    "one column of taps": ((2, 4, 9, 33), (10, 4, 3, 1), (3, 1)),
}


@DTYPES
@pytest.mark.parametrize("name", GEOMETRIES)
def test_patches_agree_with_the_oracle(name, dtype):
    """The forward pass with bias and activation, the input gradient with the activation's derivative."""
    x_shape, w_shape, stride = GEOMETRIES[name]
    groups = x_shape[1] // w_shape[1]
    spelt_out = {**SYMMETRIC, "padding": ((0, 0), (0, 0)), "stride": stride, "groups": groups}
    problem = Problem(x_shape, w_shape, {"stride": stride, "groups": groups}, spelt_out, dtype)
    assert are_patches(problem.shape)
    assert problem.check("pointwise") == ["fprop", "dgrad"]


def test_threads_change_no_bit_of_patches(threads, shared):
    rng = np.random.default_rng(5)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 40, 30, 34), (50, 40, 2, 2)))
    runs = []
    for count in (1, 2):
        threads(count)
        y = gpuconv.conv2d(x, w, stride=2, algorithm="pointwise")
        runs.append((y, gpuconv.conv2d_input_grad(y, w, x.shape, stride=2, algorithm="pointwise")))
    for found, first in zip(*runs, strict=True):
        np.testing.assert_array_equal(found, first)


@pytest.mark.parametrize(
    ("taps", "options"),
    [
        (2, {"stride": 1}),
        (2, {"stride": 3}),
        (2, {"stride": 2, "padding": 1}),
        (2, {"stride": 2, "dilation": 2}),
        (1, {}),
    ],
)
def test_windows_that_overlap_or_are_padded_are_no_patches(taps, options):
    assert not are_patches(conv_shape("test", (1, 2, 9, 9), (3, 2, taps, taps), **options))
