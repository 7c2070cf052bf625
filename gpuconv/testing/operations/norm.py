"""Batch and group normalization, and the statistics they use."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .operation import Gradient, Operation, OperationCall, Sample, no_gradient, run

SHAPES = {1: (5, 4), 2: (4, 4, 3, 2), 3: (3, 4, 2, 1, 3)}
RUNNING = {
    "running_mean": np.array([0.1, -0.3, 0.0, 0.5], np.float32),
    "running_var": np.array([0.8, 1.1, 0.4, 2.0], np.float32),
}
TERMS = 48


def operations() -> Iterator[Operation]:
    """Yield the family's operations."""
    channels = {"weight": (4,), "bias": (4,)}
    for rank, shape in SHAPES.items():
        name, shapes = f"batch_norm{rank}d", {"x": shape, **channels}
        training = {**RUNNING, "training": True, "momentum": 0.3, "eps": 1e-3}
        samples = (Sample(name, shapes, RUNNING, TERMS), Sample(f"{name}, training", shapes, training, TERMS))
        yield Operation(name, samples, shape, ("x", "weight", "bias"), _batch_norm_gradients, "batch_norm")
    group = {"x": (2, 4, 3), **channels}
    samples = (
        Sample("group_norm", group, {"num_groups": 2}, TERMS),
        Sample("group_norm, eps", group, {"num_groups": 2, "eps": 1e-3}, TERMS),
    )
    yield Operation("group_norm", samples, (2, 4, 3), ("x", "weight", "bias"), _group_norm_gradients)
    x = {"x": (2, 4, 6, 6)}
    moved = Sample("batch_norm_statistics, running", x, {**RUNNING, "momentum": 0.3})
    yield Operation("batch_norm_statistics", (Sample("batch_norm_statistics", x), moved), (4,), (), no_gradient)
    of_groups = Sample("group_norm_statistics", x, {"num_groups": 2})
    yield Operation("group_norm_statistics", (of_groups,), (2, 2), (), no_gradient)


def _batch_norm_gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    """In training, the gradient goes through the batch's statistics too."""
    forward = call.arguments
    x = forward["x"]
    how: dict[str, Any] = {name: forward[name] for name in ("training", "eps") if name in forward}
    if how.get("training"):
        mean, var = run("batch_norm_statistics", {"x": x})
    else:
        mean, var = forward["running_mean"], forward["running_var"]
    arguments = {"dy": dy, "x": x, "mean": mean, "var": var, "weight": forward.get("weight"), **how}
    return [Gradient(f"{call.operation.name}_grad", ("x", "weight", "bias"), arguments)]


def _group_norm_gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    forward = call.arguments
    x, num_groups = forward["x"], forward["num_groups"]
    mean, var = run("group_norm_statistics", {"x": x, "num_groups": num_groups})
    eps: dict[str, Any] = {"eps": forward["eps"]} if "eps" in forward else {}
    arguments = {"dy": dy, "x": x, "num_groups": num_groups, "mean": mean, "var": var, "weight": forward.get("weight")}
    return [Gradient("group_norm_grad", ("x", "weight", "bias"), {**arguments, **eps})]
