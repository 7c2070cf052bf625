"""Where branches of a network meet: sums and concatenations."""

from collections.abc import Iterator
from typing import Any

from .operation import Gradient, Operation, OperationCall, Sample


def operations() -> Iterator[Operation]:
    """Yield the family's operations."""
    yield Operation("add", (Sample("add", {"a": (3, 4), "b": (3, 4)}),), (3, 4), ("a", "b"), _add_gradients)
    samples = (
        Sample("concatenate", {"arrays": ((2, 3, 4), (2, 1, 4))}),
        Sample("concatenate, axis -1", {"arrays": ((2, 3, 2), (2, 3, 1), (2, 3, 4))}, {"axis": -1}),
    )
    yield Operation("concatenate", samples, (2, 4, 4), ("arrays",), _concatenate_gradients, "cat")


def _add_gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    return [Gradient(None, (term,), {}) for term in ("a", "b")]


def _concatenate_gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    axis = call.arguments.get("axis", 1)
    sizes = tuple(a.shape[axis] for a in call.arguments["arrays"])
    how = {"axis": axis} if "axis" in call.arguments else {}
    return [Gradient("concatenate_grad", ("arrays",), {"dy": dy, "sizes": sizes, **how})]
