"""Launchers on the CPU: optimizer steps and gradient clipping."""

from .clip import clip, clip_factor, scale
from .step import adagrad, adam, rmsprop, sgd

__all__ = [
    "adagrad",
    "adam",
    "clip",
    "clip_factor",
    "rmsprop",
    "scale",
    "sgd",
]
