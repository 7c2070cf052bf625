"""Activations and softmax to check."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gpuconv

from ...core.device import Array
from .check import OperationCheck

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("relu", {}),
    ("leaky_relu", {}),
    ("relu6", {}),
    ("hardtanh", {"min_val": -0.5}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("elu", {"alpha": 0.7}),
    ("selu", {}),
    ("softplus", {"beta": 2}),
    ("silu", {}),
    ("mish", {}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("softmax", {}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {}),
    ("log_softmax", {"axis": 0}),
]


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    for name, options in OPTIONS:
        title = ", ".join((name, *(f"{option} {value}" for option, value in options.items())))
        yield OperationCheck(title, *_pair(name, options), ((5, 7),), terms=7 if "softmax" in name else 1)
    for name in ("softmax", "log_softmax"):
        yield OperationCheck(f"{name}, eight classes", *_pair(name, {}), ((3, 8),), terms=8)
    yield OperationCheck("prelu", gpuconv.prelu, _prelu_grad, ((3, 4, 5), (4,)), terms=15)


def _pair(name: str, options: dict[str, Any]) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    function, gradient = getattr(gpuconv, name), getattr(gpuconv, f"{name}_grad")

    def forward(x: Array) -> Array:
        return function(x, **options)

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (gradient(dy, x, **options),)

    return forward, backward


def _prelu_grad(dy: Array, x: Array, weight: Array) -> Sequence[Array]:
    return gpuconv.prelu_grad(dy, x, weight), gpuconv.prelu_weight_grad(dy, x, weight.shape)
