"""Pooling over one to three axes: windows, adaptive, global, and max unpooling."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from .operation import Gradient, Operation, OperationCall, Sample, no_gradient, without

SIZES = {1: (11,), 2: (7, 6), 3: (5, 4, 6)}
ADAPTIVE: dict[int, Any] = {1: 4, 2: (3, 4), 3: (2, None, 4)}


def operations() -> Iterator[Operation]:
    """Yield the family's operations."""
    for rank, size in SIZES.items():
        x = {"x": (2, 4, *size)}
        pooled = (2, 4, *(n // 2 for n in size))
        yield Operation(f"max_pool{rank}d", _max_pools(rank, x), pooled, ("x",), _window_gradients)
        yield Operation(f"avg_pool{rank}d", _avg_pools(rank, x), pooled, ("x",), _window_gradients)
        yield _max_unpool(rank, pooled[2:])
        for kind in ("avg", "max"):
            name = f"adaptive_{kind}_pool{rank}d"
            samples = (
                Sample(name, x, {"output_size": 3}, 27),
                Sample(f"{name} to {ADAPTIVE[rank]}", x, {"output_size": ADAPTIVE[rank]}, 27),
            )
            yield Operation(name, samples, (2, 4, *[3] * rank), ("x",), _sized_gradients)
            name = f"global_{kind}_pool{rank}d"
            peer = f"adaptive_{kind}_pool{rank}d"
            yield Operation(name, (Sample(name, x, terms=120),), (2, 4, *[1] * rank), ("x",), _sized_gradients, peer)
    mask = np.array([[[[0, 1], [3, 2], [1, 0]]]], np.uint8)
    options = {"mask": mask, "input_shape": (1, 1, 7, 5), "kernel_size": 2}
    every_option = {**options, "input_shape": (1, 1, 4, 3), "stride": (2, 1), "padding": (1, 0), "dilation": 1}
    samples = (
        Sample("pool_indices", {}, options),
        Sample("pool_indices, strided", {}, {**every_option, "ceil_mode": True}),
    )
    yield Operation("pool_indices", samples, (1, 1, 3, 2), (), no_gradient)


def _max_pools(rank: int, x: dict[str, Any]) -> tuple[Sample, ...]:
    name, terms = f"max_pool{rank}d", 3**rank
    return (
        Sample(name, x, {"kernel_size": 2}, terms),
        Sample(f"{name} overlapping, padded", x, {"kernel_size": 3, "stride": 2, "padding": 1}, terms),
        Sample(
            f"{name} dilated, ceil_mode", x, {"kernel_size": 2, "stride": 2, "dilation": 2, "ceil_mode": True}, terms
        ),
        Sample(
            f"{name} stride 1, ceil_mode", x, {"kernel_size": 2, "stride": 1, "padding": 1, "ceil_mode": True}, terms
        ),
        Sample(f"{name}, padded by more than half", x, {"kernel_size": 3, "stride": 2, "padding": 2}, terms),
    )


def _avg_pools(rank: int, x: dict[str, Any]) -> tuple[Sample, ...]:
    name, padded = f"avg_pool{rank}d", {"kernel_size": 3, "stride": 2, "padding": 1}
    samples = [
        Sample(name, x, {"kernel_size": 2}, 2**rank),
        Sample(f"{name} overlapping, padded", x, padded, 3**rank),
        Sample(f"{name} overlapping, ceil_mode", x, {**padded, "ceil_mode": True}, 3**rank),
        Sample(f"{name}, padding not counted", x, {**padded, "count_include_pad": False}, 3**rank),
        Sample(f"{name}, dilated", x, {**padded, "padding": 2, "dilation": 2}, 3**rank),
        Sample(f"{name}, padded by more than half", x, {**padded, "padding": 2}, 3**rank),
    ]
    if rank > 1:
        divided = {"kernel_size": 3, "stride": 1, "divisor_override": 5}
        samples.append(Sample(f"{name}, divisor given", x, divided, 3**rank))
    if rank == 2:
        samples.append(Sample(f"{name}, wide windows", x, {"kernel_size": 5, "stride": 2, "padding": 2}, 25))
    return tuple(samples)


def _max_unpool(rank: int, pooled: tuple[int, ...]) -> Operation:
    """Values at the last corner of each window, or at the first positions of an output of another size."""
    name, x = f"max_unpool{rank}d", {"x": (2, 4, *pooled)}
    samples = []
    twice = tuple(2 * n for n in pooled)
    larger, smaller = tuple(n + 1 for n in twice), tuple(n - 2 for n in twice)
    corners = np.arange(prod(twice)).reshape(twice)[(slice(1, None, 2),) * rank]
    in_order = np.arange(prod(pooled)).reshape(pooled)
    cases: list[tuple[str, Any, dict[str, Any]]] = [
        ("", corners, {}),
        (" to a size", in_order, {"output_size": larger}),
        (f" to {smaller}", in_order, {"stride": 2, "padding": 1}),
    ]
    for what, positions, options in cases:
        indices = np.broadcast_to(positions, x["x"])
        samples.append(Sample(name + what, x, {"indices": indices, "kernel_size": 2, **options}))
    return Operation(name, tuple(samples), (2, 4, *twice), ("x",), _unpool_gradients)


def _window_gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    forward = call.arguments
    mask = {"mask": call.results()[1]} if call.operation.name.startswith("max") else {}
    arguments = {"dy": dy, **mask, "input_shape": forward["x"].shape, **without(forward, "x", "out")}
    return [Gradient(f"{call.operation.name}_input_grad", ("x",), arguments)]


def _sized_gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    indices = {"indices": call.results()[1]} if "max" in call.operation.name else {}
    arguments = {"dy": dy, **indices, "input_shape": call.arguments["x"].shape}
    return [Gradient(f"{call.operation.name}_input_grad", ("x",), arguments)]


def _unpool_gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    arguments = {"dy": dy, "indices": call.arguments["indices"]}
    return [Gradient(f"{call.operation.name}_input_grad", ("x",), arguments)]
