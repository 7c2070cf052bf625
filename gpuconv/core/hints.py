"""Guesses at the mistake behind an error, for the end of its message."""

from collections.abc import Sequence
from typing import Any

LAST = {3: "(N, W, C)", 4: "(N, H, W, C)", 5: "(N, D, H, W, C)"}
FIRST = {3: "(N, C, W)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}


def channels_last_hint(shape: Sequence[int], channels: int) -> str:
    """What to say of an input whose last axis has the channels that were expected in the second.

    Parameters
    ----------
    shape : sequence of int
        Of the input.
    channels : int
        Expected in shape[1].

    Returns
    -------
    str
        Empty where the shape does not look like channels last.

    Examples
    --------
    >>> channels_last_hint((8, 32, 32, 3), 3)
    '; (N, H, W, C)? gpuconv is (N, C, H, W): pass x.transpose(0, 3, 1, 2)'
    """
    rank = len(shape)
    if rank not in LAST or shape[1] == channels or shape[-1] != channels:
        return ""
    axes = ", ".join(map(str, (0, rank - 1, *range(1, rank - 1))))
    return f"; {LAST[rank]}? gpuconv is {FIRST[rank]}: pass x.transpose({axes})"


def described(value: Any) -> str:
    """How a message shows what was passed: an array by its shape, everything else by its repr."""
    return f"an array of shape {tuple(value.shape)}" if hasattr(value, "shape") else repr(value)
