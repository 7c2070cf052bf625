"""The layers of both libraries under the same names, for networks that are written once."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from .shared import numpy_type

PLAIN = "AvgPool2d", "Flatten", "MaxPool2d", "ReLU", "ReLU6", "Sequential"
"""Layers without parameters."""
WEIGHTED = "Conv2d", "ConvTranspose2d", "Linear"


def gpuconv_layers(seed=None, dtype="float32"):
    """gpuconv's layers, with parameters of a dtype; the backward pass of `Beside` is written by hand."""
    import gpuconv
    from gpuconv import nn

    class Beside(nn.Module):
        """x and body(x), concatenated along the channels."""

        def __init__(self, body):
            self.body, self._sizes = body, None

        def forward(self, x):
            """Concatenate both."""
            y = self.body(x)
            self._sizes = x.shape[1], y.shape[1]
            return gpuconv.concatenate([x, y], 1)

        def backward(self, dy, *, input_grad=True):
            """Give each part its channels of dy, and add up the gradients of x."""
            around, inside = gpuconv.concatenate_grad(dy, self.saved(self._sizes), 1)
            through = self.body.backward(inside, input_grad=input_grad)
            return gpuconv.add(around, through) if input_grad else None

    rng, kind = np.random.default_rng(seed), numpy_type(dtype)
    weighted = {name: partial(getattr(nn, name), seed=rng, dtype=kind) for name in WEIGHTED}
    plain = {name: getattr(nn, name) for name in (*PLAIN, "Residual")}
    return SimpleNamespace(**weighted, **plain, Beside=Beside, BatchNorm2d=partial(nn.BatchNorm2d, dtype=kind))


def torch_layers():
    """PyTorch's layers; activations overwrite their input, as torchvision's do."""
    import torch
    from torch import nn

    class Residual(nn.Module):
        """body(x) + shortcut(x)."""

        def __init__(self, body, shortcut=None):
            super().__init__()
            self.body, self.shortcut = body, shortcut

        def forward(self, x):
            """Add both branches."""
            return self.body(x) + (x if self.shortcut is None else self.shortcut(x))

    class Beside(nn.Module):
        """x and body(x), concatenated along the channels."""

        def __init__(self, body):
            super().__init__()
            self.body = body

        def forward(self, x):
            """Concatenate both."""
            return torch.cat([x, self.body(x)], 1)

    layers = SimpleNamespace(**{name: getattr(nn, name) for name in (*PLAIN, *WEIGHTED, "BatchNorm2d")})
    layers.ReLU, layers.ReLU6 = partial(nn.ReLU, inplace=True), partial(nn.ReLU6, inplace=True)
    layers.Residual, layers.Beside = Residual, Beside
    return layers
