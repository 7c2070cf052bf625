"""The fully connected layer."""

from collections.abc import Iterator
from typing import Any

from .operation import Gradient, Operation, OperationCall, Sample


def operations() -> Iterator[Operation]:
    """Yield the family's operation."""
    sample = Sample("linear", {"x": (5, 9), "w": (7, 9), "b": (7,)}, terms=9)
    yield Operation("linear", (sample,), (5, 7), ("x", "w", "b"), _gradients)


def _gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    x, w, b = (call.arguments.get(name) for name in ("x", "w", "b"))
    found = [
        Gradient("linear_input_grad", ("x",), {"dy": dy, "w": w}),
        Gradient("linear_weight_grad", ("w",), {"x": x, "dy": dy}),
    ]
    return found if b is None else [*found, Gradient("linear_bias_grad", ("b",), {"dy": dy})]
