"""Networks to start with."""

from typing import Any

import numpy as np

from ..core.options import one_of
from ..nn import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Residual,
    Sequential,
)
from ..nn.init import Initializer, Seed

ACTIVATIONS: dict[str, type[ReLU] | type[LeakyReLU]] = {"relu": ReLU, "leaky_relu": LeakyReLU}
POOLS: dict[str, type[MaxPool2d] | type[AvgPool2d]] = {"max": MaxPool2d, "avg": AvgPool2d}


def lenet(
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    activation: str = "relu",
    pool: str = "max",
    init: Initializer | None = None,
    seed: Seed = None,
) -> Sequential:
    """Two convolutions with pooling, then fully connected layers (LeCun et al., 1998).

    Parameters
    ----------
    image_shape : (C, H, W)
        From 20 x 20 on the layers are LeNet-5's; smaller images get 3 x 3 kernels, one pooling, one hidden layer.
    classes : int
    activation : {"relu", "leaky_relu"}
    pool : {"max", "avg"}
    init : initializer, optional
        For all weights; default: PyTorch's.
    seed : int or numpy.random.Generator, optional

    Returns
    -------
    Sequential
        From images (N, C, H, W) to logits (N, classes).

    Raises
    ------
    ValueError
        If the images are smaller than 4 x 4, or the activation or pooling is unknown.

    Examples
    --------
    >>> from gpuconv import training
    >>> model = training.lenet((1, 28, 28), 10, seed=0)
    >>> model(np.zeros((2, 1, 28, 28), np.float32)).shape
    (2, 10)
    """
    for name, value, choices in (("activation", activation, ACTIVATIONS), ("pool", pool, POOLS)):
        one_of("lenet", name, value, tuple(choices))
    c, h, w = image_shape
    if min(h, w) < 4:
        raise ValueError(f"lenet: image_shape is {image_shape}, expected at least 4 x 4")
    rng = np.random.default_rng(seed)
    f, down = ACTIVATIONS[activation], POOLS[pool]
    large = min(h, w) >= 20
    filters, kernel, padding = ((6, 16), 5, (2, 0)) if large else ((16, 32), 3, (1, 1))
    hidden = (120, 84) if large else (64,)
    layers: list[Module] = []
    for i, (k, pad) in enumerate(zip(filters, padding, strict=True)):
        layers += [Conv2d(c, k, kernel, padding=pad, init=init, seed=rng), f()]
        c, h, w = k, h + 2 * pad - kernel + 1, w + 2 * pad - kernel + 1
        if large or i == 1:
            layers.append(down(2))
            h, w = h // 2, w // 2
    layers.append(Flatten())
    features = c * h * w
    for units in hidden:
        layers += [Linear(features, units, init=init, seed=rng), f()]
        features = units
    layers.append(Linear(features, classes, init=init, seed=rng))
    return Sequential(*layers)


def resnet8(
    image_shape: tuple[int, int, int],
    classes: int,
    *,
    width: int = 16,
    init: Initializer | None = None,
    seed: Seed = None,
    dtype: Any = np.float32,
) -> Sequential:
    """A residual network of eight layers: one basic block in each of three stages (He et al., 2016, for CIFAR-10).

    A convolution, then blocks of two convolutions with batch normalization and a shortcut; each stage but the first
    halves the image and doubles the filters. The mean over the image goes into a fully connected layer.

    Parameters
    ----------
    image_shape : (C, H, W)
    classes : int
    width : int
        Filters of the first stage.
    init : initializer, optional
        For all weights; default: PyTorch's.
    seed : int or numpy.random.Generator, optional
    dtype : float16, bfloat16, float32 or float64

    Returns
    -------
    Sequential
        From images (N, C, H, W) to logits (N, classes).

    Raises
    ------
    ValueError
        If the images are smaller than 4 x 4.

    Examples
    --------
    >>> from gpuconv import training
    >>> model = training.resnet8((3, 32, 32), 10, seed=0)
    >>> model(np.zeros((1, 3, 32, 32), np.float32)).shape
    (1, 10)
    """
    c, h, w = image_shape
    if min(h, w) < 4:
        raise ValueError(f"resnet8: image_shape is {image_shape}, expected at least 4 x 4")
    options: dict[str, Any] = {"init": init, "seed": np.random.default_rng(seed), "dtype": dtype}
    layers: list[Module] = [*_conv_norm(c, width, 3, 1, options), ReLU()]
    channels = width
    for filters, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
        layers += [_basic_block(channels, filters, stride, options), ReLU()]
        channels = filters
    layers += [AvgPool2d((-(-h // 4), -(-w // 4))), Flatten(), Linear(channels, classes, **options)]
    return Sequential(*layers)


def _basic_block(channels: int, filters: int, stride: int, options: dict[str, Any]) -> Residual:
    """Two convolutions and a shortcut, which is a strided 1 x 1 convolution where the shape changes."""
    body = Sequential(
        *_conv_norm(channels, filters, 3, stride, options), ReLU(), *_conv_norm(filters, filters, 3, 1, options)
    )
    same = channels == filters and stride == 1
    return Residual(body, None if same else Sequential(*_conv_norm(channels, filters, 1, stride, options)))


def _conv_norm(channels: int, filters: int, kernel: int, stride: int, options: dict[str, Any]) -> list[Module]:
    """A convolution and its normalization, which subtracts the mean: a bias would have no effect."""
    conv = Conv2d(channels, filters, kernel, stride=stride, padding=kernel // 2, bias=False, **options)
    return [conv, BatchNorm2d(filters, dtype=options["dtype"])]
