"""Joined arrays to check."""

from collections.abc import Iterator, Sequence

from .. import joining
from ..backend import Array
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    yield OperationCheck("add", joining.add, lambda dy, a, b: (dy, dy), ((3, 4), (3, 4)), terms=1)
    yield OperationCheck("concatenate", _concatenated, _taken_apart, ((2, 3, 4), (2, 1, 4)), terms=1)


def _concatenated(a: Array, b: Array) -> Array:
    return joining.concatenate([a, b])


def _taken_apart(dy: Array, a: Array, b: Array) -> Sequence[Array]:
    return joining.concatenate_grad(dy, (a.shape[1], b.shape[1]))
