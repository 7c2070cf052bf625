"""Algorithms by name: each against the oracle wherever it computes a pass, and why it does not elsewhere."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv import cpu
from gpuconv.kernels.core.scalar import IDENTITY, LEAKY_RELU
from gpuconv.testing import assert_close
from tests import reference
from tests.conv.against_oracle import fft_magnitude
from tests.conv.test_conv2d import AWKWARD, SYMMETRIC
from tests.strategies import convolutions

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
PASSES = ("fprop", "dgrad", "wgrad")
SHAPELESS = [name for name in cpu.ALGORITHMS if name not in ("depthwise", "implicit_gemm")]
"""Algorithms whose kernels serve all shapes; the others, which have tests of their own, compile one for some taps."""
SLOPE = 0.3


class Problem:
    """Arrays of one convolution, and each of its passes computed by an algorithm and by the oracle."""

    def __init__(self, x_shape, w_shape, options, spelt_out, dtype, seed=0):
        self.shape, self.spelt_out, rng = _shape(x_shape, w_shape, **options), spelt_out, np.random.default_rng(seed)
        self.x, self.w, self.b, self.dy, self.pre_activation = (
            rng.standard_normal(size).astype(dtype)
            for size in (x_shape, w_shape, w_shape[:1], self.shape.y_shape, x_shape)
        )
        self.slope = np.dtype(dtype).type(SLOPE)

    def check(self, algorithm):
        """Check every pass that the algorithm supports; their names."""
        names = [name for name in PASSES if cpu.unsupported(algorithm, self.shape, name, self.x.dtype) is None]
        for name in names:
            getattr(self, name)(algorithm)
        return names

    def fprop(self, algorithm):
        """With bias and activation, and without."""
        for b, activation, slope in ((self.b, LEAKY_RELU, SLOPE), (None, IDENTITY, 1)):
            y = _poisoned(self.shape.y_shape, self.x.dtype)
            cpu.fprop(self.shape, self.x, self.w, b, activation, self.slope, y, algorithm)
            expected = reference.leaky_relu(reference.conv2d(self.x, self.w, b, **self.spelt_out), slope)
            self._agree(algorithm, y, expected, reference.conv2d, (self.x, self.w, b), self.w[0].size)

    def dgrad(self, algorithm):
        """With the activation's derivative, and without."""
        for pre_activation, slope in ((self.pre_activation, SLOPE), (None, 1)):
            dx = _poisoned(self.x.shape, self.x.dtype)
            cpu.dgrad(self.shape, self.dy, self.w, pre_activation, LEAKY_RELU, self.slope, dx, algorithm)
            plain = reference.conv2d_input_grad(self.dy, self.w, self.x.shape, **self.spelt_out)
            expected = reference.leaky_relu_grad(plain, self.pre_activation, slope)
            arguments = self.dy, self.w, self.x.shape
            self._agree(algorithm, dx, expected, reference.conv2d_input_grad, arguments, self.w[:, 0].size)

    def wgrad(self, algorithm):
        """The weight gradient."""
        dw = _poisoned(self.w.shape, self.x.dtype)
        cpu.wgrad(self.shape, self.x, self.dy, dw, algorithm)
        arguments = self.x, self.dy, self.w.shape
        expected = reference.conv2d_weight_grad(*arguments, **self.spelt_out)
        self._agree(algorithm, dw, expected, reference.conv2d_weight_grad, arguments, self.dy[:, 0].size)

    def _agree(self, algorithm, result, expected, oracle, arguments, terms):
        squares = [a.astype(np.float64) ** 2 if isinstance(a, np.ndarray) else a for a in arguments]
        magnitude = np.sqrt(oracle(*squares, **self.spelt_out))
        if algorithm == "fft" and self.shape.n:
            magnitude += fft_magnitude(*arguments[:2])
        rounding = algorithm if algorithm in ("winograd", "fft") else "direct"
        s = self.shape
        size = s.h * s.w + s.p * s.q + s.r * s.s
        assert_close(result, expected, terms=terms, algorithm=rounding, size=size, magnitude=magnitude)


