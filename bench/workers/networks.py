"""Networks of the training suite: each is written once and built of gpuconv's layers or of PyTorch's.

The layers have the same names and arguments in both libraries, so both networks have the same keys in their states.
"""

from functools import partial
from types import SimpleNamespace

import numpy as np

from .shared import numpy_type


def lenet5(nn, classes):
    """LeNet-5 for images of 1x28x28."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)),
    )


def resnet8(nn, classes):
    """A ResNet of three basic blocks for images of 3x32x32."""
    layers, c = [*_conv_norm(nn, 3, 16, 3), nn.ReLU()], 16
    for k, stride in ((16, 1), (32, 2), (64, 2)):
        body = nn.Sequential(*_conv_norm(nn, c, k, 3, stride), nn.ReLU(), *_conv_norm(nn, k, k, 3))
        layers += [nn.Residual(body, None if c == k else nn.Sequential(*_conv_norm(nn, c, k, 1, stride))), nn.ReLU()]
        c = k
    return nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(c, classes))


def _conv_norm(nn, c, k, size, stride=1, groups=1):
    """A convolution and its normalization."""
    return nn.Conv2d(c, k, size, stride=stride, padding=size // 2, groups=groups, bias=False), nn.BatchNorm2d(k)


NETWORKS = {"LeNet-5": lenet5, "ResNet-8": resnet8}

PLAIN = "AvgPool2d", "Flatten", "MaxPool2d", "ReLU", "ReLU6", "Sequential"
"""Layers without parameters."""


def gpuconv_network(name, classes, seed=None, dtype="float32"):
    """A network of gpuconv's layers, in a dtype."""
    from gpuconv import nn

    rng, kind = np.random.default_rng(seed), numpy_type(dtype)
    drawn = {name: partial(getattr(nn, name), seed=rng, dtype=kind) for name in ("Conv2d", "ConvTranspose2d", "Linear")}
    plain = {name: getattr(nn, name) for name in (*PLAIN, "Residual")}
    layers = SimpleNamespace(**drawn, **plain, BatchNorm2d=partial(nn.BatchNorm2d, dtype=kind))
    return NETWORKS[name](layers, classes)


def torch_network(name, classes):
    """A network of PyTorch's layers."""
    from torch import nn

    class Residual(nn.Module):
        """body(x) + shortcut(x)."""

        def __init__(self, body, shortcut=None):
            super().__init__()
            self.body, self.shortcut = body, shortcut

        def forward(self, x):
            """Add both branches."""
            return self.body(x) + (x if self.shortcut is None else self.shortcut(x))

    with_weights = {name: getattr(nn, name) for name in ("BatchNorm2d", "Conv2d", "ConvTranspose2d", "Linear")}
    layers = SimpleNamespace(**with_weights, **{name: getattr(nn, name) for name in PLAIN}, Residual=Residual)
    layers.ReLU, layers.ReLU6 = partial(nn.ReLU, inplace=True), partial(nn.ReLU6, inplace=True)  # as torchvision does
    return NETWORKS[name](layers, classes)
