"""Padding and upsampling."""

from collections.abc import Iterator
from typing import Any

from .operation import Gradient, Operation, OperationCall, Sample, without

X = {"x": (1, 2, 3, 4)}
MODES = ("constant", "reflect", "replicate", "circular")


def operations() -> Iterator[Operation]:
    """Yield the family's operations."""
    padding = (1, 2, 2, -1)
    samples = [Sample(f"pad, {mode}", X, {"padding": padding, "mode": mode}, 9) for mode in MODES]
    samples.append(Sample("pad with a value", X, {"padding": padding, "value": 0.5}, 9))
    yield Operation("pad", tuple(samples), (1, 2, 4, 7), ("x",), _gradients)
    options: dict[str, dict[str, Any]] = {
        "nearest": {"size": (5, 3)},
        "bilinear": {"scale_factor": 1.7, "mode": "bilinear", "align_corners": False},
        "bilinear, corners aligned": {"size": (2, 9), "mode": "bilinear", "align_corners": True},
    }
    samples = [Sample(f"upsample {what}", X, how, 36) for what, how in options.items()]
    yield Operation("upsample", tuple(samples), (1, 2, 5, 3), ("x",), _gradients, "interpolate")


def _gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    forward = call.arguments
    arguments = {"dy": dy, "input_shape": forward["x"].shape, **without(forward, "x", "value")}
    return [Gradient(f"{call.operation.name}_input_grad", ("x",), arguments)]