def _shape(x_shape, w_shape, **options):
    return conv_shape("test", x_shape, w_shape, **options)


def _poisoned(shape, dtype):
    return np.full(shape, np.nan, dtype)


@DTYPES
@settings(max_examples=150, deadline=None)
@given(case=convolutions(), seed=st.integers(0, 2**16))
def test_every_algorithm_agrees_with_the_oracle_on_random_shapes(dtype, case, seed):
    problem = Problem(*case, dtype, seed)
    for algorithm in SHAPELESS:
        problem.check(algorithm)


# x_shape, w_shape, options
LARGER = {
    "several strips, blocks and steps of channels": ((3, 37, 29, 23), (71, 37, 3, 3), {"padding": ((1, 1), (1, 1))}),
    "the same, strided": ((3, 37, 29, 23), (71, 37, 3, 3), {"padding": ((1, 1), (1, 1)), "stride": (2, 2)}),
    "1x1, large map": ((2, 130, 29, 31), (45, 130, 1, 1), {}),
    "1x1, one row": ((3, 7, 1, 1001), (26, 7, 1, 1), {}),
    "1x1, small maps, more filters than positions": ((3, 40, 5, 7), (130, 40, 1, 1), {}),
    "1x1, groups, stride 2": ((2, 27, 31, 40), (21, 9, 1, 1), {"groups": 3, "stride": (2, 2)}),
    "1x1, rows strided": ((2, 9, 31, 40), (21, 9, 1, 1), {"stride": (2, 1)}),
    "1x1, columns strided": ((2, 9, 7, 100), (21, 9, 1, 1), {"stride": (1, 3)}),
    "1x1, maps of one element": ((6, 40, 1, 1), (13, 40, 1, 1), {}),
    "groups, strided": ((2, 24, 15, 17), (36, 8, 3, 3), {"groups": 3, "stride": (2, 2), "padding": ((1, 1), (1, 1))}),
    "dilation a multiple of the stride": ((2, 5, 17, 14), (21, 5, 3, 3), {"stride": (2, 2), "dilation": (2, 2)}),
    "groups of a vector of filters": ((2, 24, 9, 11), (48, 8, 3, 3), {"groups": 3, "padding": ((1, 1), (1, 1))}),
    "5x5, stride 2": ((3, 9, 15, 12), (21, 9, 5, 5), {"stride": (2, 2), "padding": ((1, 2), (3, 0))}),
}


@DTYPES
@pytest.mark.parametrize("name", [*AWKWARD, *LARGER])
def test_every_algorithm_agrees_with_the_oracle_on_awkward_shapes(name, dtype):
    x_shape, w_shape, options = {**AWKWARD, **LARGER}[name]
    spelt_out = {**SYMMETRIC, "padding": ((0, 0), (0, 0)), **options}
    problem = Problem(x_shape, w_shape, options, spelt_out, dtype)
    assert problem.check("direct") == list(PASSES)
    assert "dgrad" in problem.check("col2im")
    assert problem.check("fft") == list(PASSES)
    for algorithm in ("filter_vectorized", "pointwise", "winograd"):
        problem.check(algorithm)


