"""Every operation of the library, gathered from the families."""

from collections.abc import Iterator
from typing import Any

from . import activation, conv, dropout, join, linear, loss, norm, pool, resample
from .operation import OperationCheck

FAMILIES = (conv, pool, activation, linear, loss, norm, join, dropout, resample)
OPERATIONS = {operation.name: operation for family in FAMILIES for operation in family.operations()}
"""Every operation by its public name."""


def operation_checks() -> Iterator[OperationCheck]:
    """Yield the gradient check of every sample of every operation."""
    for operation in OPERATIONS.values():
        yield from operation.checks()
    yield from conv.fused_checks()


def valid_calls() -> dict[str, dict[str, Any]]:
    """Arguments that work for every operation and gradient function.

    Returns
    -------
    dict of dict
        {function: {parameter: value}}; arrays are NumPy's, float32.
    """
    return {name: call for operation in OPERATIONS.values() for name, call in operation.valid_calls().items()}
