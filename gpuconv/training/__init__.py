"""Data, the fit loop, networks to start with, and run folders. Plots and the command need `gpuconv[train]`."""

from .augment import shifted
from .data import DataError, Dataset, digits, standardized
from .idx import mnist_folder, read_idx
from .loop import Epoch, Progress, evaluate, fit
from .networks import lenet, resnet8

__all__ = [
    "DataError",
    "Dataset",
    "Epoch",
    "Progress",
    "digits",
    "evaluate",
    "fit",
    "lenet",
    "mnist_folder",
    "read_idx",
    "resnet8",
    "shifted",
    "standardized",
]


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