X = (2, 4, 30, 30)
UNSUPPORTED = [
    ("pointwise", X, (4, 4, 3, 3), {}, "fprop", r"pointwise: 3x3 taps at stride 1, expected 1x1 taps,"),
    ("pointwise", X, (4, 4, 1, 1), {"padding": 1}, "fprop", r"pointwise: padding \(\(1, 1\), \(1, 1\)\), expected"),
    ("pointwise", X, (4, 4, 1, 1), {"padding": ((0, 1), (0, 0))}, "dgrad", r"pointwise: padding \(\(0, 1\), \("),
    ("pointwise", X, (4, 4, 1, 1), {}, "wgrad", r"pointwise: wgrad, expected fprop or dgrad"),
    ("col2im", X, (4, 4, 3, 3), {}, "fprop", r"col2im: fprop, expected dgrad"),
    ("col2im", (1, 1, 9, 9), (1 << 27, 1, 1, 1), {}, "dgrad", r"col2im: \d+ elements an image, expected fewer"),
    ("filter_vectorized", (1, 1, 9, 9), (1 << 27, 1, 3, 3), {}, "fprop", r"filter_vectorized: \d+ elements an image"),
    ("winograd", X, (4, 4, 7, 7), {}, "fprop", r"winograd: 7x7 taps at stride 1, expected 3x3 or 5x5 at stride 1,"),
    ("winograd", X, (4, 4, 3, 3), {"stride": 2}, "dgrad", r"winograd: 3x3 taps at stride 2, expected 3x3 or 5x5 at"),
    ("winograd", X, (4, 4, 3, 3), {"stride": 2, "dilation": 2}, "wgrad", r"winograd: .* and dilation \(2, 2\),"),
    ("gemm", X, (4, 4, 3, 3), {}, "fprop", r"gemm: no such algorithm on the CPU, expected one of 'direct', 'filter"),
]  # fmt: skip


@pytest.mark.parametrize(("algorithm", "x_shape", "w_shape", "options", "operation", "reason"), UNSUPPORTED)
def test_the_reason_says_what_came_and_what_was_expected(algorithm, x_shape, w_shape, options, operation, reason):
    found = cpu.unsupported(algorithm, _shape(x_shape, w_shape, **options), operation, np.dtype(np.float32))
    assert re.match(reason, found), found


@settings(max_examples=200, deadline=None)
@given(case=convolutions())
def test_auto_takes_an_algorithm_that_computes_the_pass(case):
    shape = _shape(*case[:2], **case[2])
    for operation in PASSES:
        for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
            name = cpu.select.select(shape, operation, dtype)
            assert name in cpu.algorithms(shape, operation, np.empty(0, dtype))
            cpu.select.select.cache_clear()
            assert cpu.select.select(shape, operation, dtype) == name


