"""Schedules for `fit`: the factor of the learning rate at a fraction of the training, from 0 to 1."""

import math


def constant(progress: float) -> float:
    """Return 1.

    Parameters
    ----------
    progress : float
        Fraction of the training that is done.

    Returns
    -------
    float
    """
    return 1.0


def cosine(progress: float) -> float:
    """Return half a cosine, from 1 to 0 (Loshchilov and Hutter, 2017).

    Parameters
    ----------
    progress : float
        Fraction of the training that is done.

    Returns
    -------
    float
    """
    return (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0))) / 2
