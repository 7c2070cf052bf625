"""Where branches of a network meet: sums and concatenations."""

import numpy as np

from .case import Case, call_of, integer, integers


def add(rng: np.random.Generator) -> Case:
    """Two arrays of one shape; each has the gradient of the sum."""
    shape = integers(rng, 1, 6, integer(rng, 1, 4))
    a, b = rng.standard_normal(shape), rng.standard_normal(shape)
    return Case(call_of("add", a=a, b=b), (a, b), {})


def concatenate(rng: np.random.Generator) -> Case:
    """One to four arrays, along any axis."""
    shape, count = integers(rng, 1, 5, integer(rng, 1, 4)), integer(rng, 1, 4)
    axis = integer(rng, 0, len(shape) - 1)
    arrays = [rng.standard_normal((*shape[:axis], integer(rng, 1, 4), *shape[axis + 1 :])) for _ in range(count)]
    axis = axis - len(shape) if rng.random() < 0.5 else axis
    return Case(call_of("concatenate", arrays=arrays, axis=axis), tuple(arrays), {"dim": axis}, as_list=True)


FAMILIES = {"add": add, "concatenate": concatenate}
