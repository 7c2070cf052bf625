"""Initializers: seeded, with the same values on both targets, drawn on the host in float64 and rounded once.

Different values for different units are what breaks the symmetry between them (docs/backprop.md). Fans are those of
torch.nn.init: a weight (K, C, R, S) has fan_in = C R S and fan_out = K R S.
"""

from .distributions import (
    calculate_gain,
    kaiming_normal,
    kaiming_uniform,
    normal,
    trunc_normal,
    uniform,
    xavier_normal,
    xavier_uniform,
)
from .drawing import Initializer, Seed
from .structured import constant, dirac, eye, ones, orthogonal, sparse, zeros

BY_NAME: dict[str, Initializer] = {
    "zeros": zeros,
    "constant": constant,
    "uniform": uniform,
    "normal": normal,
    "trunc_normal": trunc_normal,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "kaiming_uniform": kaiming_uniform,
    "kaiming_normal": kaiming_normal,
    "orthogonal": orthogonal,
}
"""Initializers that fit every layer and need no option, as `gpuconv train --init` takes them."""

__all__ = [
    "BY_NAME",
    "Initializer",
    "Seed",
    "calculate_gain",
    "constant",
    "dirac",
    "eye",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "trunc_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
