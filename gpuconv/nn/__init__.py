"""Layers with a forward and a backward pass; keys and layouts of their states as in torch.nn."""

from .layers import AvgPool2d, Conv2d, Flatten, LeakyReLU, Linear, MaxPool2d, ReLU
from .losses import CrossEntropyLoss, Loss, MSELoss
from .module import Module, Parameter, Sequential

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Flatten",
    "LeakyReLU",
    "Linear",
    "Loss",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
]
