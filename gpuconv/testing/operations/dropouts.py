"""Dropouts to check."""

from collections.abc import Iterator

from ...dropout.functional import dropout, dropout2d, dropout2d_grad, dropout_grad
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    yield OperationCheck(
        "dropout",
        lambda x: dropout(x, 0.3, seed=1),
        lambda dy, x: (dropout_grad(dy, 0.3, seed=1),),
        ((5, 7),),
        terms=1,
    )
    yield OperationCheck(
        "dropout2d",
        lambda x: dropout2d(x, 0.3, seed=1),
        lambda dy, x: (dropout2d_grad(dy, 0.3, seed=1),),
        ((2, 3, 2, 3),),
        terms=1,
    )
