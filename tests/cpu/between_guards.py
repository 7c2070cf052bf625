"""Arrays between guard elements that are NaN: an access outside them shows."""

import numpy as np

ROOM = 40
"""Elements before and behind what a test reads or writes."""


def between_guards(values):
    """A flat array of the values, NaN before and behind them."""
    return np.pad(np.ravel(values), ROOM, constant_values=np.nan)


def target_of(size, dtype):
    return np.full(size + 2 * ROOM, np.nan, dtype)


def assert_holds(target, expected):
    """Whether a target has what was expected after its room, and NaN elsewhere."""
    np.testing.assert_array_equal(target, between_guards(np.asarray(expected, target.dtype)))
