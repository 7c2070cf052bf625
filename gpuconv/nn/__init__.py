"""Layers with a forward and a backward pass; keys and layouts of their states as in torch.nn."""

from .convolutions import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .layers import AvgPool2d, Flatten, LeakyReLU, Linear, MaxPool2d, ReLU
from .losses import CrossEntropyLoss, Loss, MSELoss
from .module import Module, Parameter, Sequential

__all__ = [
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
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
