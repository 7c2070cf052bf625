"""Exponentials of the kernels' own against the C library's in more digits."""

import numpy as np
import pytest
from numba import njit

from gpuconv.kernels.core.scalar_math import exp_nonpositive, expm1, log1p, tanh


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("function", "exact", "low", "high"),
    [
        (exp_nonpositive, np.exp, -800, 0),  # down to where it is subnormal, and then 0
        (exp_nonpositive, np.exp, -1e-3, 0),
        (expm1, np.expm1, -80, 0),
        (log1p, np.log1p, 0, 1),
        (tanh, np.tanh, -30, 30),
    ],
)
def test_within_three_units_in_the_last_place(function, exact, low, high, dtype):
    low = max(low, -120) if dtype == np.float32 else low
    x = np.linspace(low, high, 100_001).astype(dtype)
    expected = exact(x.astype(np.longdouble))
    unit = np.spacing(np.abs(expected.astype(dtype))).astype(np.longdouble)
    assert np.max(np.abs(_each(function)(x) - expected) / unit) <= 3


def test_special_values():
    x = np.array([-np.inf, -200, -0.0, 0, np.nan], np.float32)
    assert np.array_equal(_each(exp_nonpositive)(x), np.array([0, 0, 1, 1, np.nan], np.float32), equal_nan=True)


def _each(function):
    @njit
    def each(x):
        y = np.empty_like(x)
        for i in range(x.size):
            y[i] = function(x[i])
        return y

    return each
