"""Batch and group normalisation, with the running statistics that they leave."""

import numpy as np

import gpuconv

from ...core.device import Array
from .case import Case, choice, integer, integers

RANKS = {2: 1, 3: 1, 4: 2, 5: 3}
"""Which batch_norm takes an array of so many axes."""


def batch_norm(rng: np.random.Generator) -> Case:
    """In training and not, with and without weight, bias and running statistics; at least 8 values a channel."""
    channels, training = integer(rng, 1, 5), rng.random() < 0.6
    x = rng.standard_normal((integer(rng, 8, 12), channels, *integers(rng, 1, 3, integer(rng, 0, 3))))
    tracked = not training or rng.random() < 0.7
    running = [rng.standard_normal(channels), rng.random(channels) + 0.5] if tracked else [None] * 2
    affine = [rng.standard_normal(channels) if rng.random() < 0.7 else None for _ in range(2)]
    options = {"training": training, "momentum": choice(rng, (0.1, 0.5, 1.0)), "eps": choice(rng, (1e-5, 1e-3))}
    rank = RANKS[x.ndim]
    forward, backward = (getattr(gpuconv, f"batch_norm{rank}d{suffix}") for suffix in ("", "_grad"))
    moved = [None if a is None else a.copy() for a in running]

    def gradients(dy: Array) -> list[Array]:
        statistics = gpuconv.batch_norm_statistics(x) if training else running
        found = backward(dy, x, *statistics, affine[0], training=training, eps=options["eps"])
        return [found[0], *(g for g, given in zip(found[1:], affine, strict=True) if given is not None)]

    given = [i for i, a in enumerate((x, None, None, *affine)) if a is not None]
    changed = (1, 2) if training and running[0] is not None else ()
    return Case(
        "batch_norm", (x, *running, *affine), options, tuple(given), lambda: forward(x, *moved, *affine, **options),
        gradients, x.size, 1.0, changed=changed, left=lambda: [a for a in moved if changed],
    )  # fmt: skip


def group_norm(rng: np.random.Generator) -> Case:
    """Any number of groups and axes, with weight and bias or without; at least 8 values a group."""
    groups = integer(rng, 1, 4)
    channels = groups * integer(rng, 1, 3)
    shape = integer(rng, 1, 3), channels, integer(rng, 8, 12), *integers(rng, 1, 3, integer(rng, 0, 1))
    x, eps, named = rng.standard_normal(shape), choice(rng, (1e-5, 1e-3)), {}
    if rng.random() < 0.7:  # both: PyTorch fails with one of them
        named = {"weight": rng.standard_normal(channels), "bias": rng.standard_normal(channels)}

    def gradients(dy: Array) -> tuple[Array, ...]:
        statistics = gpuconv.group_norm_statistics(x, groups)
        found = gpuconv.group_norm_grad(dy, x, groups, *statistics, named.get("weight"), eps)
        return found if named else found[:1]

    return Case(
        "group_norm",
        (x,),
        {"num_groups": groups, "eps": eps},
        (0,),
        lambda: gpuconv.group_norm(x, groups, named.get("weight"), named.get("bias"), eps),
        gradients,
        x.size,
        1.0,
        named=named,
        name_differentiated=True,
    )


FAMILIES = {"batch_norm": batch_norm, "group_norm": group_norm}
