"""Training: data, the fit loop, and what a run leaves behind. Needs `pip install gpuconv[train]`."""

from .data import DataError, Dataset, digits
from .idx import mnist_folder, read_idx
from .loop import Epoch, evaluate, fit
from .networks import lenet, resnet8

__all__ = [
    "DataError",
    "Dataset",
    "Epoch",
    "digits",
    "evaluate",
    "fit",
    "lenet",
    "mnist_folder",
    "read_idx",
    "resnet8",
]
