"""Conversions between float32 and bfloat16 on the CPU, against ml_dtypes."""

import ml_dtypes
import numpy as np
import pytest
from numba import njit

from gpuconv.core.dtypes import KERNEL_MIN_ELEMENTS, rounded, store, widened
from gpuconv.kernels.cpu import bfloat16

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def _every_kind(size):
    """Float32 numbers of all bit patterns: denormals, halfway cases, infinities, NaN."""
    bits = np.random.default_rng(0).integers(0, 1 << 32, size, dtype=np.uint32)
    bits[::3] &= 0xFFFF8000  # halfway between two numbers of bfloat16, or one of them
    return bits.view(np.float32)


@pytest.mark.parametrize("size", [0, 1, 31, 1 << 18])
def test_rounding_is_ml_dtypes(size):
    a = _every_kind(size)
    found = np.empty(size, BFLOAT16)
    bfloat16.round_to(a, found)
    with np.errstate(all="ignore"):
        assert found.tobytes() == a.astype(BFLOAT16).tobytes()


def test_every_number_is_widened_exactly():
    a = np.arange(1 << 16, dtype=np.uint16).view(BFLOAT16)
    found = np.empty(a.shape, np.float32)
    bfloat16.widen(a, found)
    assert found.tobytes() == a.astype(np.float32).tobytes()


def test_large_arrays_are_converted_like_small_ones():
    a = _every_kind(2 * KERNEL_MIN_ELEMENTS).reshape(2, -1)
    with np.errstate(all="ignore"):
        expected = a.astype(BFLOAT16)
    assert rounded(a, BFLOAT16).tobytes() == expected.tobytes()
    assert rounded(a[:, ::2], BFLOAT16).tobytes() == expected[:, ::2].tobytes()
    assert widened(expected).tobytes() == expected.astype(np.float32).tobytes()
    out = np.zeros((2, 2 * a.shape[1]), BFLOAT16)
    store(a, out[:, ::2])
    assert out[:, ::2].tobytes() == expected.tobytes()
    assert not out[:, 1::2].any()


@njit
def _store(target, source, count, apart):
    if apart:
        bfloat16.store_every_other(target, 1, source, 2, count)
    else:
        bfloat16.store_row(target, 1, source, 2, count)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 9, 16, 17, 33, 50])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("apart", [False, True])
def test_rows_are_stored_and_nothing_beside_them(count, dtype, apart):
    source = np.arange(count + 2, dtype=np.float32 if dtype == np.uint16 else dtype) * np.float32(1.01)
    target = np.full(count * (1 + apart) + 3, 7, dtype)
    values = source[2:].astype(BFLOAT16).view(np.uint16) if dtype == np.uint16 else source[2:]
    expected = target.copy()
    expected[1 : 1 + count * (1 + apart) : 1 + apart] = values
    _store(target, source, count, apart)
    assert np.array_equal(target, expected)
