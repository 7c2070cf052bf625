"""Fully connected layers, padding, resizing."""

import numpy as np

from .case import Case, call_of, choice, integer, integers


def linear(rng: np.random.Generator) -> Case:
    """With and without bias."""
    n, features, units = integers(rng, 1, 9, 3)
    x, w = rng.standard_normal((n, features)), rng.standard_normal((units, features))
    b = rng.standard_normal(units) if rng.random() < 0.7 else None
    return Case(call_of("linear", x=x, w=w, b=b), (x, w, b), {}, x.size + w.size, 1.0)


def pad(rng: np.random.Generator) -> Case:
    """Every mode, over the last axes."""
    mode = choice(rng, ("constant", "reflect", "replicate", "circular"))
    axes = integer(rng, 1, 2)
    x = rng.standard_normal((*integers(rng, 1, 3, 2), *integers(rng, 2, 6, axes)))
    amounts = tuple(integer(rng, 0, size - 1) for size in reversed(x.shape[2:]) for _ in range(2))
    value = float(rng.standard_normal()) if mode == "constant" and rng.random() < 0.5 else None
    how = {"mode": mode, "value": value}
    call = call_of("pad", x=x, padding=amounts, **how)
    return Case(call, (x,), {"pad": amounts, **how}, x.size, 1.0)


def upsample(rng: np.random.Generator) -> Case:
    """Nearest and bilinear, to a size or by a factor."""
    mode = choice(rng, ("nearest", "bilinear"))
    x = rng.standard_normal((*integers(rng, 1, 3, 2), *integers(rng, 1, 6, 2)))
    corners = rng.random() < 0.5 if mode == "bilinear" else None
    size, scale_factor = (integers(rng, 1, 12, 2), None) if rng.random() < 0.5 else (None, choice(rng, (2.0, 1.5, 3.0)))
    options = {"size": size, "scale_factor": scale_factor, "mode": mode, "align_corners": corners}
    return Case(call_of("upsample", x=x, **options), (x,), options, 144, 1.0)


FAMILIES = {"linear": linear, "pad": pad, "upsample": upsample}
