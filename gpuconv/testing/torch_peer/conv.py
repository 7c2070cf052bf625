"""Convolutions over one to three axes, and transposed: strides, paddings of every form, dilations, groups."""

from functools import partial
from math import prod

import numpy as np

from .case import Case, call_of, choice, integer, integers

MAX_SIZE = {1: 12, 2: 9, 3: 6}
"""Of an image's side, by its axes: small, so that edges are most of it."""


def conv(rank: int, rng: np.random.Generator) -> Case:
    """A convolution whose kernel fits its padded input."""
    groups = choice(rng, (1, 1, 1, 2, 3))
    channels, filters = groups * integer(rng, 1, 3), groups * integer(rng, 1, 4)
    kernel, dilation, stride = integers(rng, 1, 4, rank), integers(rng, 1, 2, rank), integers(rng, 1, 3, rank)
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    padding = choice(rng, ("each", "sides", "same", "valid"))
    size = tuple(e + integer(rng, 0, MAX_SIZE[rank] - 1) for e in extent)
    zero_padding = None
    if padding == "same":
        stride = (1,) * rank
    elif padding == "each":
        padding = integers(rng, 0, 4, rank)
    elif padding == "sides":
        padding = tuple(integers(rng, 0, 4, 2) for _ in range(rank))
        zero_padding = tuple(side for pair in reversed(padding) for side in pair)
    x = rng.standard_normal((integer(rng, 1, 3), channels, *size))
    w = rng.standard_normal((filters, channels // groups, *kernel))
    b = rng.standard_normal(filters) if rng.random() < 0.7 else None
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    call = call_of(f"conv{rank}d", x=x, w=w, b=b, **options)
    asked = options if zero_padding is None else {**options, "padding": 0}
    return Case(call, (x, w, b), asked, max(prod(w.shape), x.size), 1.0, zero_padding)


def conv_transpose(rank: int, rng: np.random.Generator) -> Case:
    """A transposed convolution, with output padding."""
    groups = choice(rng, (1, 1, 1, 2, 3))
    channels, filters = groups * integer(rng, 1, 3), integer(rng, 1, 4)
    kernel, dilation, stride = integers(rng, 1, 4, rank), integers(rng, 1, 2, rank), integers(rng, 1, 3, rank)
    padding = tuple(integer(rng, 0, d * (k - 1) // 2) for d, k in zip(dilation, kernel, strict=True))
    output_padding = tuple(integer(rng, 0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    size = integers(rng, 1, MAX_SIZE[rank] - 2, rank)
    x = rng.standard_normal((integer(rng, 1, 3), channels, *size))
    w = rng.standard_normal((channels, filters, *kernel))
    b = rng.standard_normal(filters * groups) if rng.random() < 0.7 else None
    options = {"stride": stride, "padding": padding, "output_padding": output_padding, "groups": groups}
    options["dilation"] = dilation
    call = call_of(f"conv_transpose{rank}d", x=x, w=w, b=b, **options)
    return Case(call, (x, w, b), options, max(prod(w.shape), x.size), 1.0)


FAMILIES = {
    **{f"conv{rank}d": partial(conv, rank) for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d": partial(conv_transpose, rank) for rank in (1, 2, 3)},
}
