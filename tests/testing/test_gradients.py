"""The proof tools themselves: they must find what is wrong."""

import numpy as np
import pytest

import gpuconv
from gpuconv.testing import (
    GradientError,
    assert_close,
    check_adjoint,
    check_gradients,
    relative_error,
    tolerance,
)


def test_a_wrong_gradient_is_found():
    x = np.random.default_rng(0).standard_normal((3, 4))
    with pytest.raises(GradientError, match="gradient of input 0 is off by"):
        check_gradients(np.sin, lambda dy, x: (dy * np.cos(x) * 1.001,), x)


def test_a_gradient_of_one_wrong_element_is_found():
    def backward(dy, x):
        dx = dy * np.cos(x)
        dx[0, 0] = 0
        return (dx,)

    with pytest.raises(GradientError):
        check_gradients(np.sin, backward, np.ones((3, 4)))


def test_a_kink_is_set_aside():
    """|x| has one at 0, and one element is closer to it than most steps."""
    report = check_gradients(np.abs, lambda dy, x: (dy * np.sign(x),), np.array([0.5, 1e-5, -0.7]), directions=20)
    assert report.kinks > 0
    assert report.directions == 20


@pytest.mark.parametrize("x", [np.array([0.5, 0.0]), np.array([0.5, 1e-14])])
def test_a_point_on_a_kink_has_no_derivative_to_compare(x):
    with pytest.raises(GradientError, match="crosses a kink"):
        check_gradients(np.abs, lambda dy, x: (dy * np.sign(x),), x)


def test_less_than_double_precision_is_refused():
    with pytest.raises(TypeError, match="input 0 has dtype float32, expected float64"):
        check_gradients(np.sin, lambda dy, x: (dy,), np.ones(3, np.float32))


def test_an_operator_that_is_not_the_adjoint_is_found():
    a = np.random.default_rng(0).standard_normal((4, 3))
    x, dy = np.ones(3), np.ones(4)
    assert check_adjoint(dy, a @ x, a.T @ dy, x, terms=4) < 1e-14
    with pytest.raises(GradientError, match="differ by"):
        check_adjoint(dy, a @ x, 1.01 * (a.T @ dy), x, terms=4)


def test_errors_count_nan_and_infinity():
    assert relative_error(np.array([1.0, np.nan]), np.array([1.0, np.nan])) == 0
    assert relative_error(np.array([1.0, np.nan]), np.array([1.0, 2.0])) == np.inf
    assert relative_error(np.array([np.inf]), np.array([-np.inf])) == np.inf
    assert relative_error(np.array([1.5]), np.array([1.0])) == 0.5
    with pytest.raises(ValueError, match="expected"):
        relative_error(np.zeros(2), np.zeros(3))


def test_the_table_grows_with_the_terms():
    assert tolerance(np.float32, 100) == 10 * tolerance(np.float32)
    assert tolerance(np.float64) < 1e-14
    assert tolerance(np.float32, algorithm="winograd") > tolerance(np.float32)


def test_a_difference_past_the_table_fails():
    with pytest.raises(AssertionError, match=r"relative error 1.00e-05 > 9.54e-07 \(float32, direct, 1 terms\)"):
        assert_close(np.array([1.00001], np.float32), np.array([1.0]))


def test_public_names_exist():
    assert all(hasattr(gpuconv, name) for name in gpuconv.__all__)
