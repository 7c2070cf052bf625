"""Convolutions of bfloat16 arrays by products of pairs, by every tile this machine has, against the float64 oracle."""

import ml_dtypes
import numpy as np
import pytest

import gpuconv
from gpuconv.conv.shape import conv_shape
from gpuconv.kernels.conv.cpu import bfloat16 as pairs
from gpuconv.kernels.cpu import pair_tiles
from tests import reference
from tests.conv.against_oracle import agree

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SLOPE = np.float32(0.125)
PROBLEMS = {
    "even channels": ((2, 6, 9, 9), (5, 6, 3, 3), {"padding": 1}),
    "odd channels, two panels": ((2, 7, 9, 11), (40, 7, 3, 3), {"padding": 1}),
    "one channel": ((3, 1, 8, 8), (3, 1, 3, 3), {"padding": 1}),
    "first layer": ((2, 3, 17, 19), (10, 3, 7, 7), {"stride": 2, "padding": 3}),
    "rows of taps, dilated": ((2, 1, 14, 11), (9, 1, 5, 5), {"stride": (2, 1), "padding": 1, "dilation": (1, 2)}),
    "1x1": ((1, 64, 14, 14), (48, 64, 1, 1), {}),
    "1x1, padded": ((2, 5, 6, 7), (9, 5, 1, 1), {"padding": 1}),
    "groups of odd size": ((3, 12, 10, 9), (8, 3, 3, 3), {"stride": 2, "padding": 1, "groups": 4}),
    "strides, dilation": ((2, 33, 13, 13), (33, 33, 5, 3), {"stride": (1, 2), "padding": 2, "dilation": (2, 1)}),
    "columns between strides": ((2, 9, 11, 11), (5, 9, 1, 1), {"stride": 3}),
    "steps of channels": ((1, 520, 6, 6), (20, 520, 3, 3), {"padding": 1}),
    "whole images": ((5, 10, 3, 3), (17, 10, 2, 2), {}),
}

pytestmark = pytest.mark.skipif(not pair_tiles.names(), reason="needs AVX512_BF16 or AMX")


@pytest.fixture(params=pair_tiles.names())
def tile(request):
    return request.param


