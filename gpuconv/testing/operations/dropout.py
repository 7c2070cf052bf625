"""Dropout of elements and of channels."""

from collections.abc import Iterator
from typing import Any

from .operation import Gradient, Operation, OperationCall, Sample, without


def operations() -> Iterator[Operation]:
    """Yield the family's operations."""
    for name, shape in (("dropout", (5, 7)), ("dropout2d", (2, 3, 2, 3))):
        options: list[tuple[str, dict[str, Any]]] = [
            ("", {"p": 0.3, "seed": 1}),
            (", offset", {"seed": 1, "offset": 40}),
            (", inference", {"seed": 1, "training": False}),
        ]
        samples = tuple(Sample(name + what, {"x": shape}, how) for what, how in options)
        yield Operation(name, samples, shape, ("x",), _gradients)


def _gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    return [Gradient(f"{call.operation.name}_grad", ("x",), {"dy": dy, **without(call.arguments, "x")})]
