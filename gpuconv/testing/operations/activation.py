"""Activations and softmax."""

from collections.abc import Iterator
from typing import Any

from .operation import Gradient, Operation, OperationCall, Sample, title, without

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "relu": [{}],
    "leaky_relu": [{}, {"negative_slope": 0.2}],
    "relu6": [{}],
    "hardtanh": [{"min_val": -0.5}, {"min_val": -0.5, "max_val": 0.8}],
    "hardsigmoid": [{}],
    "hardswish": [{}],
    "sigmoid": [{}],
    "tanh": [{}],
    "elu": [{"alpha": 0.7}],
    "selu": [{}],
    "softplus": [{"beta": 2}, {"beta": 2, "threshold": 1.5}],
    "silu": [{}],
    "mish": [{}],
    "gelu": [{}, {"approximate": "tanh"}],
    "softmax": [{}, {"axis": 0}],
    "log_softmax": [{}, {"axis": 0}],
}
"""Options to try of each function of one array."""


def operations() -> Iterator[Operation]:
    """Yield the family's operations."""
    for name, options in OPTIONS.items():
        terms = 7 if "softmax" in name else 1
        samples = [Sample(title(name, how), {"x": (5, 7)}, how, terms) for how in options]
        if "softmax" in name:
            samples.append(Sample(f"{name}, eight classes", {"x": (3, 8)}, terms=8))
        yield Operation(name, tuple(samples), (5, 7), ("x",), _gradients)
    prelu = (
        Sample("prelu", {"x": (6, 4), "weight": (4,)}, terms=6),
        Sample("prelu of sequences", {"x": (3, 4, 5), "weight": (4,)}, terms=15),
    )
    yield Operation("prelu", prelu, (6, 4), ("x", "weight"), _prelu_gradients)


def _gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    return [Gradient(f"{call.operation.name}_grad", ("x",), {"dy": dy, **call.arguments})]


def _prelu_gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    x, weight = call.arguments["x"], call.arguments["weight"]
    options = without(call.arguments, "x", "weight")
    return [
        Gradient("prelu_grad", ("x",), {"dy": dy, "x": x, "weight": weight, **options}),
        Gradient("prelu_weight_grad", ("weight",), {"dy": dy, "x": x, "weight_shape": weight.shape, **options}),
    ]
