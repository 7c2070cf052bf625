"""Conversions between float32 and bfloat16 on the CPU, against ml_dtypes."""

import ml_dtypes
import numpy as np
import pytest

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
