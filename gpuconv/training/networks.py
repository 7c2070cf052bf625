"""Networks to start with."""

import numpy as np

from ..initializers import Initializer, Seed
from ..nn import AvgPool2d, Conv2d, Flatten, LeakyReLU, Linear, MaxPool2d, Module, ReLU, Sequential

ACTIVATIONS = {"relu": ReLU, "leaky_relu": LeakyReLU}
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
    init : initialiser, optional
        For all weights; default: as torch.nn.
    seed : int or numpy.random.Generator, optional

    Returns
    -------
    Sequential
        From images (N, C, H, W) to logits (N, classes).

    Raises
    ------
    ValueError
        If the images are smaller than 4 x 4, or there is no such activation or pooling.
    """
    for name, value, choices in (("activation", activation, ACTIVATIONS), ("pool", pool, POOLS)):
        if value not in choices:
            raise ValueError(f"lenet: {name} is {value!r}, expected one of {', '.join(map(repr, choices))}")
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
