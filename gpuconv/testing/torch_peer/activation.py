"""Activations at ordinary arguments, at corners and where exponentials overflow; softmax over any axis."""

from typing import Any

import numpy as np

from ...core.device import Array
from .case import Case, call_of, choice, integer, integers

SPECIAL = (0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 6.0, 20.0, 40.0, -40.0, 800.0, -800.0)
"""Corners of piecewise functions, and arguments whose exponential overflows."""


def options_of(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """The options a function has, drawn."""
    if name == "leaky_relu":
        return {"negative_slope": choice(rng, (0.01, 0.0, 0.3, -0.5, 1.5))}
    if name == "elu":
        return {"alpha": choice(rng, (1.0, 0.5, 2.0))}
    if name == "gelu":
        return {"approximate": choice(rng, ("none", "tanh"))}
    if name == "softplus":
        return {"beta": choice(rng, (1.0, 0.5, 3.0)), "threshold": choice(rng, (20.0, 5.0, 1.0))}
    if name == "hardtanh":
        return {"min_val": -1.0 - integer(rng, 0, 2), "max_val": 0.5 + integer(rng, 0, 2)}
    return {}


NAMES = tuple(
    "relu relu6 leaky_relu elu selu gelu silu mish softplus sigmoid tanh hardswish hardsigmoid hardtanh".split()
)

CANCELING = ("tanh", "sigmoid")
"""PyTorch computes the gradients from 1 - y or 1 - y^2, which cancel where y is near 1. gpuconv's are within 5e-16 of
sigmoid's derivative in extended precision, where PyTorch's have no correct digit."""
CROSSING = ("silu", "mish", "gelu", "hardswish")
"""Their derivatives cross 0: terms of the sum cancel near it, so errors are relative to the terms."""
INCONSISTENT_AT_NAN = ("elu", "selu", "hardswish", "relu6", "hardtanh")
"""PyTorch's gradients at NaN depend on the element's position: its vectorized loop and its scalar remainder differ."""
LARGEST_TERM = 4.0
"""Of the derivative of gelu's approximation, x u'(x) (1 - tanh(u)^2) / 2, before PyTorch's difference is formed."""


def activation(rng: np.random.Generator) -> Case:
    """One of the functions of each element."""
    name = choice(rng, NAMES)
    x = values(rng)
    options = options_of(name, rng)
    return Case(
        call_of(name, x=x, **options),
        (x,),
        options,
        magnitude=_magnitude(name, options),
        peer_dtype=np.float32 if name == "hardsigmoid" else np.float64,  # PyTorch multiplies by 1.0f / 6.0f
    )


def infinite(rng: np.random.Generator) -> Case:
    """The same at infinities and NaN, among ordinary arguments."""
    case = activation(rng)
    x = case.inputs[0]
    assert x is not None
    some = rng.random(x.shape) < 0.3
    found = (np.inf, -np.inf) if case.function in INCONSISTENT_AT_NAN else (np.inf, -np.inf, np.nan)
    x[some] = rng.choice(found, x.shape)[some]
    return case


def _magnitude(name: str, options: dict[str, Any]) -> float:
    """What errors of the gradient are compared with, where that is more than its largest element."""
    if options.get("approximate") == "tanh":
        return LARGEST_TERM
    return 1.0 if name in (*CANCELING, *CROSSING) else 0.0


def prelu(rng: np.random.Generator) -> Case:
    """A slope for all, or for each channel."""
    x = values(rng)
    weight = rng.standard_normal(x.shape[1] if x.ndim > 1 and rng.random() < 0.5 else 1)
    return Case(call_of("prelu", x=x, weight=weight), (x, weight), {}, x.size, 1.0)


def softmax(rng: np.random.Generator) -> Case:
    """Over any axis, of ordinary and of huge arguments."""
    name = choice(rng, ("softmax", "log_softmax"))
    x = values(rng) * choice(rng, (1.0, 1.0, 30.0))
    axis = integer(rng, -x.ndim, x.ndim - 1)
    return Case(call_of(name, x=x, axis=axis), (x,), {"dim": axis}, x.shape[axis], 1.0)


def values(rng: np.random.Generator) -> Array:
    """Of one to four axes; in every third case some are special ones."""
    x = rng.standard_normal(integers(rng, 1, 5, integer(rng, 1, 4))) * 3
    if rng.random() < 1 / 3:
        chosen = rng.random(x.shape) < 0.5
        x[chosen] = rng.choice(np.array(SPECIAL), int(chosen.sum()))
    return x


FAMILIES = {"activations": activation, "activations, not finite": infinite, "prelu": prelu, "softmax": softmax}
