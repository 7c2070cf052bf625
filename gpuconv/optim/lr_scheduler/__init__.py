"""Learning-rate schedules: functions of the progress for `fit`, and torch.optim.lr_scheduler's classes for own loops.

A class sets the rate of an optimiser when it is made, and with each call of `step` the next one.
"""

from .base import Rated, Schedule
from .decays import ConstantLR, CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, StepLR
from .one_cycle import OneCycleLR
from .plateau import ReduceLROnPlateau
from .progress import constant, cosine
from .sequential import SequentialLR

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "Rated",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
    "constant",
    "cosine",
]
