"""Convolutions over one to three axes, and transposed: strides, paddings of every form, dilations, groups."""

from functools import partial
from math import prod
from typing import Any

import numpy as np

import gpuconv

from ...core.device import Array
from .case import Case, choice, integer, integers

LARGEST = {1: 12, 2: 9, 3: 6}
"""Side of an image by its axes: small, so that edges are most of it."""


def conv(rank: int, rng: np.random.Generator) -> Case:
    """A convolution whose kernel fits its padded input."""
    groups = choice(rng, (1, 1, 1, 2, 3))
    channels, filters = groups * integer(rng, 1, 3), groups * integer(rng, 1, 4)
    kernel, dilation, stride = integers(rng, 1, 4, rank), integers(rng, 1, 2, rank), integers(rng, 1, 3, rank)
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    padding = choice(rng, ("each", "sides", "same", "valid"))
    size = tuple(e + integer(rng, 0, LARGEST[rank] - 1) for e in extent)
    before = None
    if padding == "same":
        stride = (1,) * rank
    elif padding == "each":
        padding = integers(rng, 0, 4, rank)
    elif padding == "sides":
        padding = tuple(integers(rng, 0, 4, 2) for _ in range(rank))
        before = tuple(side for pair in reversed(padding) for side in pair)
    x = rng.standard_normal((integer(rng, 1, 3), channels, *size))
    w = rng.standard_normal((filters, channels // groups, *kernel))
    b = rng.standard_normal(filters) if rng.random() < 0.7 else None
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    asked = options if before is None else {**options, "padding": 0}
    return _case(f"conv{rank}d", (x, w, b), options, asked, before)


def conv_transpose(rank: int, rng: np.random.Generator) -> Case:
    """A transposed convolution, with output padding."""
    groups = choice(rng, (1, 1, 1, 2, 3))
    channels, filters = groups * integer(rng, 1, 3), integer(rng, 1, 4)
    kernel, dilation, stride = integers(rng, 1, 4, rank), integers(rng, 1, 2, rank), integers(rng, 1, 3, rank)
    padding = tuple(integer(rng, 0, d * (k - 1) // 2) for d, k in zip(dilation, kernel, strict=True))
    further = tuple(integer(rng, 0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    size = integers(rng, 1, LARGEST[rank] - 2, rank)
    x = rng.standard_normal((integer(rng, 1, 3), channels, *size))
    w = rng.standard_normal((channels, filters, *kernel))
    b = rng.standard_normal(filters * groups) if rng.random() < 0.7 else None
    options = {"stride": stride, "padding": padding, "output_padding": further, "groups": groups, "dilation": dilation}
    return _case(f"conv_transpose{rank}d", (x, w, b), options, options, None)


def _case(
    name: str,
    inputs: tuple[Array, Array, Array | None],
    options: dict[str, Any],
    asked: dict[str, Any],
    before: tuple[int, ...] | None,
) -> Case:
    x, w, b = inputs
    forward, dgrad, wgrad, bgrad = (
        getattr(gpuconv, name + end) for end in ("", "_input_grad", "_weight_grad", "_bias_grad")
    )

    def backward(dy: Array) -> list[Array]:
        found = [dgrad(dy, w, x.shape, **options), wgrad(x, dy, w.shape, **options)]
        return found if b is None else [*found, bgrad(dy)]

    terms = max(prod(w.shape), x.size)
    return Case(
        name,
        inputs,
        asked,
        (0, 1) if b is None else (0, 1, 2),
        lambda: forward(x, w, b, **options),
        backward,
        terms,
        1.0,
        before,
    )


FAMILIES = {
    **{f"conv{rank}d": partial(conv, rank) for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d": partial(conv_transpose, rank) for rank in (1, 2, 3)},
}
