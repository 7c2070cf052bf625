"""Cases of `gpuconv bench train`: networks, their initial weights and how far losses may differ."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gpuconv.core.device import use_device
from gpuconv.nn import summary

from .cases import Case
from .workers.networks import gpuconv_network


class TrainProblem(NamedTuple):
    """A network to train at one batch size, for a number of steps."""

    network: str
    """Name of a network of workers/networks.py."""
    x_shape: tuple[int, ...]
    classes: int = 10
    steps: int = 20
    y_shape: tuple[int, ...] = ()
    """Of the labels of an image: none for a class an image, its height and width for a class a pixel."""
    lr: float = 0.01
    """At 0.05 PyTorch's float32 losses of a ResNet-8 differ after 20 steps by 8e-4 from its own in float64: rounding
    errors grow from step to step, so a comparison would be meaningless. In float64 the libraries agree to 4e-16 at
    either rate."""

    def __str__(self) -> str:
        return f"{self.steps} steps, {'x'.join(map(str, self.x_shape))}"


PROBLEMS = [
    TrainProblem("LeNet-5", (64, 1, 28, 28)),
    TrainProblem("ResNet-8", (64, 3, 32, 32)),
    TrainProblem("VGG-small", (64, 3, 32, 32), steps=3, lr=1e-3),
    # PyTorch's own gradients in float32 are 0.1 to 0.6 % from those in float64, where gpuconv's agree with it to 1e-13
    TrainProblem("MobileNetV2", (64, 3, 32, 32), steps=2, lr=1e-4),
    TrainProblem("U-Net", (4, 3, 128, 128), steps=3, y_shape=(128, 128), lr=1e-3),
    TrainProblem("DenseNet block", (32, 3, 32, 32), steps=3, lr=1e-3),
]
"""Steps that take a second or less each on two cores."""

MULTIPLYING = "Conv2d", "ConvTranspose2d", "Linear"
"""Layers whose FLOPs count."""

BFLOAT16_LR = 0.01
"""Of smaller steps, most are lost when a parameter is rounded to bfloat16."""

LOSS_TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2}
"""Relative difference of the losses of the same steps. In bfloat16 the libraries round at different points: gpuconv
keeps parameters in bfloat16, autocast keeps them in float32 and rounds them for each convolution."""


def train_cases(folder: Path, dtype: str = "float32", batch: int | None = None) -> Iterator[Case]:
    """Training steps: forward, loss, backward, update. The initial weights are written to the folder.

    Parameters
    ----------
    folder : Path
    dtype : {"float32", "bfloat16"}
    batch : int, optional
        Images of a step; by default each network's own.

    Raises
    ------
    ValueError
        If the dtype is another one.
    """
    if dtype not in LOSS_TOLERANCE:
        raise ValueError(f"dtype is {str(dtype)!r}, expected {' or '.join(LOSS_TOLERANCE)} for training")
    for p in PROBLEMS:
        x_shape = (batch or p.x_shape[0], *p.x_shape[1:])
        weights = folder / f"{p.network}.npz"
        with use_device("cpu"):
            model = gpuconv_network(p.network, p.classes, seed=0)
            np.savez(weights, **model.state_dict())
            layers = [layer.flops for layer in summary(model, x_shape).layers if layer.layer in MULTIPLYING]
        arguments = {
            "name": p.network,
            "weights": str(weights),
            "x_shape": x_shape,
            "y_shape": (x_shape[0], *p.y_shape),
            "classes": p.classes,
            "steps": p.steps,
            "lr": p.lr if dtype == "float32" else BFLOAT16_LR,
            "dtype": dtype,
        }
        problem = p._replace(x_shape=x_shape)
        # each gradient of a layer costs what its forward pass does; the first layer has no input gradient
        flops = p.steps * (3 * sum(layers) - layers[0])
        yield Case(f"train {p.network}", str(problem), "train", arguments, flops, 0, 0, LOSS_TOLERANCE[dtype])
