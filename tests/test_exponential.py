"""The exponential that softmax and cross-entropy take in vectors, against NumPy's in extended precision."""

import numpy as np
import pytest
from numba import njit

from gpuconv.kernels.cpu.exponential import exponential, exponentials


@njit
def each(x, y):
    for i in range(x.size):
        y[i] = exponential(x[i])


@pytest.mark.parametrize(("dtype", "least", "most"), [(np.float32, -87.3, 88), (np.float64, -708, 709)])
def test_it_is_within_two_units_in_the_last_place(dtype, least, most):
    x = np.concatenate([np.linspace(least, most, 100_001), np.linspace(-1, 1, 10_001)]).astype(dtype)
    y = np.empty_like(x)
    each(x, y)
    exact = np.exp(x.astype(np.longdouble))
    assert (abs(y - exact) / np.spacing(exact.astype(dtype))).max() < 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype):
    x = np.array([0, -0.0, -np.inf, -1e30, np.nan], dtype)
    y = np.empty_like(x)
    each(x, y)
    assert np.array_equal(y, np.array([1, 1, 0, 0, np.nan], dtype), equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 3, 4, 7, 1000])
def test_a_row_loses_its_maximum(size, dtype):
    row = np.random.default_rng(size).standard_normal(size).astype(dtype) * 9
    expected = np.exp(row.astype(np.float64) - row.max())
    largest = row.max()
    total, found = exponentials(row)
    assert found == largest
    assert np.allclose(row, expected, rtol=1e-6)
    assert np.isclose(total, expected.sum(), rtol=1e-6)
