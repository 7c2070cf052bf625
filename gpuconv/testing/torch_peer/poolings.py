"""Poolings over one to three axes, adaptive ones, and their inverse."""

from functools import partial
from math import prod
from typing import Any

import numpy as np

import gpuconv

from ...core.device import Array
from .case import Case, choice, integer, integers

LARGEST = {1: 12, 2: 8, 3: 5}


def max_pool(rank: int, rng: np.random.Generator) -> Case:
    """With padding, dilation, ceil_mode; whole numbers, so that there are ties."""
    options, x = _windows(rank, rng, dilated=True)
    kernel = options.pop("kernel_size")
    name = f"max_pool{rank}d"
    forward, backward = getattr(gpuconv, name), getattr(gpuconv, f"{name}_input_grad")

    def gradients(dy: Array) -> tuple[Array, ...]:
        return (backward(dy, forward(x, kernel, **options)[1], x.shape, kernel, **options),)

    terms = prod(kernel)
    asked = {"kernel_size": kernel, **options}
    return Case(name, (x,), asked, (0,), lambda: forward(x, kernel, **options)[0], gradients, terms, 1.0)


def avg_pool(rank: int, rng: np.random.Generator) -> Case:
    """With padding, ceil_mode, count_include_pad and, over more than one axis, divisor_override."""
    options, x = _windows(rank, rng, dilated=False)
    kernel = options.pop("kernel_size")
    options["count_include_pad"] = rng.random() < 0.5
    if rank > 1 and rng.random() < 0.3:
        options["divisor_override"] = integer(rng, 1, 7)
    name = f"avg_pool{rank}d"
    forward, backward = getattr(gpuconv, name), getattr(gpuconv, f"{name}_input_grad")
    return Case(
        name,
        (x,),
        {"kernel_size": kernel, **options},
        (0,),
        lambda: forward(x, kernel, **options),
        lambda dy: (backward(dy, x.shape, kernel, **options),),
        prod(kernel),
        1.0,
    )


def adaptive(rank: int, rng: np.random.Generator) -> Case:
    """To any size, greater than the input's too."""
    kind = choice(rng, ("avg", "max"))
    name = f"adaptive_{kind}_pool{rank}d"
    x = _image(rank, rng, integers(rng, 1, LARGEST[rank], rank))
    size = integers(rng, 1, LARGEST[rank], rank)
    forward, backward = getattr(gpuconv, name), getattr(gpuconv, f"{name}_input_grad")
    asked = {"output_size": size}
    if kind == "avg":
        return Case(name, (x,), asked, (0,), lambda: forward(x, size), lambda dy: (backward(dy, x.shape),), x.size, 1.0)
    return Case(
        name,
        (x,),
        asked,
        (0,),
        lambda: forward(x, size)[0],
        lambda dy: (backward(dy, forward(x, size)[1], x.shape),),
        x.size,
        1.0,
    )


def whole(rank: int, rng: np.random.Generator) -> Case:
    """The mean or the maximum of each plane: what the peer calls adaptive pooling to one window."""
    kind = choice(rng, ("avg", "max"))
    x = _image(rank, rng, integers(rng, 1, LARGEST[rank], rank))
    forward, backward = (getattr(gpuconv, f"global_{kind}_pool{rank}d{suffix}") for suffix in ("", "_input_grad"))
    means = kind == "avg"

    def gradients(dy: Array) -> tuple[Array, ...]:
        return (backward(dy, x.shape) if means else backward(dy, forward(x)[1], x.shape),)

    name, asked = f"adaptive_{kind}_pool{rank}d", {"output_size": 1}
    return Case(name, (x,), asked, (0,), lambda: forward(x) if means else forward(x)[0], gradients, x.size, 1.0)


def max_unpool(rank: int, rng: np.random.Generator) -> Case:
    """Of what a pooling without overlap found, to its own size."""
    kernel = integers(rng, 1, 3, rank)
    x = _image(rank, rng, tuple(k * integer(rng, 1, LARGEST[rank] // 3) for k in kernel))
    y, mask = getattr(gpuconv, f"max_pool{rank}d")(x, kernel)
    indices = gpuconv.pool_indices(mask, x.shape, kernel)
    name, values = f"max_unpool{rank}d", rng.standard_normal(y.shape)
    forward, backward = getattr(gpuconv, name), getattr(gpuconv, f"{name}_input_grad")
    asked, inputs = {"kernel_size": kernel}, (values, indices)
    return Case(name, inputs, asked, (0,), lambda: forward(*inputs, kernel), lambda dy: (backward(dy, indices),))


def _image(rank: int, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    x = rng.standard_normal((*integers(rng, 1, 3, 2), *size))
    return np.round(x * 2) if rng.random() < 0.3 else x


def _windows(rank: int, rng: np.random.Generator, *, dilated: bool) -> tuple[dict[str, Any], Array]:
    kernel = integers(rng, 1, 4, rank)
    dilation = integers(rng, 1, 2, rank) if dilated else (1,) * rank
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    size = tuple(e + integer(rng, 0, LARGEST[rank] - 1) for e in extent)
    options: dict[str, Any] = {"kernel_size": kernel, "padding": tuple(integer(rng, 0, k // 2) for k in kernel)}
    options["ceil_mode"] = rng.random() < 0.5
    if rng.random() < 0.7:
        options["stride"] = integers(rng, 1, 4, rank)
    if dilated:
        options["dilation"] = dilation
    return options, _image(rank, rng, size)


FAMILIES = {
    **{f"max_pool{rank}d": partial(max_pool, rank) for rank in (1, 2, 3)},
    **{f"avg_pool{rank}d": partial(avg_pool, rank) for rank in (1, 2, 3)},
    **{f"global pooling, {rank}d": partial(whole, rank) for rank in (1, 2, 3)},
    **{f"max_unpool{rank}d": partial(max_unpool, rank) for rank in (1, 2, 3)},
    **{f"adaptive pooling, {rank}d": partial(adaptive, rank) for rank in (1, 2, 3)},
}
