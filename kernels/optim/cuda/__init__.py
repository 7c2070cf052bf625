"""Launchers on CUDA: optimizer steps and gradient clipping."""

from .clip import clip, clip_coefficient, scale
from .step import adagrad, adam, rmsprop, sgd

__all__ = [
    "adagrad",
    "adam",
    "clip",
    "clip_coefficient",
    "rmsprop",
    "scale",
    "sgd",
]
