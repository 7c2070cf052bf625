"""Pooling over one to three axes, adaptive and global, and its inverse."""

from functools import partial
from math import prod
from typing import Any

import numpy as np

from ...core.device import Array
from .case import Case, call_of, choice, integer, integers

MAX_SIZE = {1: 12, 2: 8, 3: 5}


def max_pool(rank: int, rng: np.random.Generator) -> Case:
    """With padding, dilation, ceil_mode; integer values, which produce ties."""
    options, x = _windows(rank, rng, dilated=True)
    return Case(call_of(f"max_pool{rank}d", x=x, **options), (x,), options, prod(options["kernel_size"]), 1.0)


def avg_pool(rank: int, rng: np.random.Generator) -> Case:
    """With padding, ceil_mode, count_include_pad and, over more than one axis, divisor_override."""
    options, x = _windows(rank, rng, dilated=False)
    options["count_include_pad"] = rng.random() < 0.5
    if rank > 1 and rng.random() < 0.3:
        options["divisor_override"] = integer(rng, 1, 7)
    return Case(call_of(f"avg_pool{rank}d", x=x, **options), (x,), options, prod(options["kernel_size"]), 1.0)


def adaptive(rank: int, rng: np.random.Generator) -> Case:
    """To any size, greater than the input's too."""
    kind = choice(rng, ("avg", "max"))
    x = _image(rank, rng, integers(rng, 1, MAX_SIZE[rank], rank))
    options = {"output_size": integers(rng, 1, MAX_SIZE[rank], rank)}
    return Case(call_of(f"adaptive_{kind}_pool{rank}d", x=x, **options), (x,), options, x.size, 1.0)


def global_pool(rank: int, rng: np.random.Generator) -> Case:
    """The mean or the maximum of each plane: what the peer calls adaptive pooling to one window."""
    kind = choice(rng, ("avg", "max"))
    x = _image(rank, rng, integers(rng, 1, MAX_SIZE[rank], rank))
    return Case(call_of(f"global_{kind}_pool{rank}d", x=x), (x,), {"output_size": 1}, x.size, 1.0)


def max_unpool(rank: int, rng: np.random.Generator) -> Case:
    """Of what a pooling without overlap found, to its input's size."""
    kernel = integers(rng, 1, 3, rank)
    x = _image(rank, rng, tuple(k * integer(rng, 1, MAX_SIZE[rank] // 3) for k in kernel))
    y, mask = call_of(f"max_pool{rank}d", x=x, kernel_size=kernel).results()
    indices = call_of("pool_indices", mask=mask, input_shape=x.shape, kernel_size=kernel).results()[0]
    values, options = rng.standard_normal(y.shape), {"kernel_size": kernel}
    return Case(call_of(f"max_unpool{rank}d", x=values, indices=indices, **options), (values, indices), options)


def _image(rank: int, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    x = rng.standard_normal((*integers(rng, 1, 3, 2), *size))
    return np.round(x * 2) if rng.random() < 0.3 else x


def _windows(rank: int, rng: np.random.Generator, *, dilated: bool) -> tuple[dict[str, Any], Array]:
    kernel = integers(rng, 1, 4, rank)
    dilation = integers(rng, 1, 2, rank) if dilated else (1,) * rank
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    size = tuple(e + integer(rng, 0, MAX_SIZE[rank] - 1) for e in extent)
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
    **{f"global pooling, {rank}d": partial(global_pool, rank) for rank in (1, 2, 3)},
    **{f"max_unpool{rank}d": partial(max_unpool, rank) for rank in (1, 2, 3)},
    **{f"adaptive pooling, {rank}d": partial(adaptive, rank) for rank in (1, 2, 3)},
}
