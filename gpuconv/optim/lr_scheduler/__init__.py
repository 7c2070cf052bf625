"""Learning-rate schedules: torch.optim.lr_scheduler's classes, and functions of the progress for `fit`.

A scheduler sets the rate of an optimizer when it is made, and the next one with each call of `step`.
"""

from .base import LRScheduler
from .decays import ConstantLR, CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, StepLR
from .one_cycle import OneCycleLR
from .plateau import ReduceLROnPlateau
from .progress import constant, cosine
from .sequential import SequentialLR

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "constant",
    "cosine",
]


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
