"""Hints at the likely mistake, appended to error messages."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

LAST = {3: "(N, W, C)", 4: "(N, H, W, C)", 5: "(N, D, H, W, C)"}
FIRST = {3: "(N, C, W)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}


def channels_last_hint(shape: Sequence[int], channels: int) -> str:
    """Hint for an input whose channels are in the last axis instead of the second.

    Parameters
    ----------
    shape : sequence of int
        Shape of the input.
    channels : int
        Number of channels expected in shape[1].

    Returns
    -------
    str
        Empty if the shape does not look like channels-last.

    Examples
    --------
    >>> channels_last_hint((8, 32, 32, 3), 3)
    '; x has shape (N, H, W, C)? gpuconv is (N, C, H, W): pass x.transpose(0, 3, 1, 2)'
    """
    rank = len(shape)
    if rank not in LAST or shape[1] == channels or shape[-1] != channels:
        return ""
    axes = ", ".join(map(str, (0, rank - 1, *range(1, rank - 1))))
    return f"; x has shape {LAST[rank]}? gpuconv is {FIRST[rank]}: pass x.transpose({axes})"


def did_you_mean(value: Any, choices: Iterable[Any]) -> str:
    """Guess which of the names was meant by one that is none of them; empty where none is near."""
    names = [choice for choice in choices if isinstance(choice, str)]
    near = difflib.get_close_matches(value, names, 1) if isinstance(value, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def described(value: Any) -> str:
    """Describe a value in a message: an array by its shape, everything else by its repr."""
    shape = getattr(value, "shape", None)
    return f"an array of shape {tuple(shape)}" if shape else repr(value)
