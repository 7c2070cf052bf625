"""Poolings that compute four results a thread: the bits of the plain kernels, aligned or not, whatever is in x."""

import numpy as np
import pytest

import gpuconv
from gpuconv.bench.launches import record
from gpuconv.kernels.pool.cuda import avg as avg_pooling
from gpuconv.kernels.pool.cuda import max as max_pooling
from gpuconv.kernels.pool.cuda import vectorized

# (width, taps, stride, padding, ceil_mode): rows of whole vectors and not, windows that overlap, touch and leave gaps.
ROWS = [
    (16, 2, 2, 0, False), (16, 3, 2, 1, False), (16, 3, 2, 0, False), (15, 3, 2, 1, True), (12, 3, 3, 0, False),
    (8, 1, 2, 0, False), (8, 2, 1, 1, False), (9, 3, 1, 1, False), (13, 2, 3, 0, True), (7, 3, 2, 1, False),
    (4, 2, 2, 0, False), (32, 3, 1, 1, False),
]  # fmt: skip


@pytest.fixture
def on_both(emulated, monkeypatch):
    """Compute with these kernels and with the plain ones."""

    def compute(call):
        results = [call()]
        with monkeypatch.context() as plain:
            for module in (max_pooling, avg_pooling):
                plain.setattr(module, "serves", lambda g: False)
            results.append(call())
        return results

    return compute


def _images(width, dtype):
    x = np.random.default_rng(0).standard_normal((2, 3, 6, width)).astype(dtype)
    x[0, 0, 0, :3], x[0, 1], x[1, 2, :, 2] = np.nan, -np.inf, np.inf
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("width", "taps", "stride", "padding", "ceil_mode"), ROWS)
def test_fours_have_the_bits_of_the_plain_kernels(width, taps, stride, padding, ceil_mode, dtype, on_both):
    x, options = _images(width, dtype), {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    (y, mask), plain = on_both(lambda: gpuconv.max_pool2d(x, taps, **options))
    np.testing.assert_array_equal(y, plain[0])
    np.testing.assert_array_equal(mask, plain[1])
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    np.testing.assert_array_equal(*on_both(lambda: gpuconv.max_pool2d_input_grad(dy, mask, x.shape, taps, **options)))
    for counted in (True, False):
        kw = {**options, "count_include_pad": counted}
        np.testing.assert_array_equal(*on_both(lambda kw=kw: gpuconv.avg_pool2d(x, taps, **kw)))
        np.testing.assert_array_equal(
            *on_both(lambda kw=kw: gpuconv.avg_pool2d_input_grad(dy, x.shape, taps, divisor_override=None, **kw))
        )


def test_volumes_and_a_divisor_of_ones_own(on_both):
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 6, 12)).astype(np.float32)
    kw = {"stride": (1, 3, 2), "padding": (1, 0, 1)}
    (y, mask), plain = on_both(lambda: gpuconv.max_pool3d(x, (2, 2, 3), **kw))
    np.testing.assert_array_equal(y, plain[0])
    np.testing.assert_array_equal(*on_both(lambda: gpuconv.max_pool3d_input_grad(y, mask, x.shape, (2, 2, 3), **kw)))
    kw["divisor_override"] = 5
    np.testing.assert_array_equal(*on_both(lambda: gpuconv.avg_pool3d(x, (2, 2, 3), **kw)))
    np.testing.assert_array_equal(*on_both(lambda: gpuconv.avg_pool3d_input_grad(y, x.shape, (2, 2, 3), **kw)))


def test_a_view_at_an_odd_address_is_pooled_by_single_accesses(on_both):
    x = np.random.default_rng(0).standard_normal(1 + 2 * 4 * 8).astype(np.float32)[1:].reshape(1, 2, 4, 8)
    (y, mask), plain = on_both(lambda: gpuconv.max_pool2d(x, 2))
    np.testing.assert_array_equal(y, plain[0])
    out = np.empty(1 + x.size, np.float32)[1:].reshape(x.shape)
    filled = gpuconv.max_pool2d_input_grad(y, mask, x.shape, 2, out=out)
    np.testing.assert_array_equal(filled, gpuconv.max_pool2d_input_grad(y, mask, x.shape, 2))


@pytest.mark.parametrize("taps", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("before", [0, 1])
def test_covering_windows_are_all_and_only_those(taps, stride, before):
    if before > taps // 2:
        pytest.skip("no pooling has so much padding")
    row, four = vectorized.Covering(taps, stride, before), 5
    positions = range(4 * stride * four, 4 * stride * (four + 1))
    expected = {
        (q, s, c - positions[0]) for q in range(100) for s in range(taps) if (c := q * stride - before + s) in positions
    }
    start = 4 * four + row.nearest - row.lead
    assert start % 4 == 0
    assert {(start + register, s, c) for register, s, c in row.pairs()} == expected
    assert max(register for register, _, _ in row.pairs()) < 4 * row.count


def test_wide_windows_and_large_masks_have_the_plain_kernels():
    x = np.zeros((1, 1, 20, 20), np.float32)
    for kernel in ((2, 4), (100, 3)):
        big = np.zeros((1, 1, 100, 20), np.float32)
        [(used, *_)] = record(lambda k=kernel, a=big: gpuconv.max_pool2d(a, k))
        assert used is max_pooling.max_pool_kernel
    [(used, *_)] = record(lambda: gpuconv.max_pool2d(x, 2, dilation=2))
    assert used is max_pooling.max_pool_kernel
    [(used, *_)] = record(lambda: gpuconv.avg_pool2d(x, 3))
    assert used.py_func.__name__ == "avg_pool_fours_3_3_0"
