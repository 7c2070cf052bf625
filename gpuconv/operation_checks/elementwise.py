"""Activations and softmax to check."""

from collections.abc import Iterator

from .. import activations
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    shape = ((5, 7),)
    yield OperationCheck("relu", activations.relu, lambda dy, x: (activations.relu_grad(dy, x),), shape, terms=1)
    yield OperationCheck(
        "leaky_relu", activations.leaky_relu, lambda dy, x: (activations.leaky_relu_grad(dy, x),), shape, terms=1
    )
    yield OperationCheck(
        "softmax", activations.softmax, lambda dy, x: (activations.softmax_grad(dy, x),), ((4, 6),), terms=6
    )
