"""Frames of volumes (N, C, D, H, W), which each target's `frames` gathers into images (N count, C taps, H, W)."""

from typing import NamedTuple

import numpy as np


class Frames(NamedTuple):
    """Frames `first + u * step + j * reach` of each volume, for u < count and j < taps: an image for each u."""

    count: int
    first: int
    step: int = 1
    taps: int = 1
    reach: int = 1


def empty_like_on(like, shape):
    """New memory on the device of an array, and of its type: NumPy hands the call on to CuPy."""
    return np.empty_like(like, shape=shape)
