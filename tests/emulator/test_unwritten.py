"""Memory of `emulator.empty`: what Python code has written is written, whatever the value; the rest is reported."""

import numpy as np
import pytest
from numba import cuda

from gpuconv import emulator


def copy(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i]


def run(x):
    y = np.zeros(x.size, x.dtype)
    emulator.run(copy, -(-x.size // 64), 64, x, y)
    return y


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("size", [1, 3, 7, 64, 1001])
def test_whatever_the_host_writes_counts_as_written(dtype, size):
    for byte in (0, 0xCB, 0xFF, 0x7F):
        x = emulator.empty(size, dtype)
        x.view(np.uint8)[...] = byte
        np.testing.assert_array_equal(run(x).view(np.uint8), byte)
    x = emulator.empty(size, dtype)
    x[...] = np.random.default_rng(0).integers(0, 256, size).astype(dtype)
    np.testing.assert_array_equal(run(x), x)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, np.complex64])
def test_what_nobody_has_written_is_reported(dtype):
    x = emulator.empty(64, dtype)
    x[:32] = 1
    with pytest.raises(emulator.EmulatorError, match="uninitialized") as found:
        run(x)
    assert found.value.location.thread == (32, 0, 0)


def test_what_a_kernel_has_written_counts_from_then_on():
    x, y = emulator.empty(64), np.arange(64, dtype=np.float32)
    emulator.run(copy, 1, 64, y, x)
    np.testing.assert_array_equal(run(x), y)


def test_an_array_of_few_bytes_counts_as_written():
    run(emulator.empty(3, np.uint8))
