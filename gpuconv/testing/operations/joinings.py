"""Joined arrays to check."""

from collections.abc import Iterator, Sequence

from ...core.device import Array
from ...join import functional
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    yield OperationCheck("add", functional.add, lambda dy, a, b: (dy, dy), ((3, 4), (3, 4)), terms=1)
    yield OperationCheck("concatenate", _concatenated, _taken_apart, ((2, 3, 4), (2, 1, 4)), terms=1)


def _concatenated(a: Array, b: Array) -> Array:
    return functional.concatenate([a, b])


def _taken_apart(dy: Array, a: Array, b: Array) -> Sequence[Array]:
    return functional.concatenate_grad(dy, (a.shape[1], b.shape[1]))
