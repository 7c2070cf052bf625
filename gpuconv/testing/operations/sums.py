"""What a bias's gradient is summed from: every channel of dy, of which large parts may cancel to nearly nothing."""

import numpy as np

from ...core.device import Array, to_host

BIASES = ("b", "bias")
"""Names of the arguments that are added to each channel, axis 1 of the result."""


def summed(argument: str, gradient: Array, dy: Array) -> tuple[int, Array] | None:
    """Terms and magnitude of the gradient of a bias, as `tolerance` and `relative_error` take them.

    Parameters
    ----------
    argument : str
        Name of what the gradient is of.
    gradient : array
    dy : array (N, C, ...)

    Returns
    -------
    (int, array (C,)) or None
        The n elements of dy that an element of the gradient sums, and the root of the sum of their squares; None for
        what is no bias. The error bound, 8 eps sqrt(n) times that root, is at least 8 eps sum |dy|: it follows the
        sizes of the terms, whatever their sum.
    """
    if argument not in BIASES or gradient.shape != dy.shape[1:2]:
        return None
    others = tuple(axis for axis in range(dy.ndim) if axis != 1)
    squares = np.square(to_host(dy).astype(np.float64)).sum(axis=others)
    return dy.size // max(dy.shape[1], 1), np.sqrt(squares)