SELECTED = [
    # Filters fill the vectors they are lanes of, or do not.
    ("filter_vectorized", "fprop", (8, 64, 14, 14), (64, 64, 3, 3), {"padding": 1}),
    ("implicit_gemm", "fprop", (8, 64, 14, 14), (5, 64, 3, 3), {"padding": 1}),
    ("direct", "fprop", (8, 64, 14, 14), (20, 64, 3, 3), {"padding": 1}),
    ("filter_vectorized", "fprop", (8, 128, 14, 14), (128, 64, 3, 3), {"padding": 1, "groups": 2}),
    ("implicit_gemm", "fprop", (4, 256, 14, 14), (256, 8, 3, 3), {"padding": 1, "groups": 32}),
    ("filter_vectorized", "fprop", (4, 256, 14, 14), (512, 16, 3, 3), {"padding": 1, "groups": 16}),
    ("implicit_gemm", "fprop", (2, 256, 28, 28), (128, 16, 3, 3), {"padding": 1, "groups": 16}),
    ("filter_vectorized", "fprop", (2, 1024, 28, 28), (1024, 32, 3, 3), {"padding": 1, "stride": 2, "groups": 32}),
    ("filter_vectorized", "fprop", (4, 1024, 7, 7), (1024, 32, 3, 3), {"padding": 1, "groups": 32}),
    # Taps that meet the padding are left out.
    ("filter_vectorized", "fprop", (1, 512, 33, 33), (256, 512, 3, 3), {"padding": 12, "dilation": 12}),
    ("filter_vectorized", "fprop", (64, 64, 14, 14), (64, 64, 3, 3), {"padding": 99, "stride": 99}),
    # 1x1 kernels: of strides and groups too, but not on maps of a few elements, nor in small groups.
    ("pointwise", "fprop", (1, 4, 30, 30), (8, 4, 1, 1), {}),
    ("pointwise", "dgrad", (1, 4, 30, 30), (8, 4, 1, 1), {}),
    ("pointwise", "fprop", (1, 4, 60, 60), (8, 4, 1, 1), {"stride": 2}),
    ("pointwise", "fprop", (4, 240, 28, 28), (240, 80, 1, 1), {"groups": 3}),
    ("pointwise", "dgrad", (4, 512, 19, 19), (12, 512, 1, 1), {}),
    ("pointwise", "fprop", (4, 512, 1, 1), (64, 512, 1, 1), {}),
    ("filter_vectorized", "fprop", (4, 512, 7, 7), (64, 512, 1, 1), {}),
    ("implicit_gemm", "fprop", (4, 64, 28, 28), (64, 16, 1, 1), {"groups": 4}),
    ("direct", "fprop", (1, 4, 30, 30), (8, 4, 1, 1), {"padding": 1}),
    # Outputs are few or strided.
    ("col2im", "dgrad", (64, 20, 12, 12), (32, 20, 5, 5), {}),
    ("filter_vectorized", "dgrad", (64, 32, 12, 12), (64, 32, 5, 5), {}),
    ("implicit_gemm", "dgrad", (2, 256, 56, 56), (256, 8, 3, 3), {"stride": 2, "padding": 1, "groups": 32}),
    ("implicit_gemm", "dgrad", (4, 3, 112, 112), (32, 3, 3, 3), {"stride": 2, "padding": 1}),
    ("pointwise", "dgrad", (1, 128, 196, 196), (64, 128, 2, 2), {"stride": 2}),
    ("filter_vectorized", "fprop", (2, 96, 56, 56), (192, 96, 2, 2), {"stride": 2}),
    # Weights are many for so few outputs: all images at once.
    ("filter_vectorized", "dgrad", (4, 128, 5, 5), (256, 128, 3, 3), {"stride": 2, "padding": 1}),
    ("filter_vectorized", "dgrad", (4, 512, 14, 14), (512, 512, 3, 3), {"stride": 2, "padding": 1}),
    ("filter_vectorized", "dgrad", (8, 128, 56, 56), (128, 128, 3, 3), {"stride": 2, "padding": 1}),
    ("filter_vectorized", "dgrad", (1, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    ("pointwise", "dgrad", (8, 64, 56, 56), (256, 64, 1, 1), {}),
    ("filter_vectorized", "wgrad", (8, 96, 14, 14), (64, 96, 1, 1), {}),
    ("filter_vectorized", "wgrad", (1, 64, 64, 64), (36, 64, 1, 1), {}),
    ("filter_vectorized", "wgrad", (8, 3, 14, 14), (64, 3, 3, 3), {}),
    ("direct", "wgrad", (64, 3, 32, 32), (32, 3, 3, 3), {"padding": 1}),
    # one vector of filters, of all or of each group
    ("filter_vectorized", "wgrad", (8, 96, 14, 14), (7, 96, 3, 3), {}),
    ("filter_vectorized", "wgrad", (8, 64, 14, 14), (32, 16, 3, 3), {"groups": 4}),
    ("direct", "wgrad", (8, 96, 14, 14), (5, 96, 3, 3), {}),
    # many taps, of which register tiles of few filters leave much to do
    ("fft", "fprop", (1, 1, 512, 512), (1, 1, 64, 64), {}),
    ("fft", "dgrad", (1, 1, 512, 512), (1, 1, 64, 64), {}),
    ("fft", "wgrad", (1, 1, 512, 512), (1, 1, 64, 64), {}),
    ("depthwise", "fprop", (2, 32, 64, 64), (32, 1, 31, 31), {"padding": 15, "groups": 32}),
    ("fft", "fprop", (2, 32, 256, 256), (32, 1, 63, 63), {"padding": 31, "groups": 32}),
    ("fft", "fprop", (2, 64, 64, 64), (64, 64, 31, 31), {"padding": 15}),
    ("direct", "fprop", (2, 16, 64, 64), (20, 16, 11, 11), {"padding": 5}),
]


@pytest.mark.parametrize(("algorithm", "operation", "x_shape", "w_shape", "options"), SELECTED)
def test_auto_takes_what_was_measured_to_be_fastest(algorithm, operation, x_shape, w_shape, options):
    shape, dtype = _shape(x_shape, w_shape, **options), np.dtype(np.float64)
    assert cpu.select.select(shape, operation, dtype) == algorithm
