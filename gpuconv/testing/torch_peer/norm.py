"""Batch and group normalization, with the running statistics that they leave."""

from typing import Any

import numpy as np

from .case import Case, call_of, choice, integer, integers

BATCH_NORM = {2: "batch_norm1d", 3: "batch_norm1d", 4: "batch_norm2d", 5: "batch_norm3d"}
"""Which function takes an array of so many axes."""


def batch_norm(rng: np.random.Generator) -> Case:
    """In training and not, with and without weight, bias and running statistics; at least 8 values a channel."""
    channels, training = integer(rng, 1, 5), rng.random() < 0.6
    x = rng.standard_normal((integer(rng, 8, 12), channels, *integers(rng, 1, 3, integer(rng, 0, 3))))
    tracked = not training or rng.random() < 0.7
    running = [rng.standard_normal(channels), rng.random(channels) + 0.5] if tracked else [None] * 2
    affine = [rng.standard_normal(channels) if rng.random() < 0.7 else None for _ in range(2)]
    options = {"training": training, "momentum": choice(rng, (0.1, 0.5, 1.0)), "eps": choice(rng, (1e-5, 1e-3))}
    arrays = dict(zip(("running_mean", "running_var", "weight", "bias"), (*running, *affine), strict=True))
    call = call_of(BATCH_NORM[x.ndim], x=x, **arrays, **options)
    return Case(call, (x, *running, *affine), options, x.size, 1.0)


def group_norm(rng: np.random.Generator) -> Case:
    """Any number of groups and axes, with weight and bias or without; at least 8 values a group."""
    groups = integer(rng, 1, 4)
    channels = groups * integer(rng, 1, 3)
    shape = integer(rng, 1, 3), channels, integer(rng, 8, 12), *integers(rng, 1, 3, integer(rng, 0, 1))
    x, eps = rng.standard_normal(shape), choice(rng, (1e-5, 1e-3))
    named: dict[str, Any] = {}
    if rng.random() < 0.7:  # both: PyTorch fails with one of them
        named = {"weight": rng.standard_normal(channels), "bias": rng.standard_normal(channels)}
    options = {"num_groups": groups, "eps": eps}
    return Case(call_of("group_norm", x=x, **named, **options), (x,), options, x.size, 1.0, named=named)


FAMILIES = {"batch_norm": batch_norm, "group_norm": group_norm}