def _numbers(*shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(BFLOAT16)


def _poisoned(shape):
    return np.full(shape, 0x7FC0, np.uint16).view(BFLOAT16)


def _wide(a):
    return a.astype(np.float64)


def _forward(shape, tile, x, w, b, code=0):
    plan, y = pairs.fprop_plan(shape, tile), _poisoned(shape.y_shape)
    plan.launch(x, w, b, code, SLOPE, plan.no_pre_activation, y)
    return y


@pytest.mark.parametrize("problem", PROBLEMS)
def test_passes_agree_with_the_oracle(problem, tile):
    x_shape, w_shape, options = PROBLEMS[problem]
    shape = conv_shape("conv2d", x_shape, w_shape, **options)
    x, w, b = _numbers(*x_shape, seed=0), _numbers(*w_shape, seed=1), _numbers(w_shape[0], seed=2)
    dy = _numbers(*shape.y_shape, seed=3)
    dw = _poisoned(w_shape)
    pairs.wgrad_plan(shape, tile).launch(x, dy, dw)
    dx, plan = _poisoned(x_shape), pairs.dgrad_plan(shape, tile)
    plan.launch(dy, w, plan.no_bias, 0, SLOPE, plan.no_pre_activation, dx)
    spelt = reference_options(options)
    x, w, b, dy = map(_wide, (x, w, b, dy))
    y = _forward(shape, tile, *(a.astype(BFLOAT16) for a in (x, w, b)))
    agree(y, reference.conv2d, (x, w, b), spelt, np.prod(w_shape[1:]))
    terms = w_shape[0] // options.get("groups", 1) * np.prod(w_shape[2:])
    agree(dx, reference.conv2d_input_grad, (dy, w, x_shape), spelt, terms)
    agree(dw, reference.conv2d_weight_grad, (x, dy, w_shape), spelt, dy[:, 0].size)


def reference_options(options):
    """The options as the oracle takes them."""
    pair = {name: (v, v) if isinstance(v := options.get(name, 1), int) else v for name in ("stride", "dilation")}
    padding = options.get("padding", 0)
    return {**pair, "padding": ((padding, padding),) * 2, "groups": options.get("groups", 1)}


def test_activations_and_their_derivatives(tile):
    x, w, b = _numbers(2, 6, 5, 5, seed=0), _numbers(4, 6, 3, 3, seed=1), _numbers(4, seed=2)
    shape = conv_shape("conv2d", x.shape, w.shape, padding=1)
    plain = _wide(_forward(shape, tile, x, w, b))
    assert np.array_equal(_wide(_forward(shape, tile, x, w, b, 1)), np.maximum(plain, 0))
    dy, pre, dx = _numbers(*shape.y_shape, seed=3), _numbers(*x.shape, seed=4), np.empty(x.shape, BFLOAT16)
    plan = pairs.dgrad_plan(shape, tile)
    plan.launch(dy, w, plan.no_bias, 0, SLOPE, plan.no_pre_activation, dx)
    scaled = np.empty_like(dx)
    plan.launch(dy, w, plan.no_bias, 2, SLOPE, pre, scaled)
    # the slope is a power of two: the same digits
    assert np.array_equal(_wide(scaled), np.where(_wide(pre) > 0, _wide(dx), _wide(dx) / 8))


def test_infinities_and_nan_stay_where_they_belong(tile):
    x, w = _numbers(1, 5, 8, 8, seed=0), _numbers(3, 5, 3, 3, seed=1)
    x[0, 4, 2, 2], x[0, 1, 6, 6] = np.nan, np.inf
    shape = conv_shape("conv2d", x.shape, w.shape, padding=1)
    y = _forward(shape, tile, x, w, np.zeros(3, np.float32))
    expected = reference.conv2d(_wide(x), _wide(w), None, **reference_options({"padding": 1}))
    assert np.array_equal(np.isnan(_wide(y)), np.isnan(expected))
    assert np.array_equal(np.isinf(_wide(y)), np.isinf(expected))


def test_both_tiles_and_float32_differ_by_one_rounding():
    x, w, b = _numbers(2, 32, 12, 12, seed=0), _numbers(40, 32, 3, 3, seed=1), _numbers(40, seed=2)
    shape = conv_shape("conv2d", x.shape, w.shape, padding=1)
    wide = gpuconv.conv2d(*(a.astype(np.float32) for a in (x, w, b)), padding=1)
    for tile in pair_tiles.names():
        y = _wide(_forward(shape, tile, x, w, b))
        step = 2.0 ** (np.floor(np.log2(np.abs(wide))) - 7)
        assert (np.abs(y - wide) <= 0.5 * step + 1e-4).all()


@pytest.mark.skipif(not pair_tiles.quickest(), reason="float32 is quicker here")
def test_the_library_takes_pairs_and_says_so():
    x, w = _numbers(2, 32, 16, 16, seed=0), _numbers(32, 32, 3, 3, seed=1)
    shape = conv_shape("conv2d", x.shape, w.shape, padding=1)
    out = np.empty(shape.y_shape, BFLOAT16)
    found = [gpuconv.conv2d(x, w, padding=1) for _ in range(2)] + [gpuconv.conv2d(x, w, padding=1, out=out)]
    strided = np.empty((2, 32, 16, 32), BFLOAT16)[..., ::2]
    strided[...] = x
    found += [gpuconv.conv2d(strided, w, padding=1), gpuconv.conv2d(x, w, padding=1, algorithm="direct")]
    assert found[2] is out
    expected = _forward(shape, pair_tiles.quickest(), x, w, np.zeros(32, np.float32))
    assert all(y.tobytes() == expected.tobytes() for y in found)
