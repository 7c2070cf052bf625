"""Data augmentation."""

from typing import Any

import numpy as np


def shifted(images: np.ndarray[Any, Any], largest: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Shift each image by up to `largest` pixels along both axes, and fill with the darkest value.

    Parameters
    ----------
    images : array (N, C, H, W)
    largest : int
    rng : numpy.random.Generator

    Returns
    -------
    array (N, C, H, W)

    Examples
    --------
    >>> from gpuconv.training import shifted
    >>> shifted(np.arange(4.0).reshape(1, 1, 2, 2), 1, np.random.default_rng(0)).shape
    (1, 1, 2, 2)
    """
    n, _, h, w = images.shape
    sides = (largest, largest)
    padded = np.pad(images, ((0, 0), (0, 0), sides, sides), constant_values=images.min())
    windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w), axis=(2, 3))
    down, right = rng.integers(0, 2 * largest + 1, (2, n))
    return np.ascontiguousarray(windows[np.arange(n), :, down, right])
