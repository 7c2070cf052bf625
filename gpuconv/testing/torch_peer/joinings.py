"""Where branches of a network meet: sums and concatenations."""

import numpy as np

import gpuconv

from .case import Case, integer, integers


def add(rng: np.random.Generator) -> Case:
    """Two arrays of one shape; each has the gradient of the sum."""
    shape = integers(rng, 1, 6, integer(rng, 1, 4))
    a, b = rng.standard_normal(shape), rng.standard_normal(shape)
    return Case("add", (a, b), {}, (0, 1), lambda: gpuconv.add(a, b), lambda dy: (dy, dy))


def concatenate(rng: np.random.Generator) -> Case:
    """One to four arrays, along any axis."""
    shape, count = integers(rng, 1, 5, integer(rng, 1, 4)), integer(rng, 1, 4)
    axis = integer(rng, 0, len(shape) - 1)
    sizes = integers(rng, 1, 4, count)
    parts = [rng.standard_normal((*shape[:axis], size, *shape[axis + 1 :])) for size in sizes]
    negative = axis - len(shape) if rng.random() < 0.5 else axis
    return Case(
        "cat",
        tuple(parts),
        {"dim": negative},
        tuple(range(count)),
        lambda: gpuconv.concatenate(parts, negative),
        lambda dy: gpuconv.concatenate_grad(dy, sizes, negative),
        together=True,
    )


FAMILIES = {"add": add, "concatenate": concatenate}
