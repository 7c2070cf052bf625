"""Checks of operations and gradients, for the tests of this library and of code built on it."""

from .gradients import (
    TOLERANCE,
    GradientError,
    GradientReport,
    assert_close,
    check_adjoint,
    check_gradients,
    relative_error,
    tolerance,
)

__all__ = [
    "TOLERANCE",
    "GradientError",
    "GradientReport",
    "assert_close",
    "check_adjoint",
    "check_gradients",
    "relative_error",
    "tolerance",
]


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
