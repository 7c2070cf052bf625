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

    Examples
    --------
    >>> optim.lr_scheduler.constant(0.5)
    1.0
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

    Examples
    --------
    >>> [round(optim.lr_scheduler.cosine(share), 4) for share in (0.0, 0.5, 1.0)]
    [1.0, 0.5, 0.0]
    """
    return (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0))) / 2
