"""Poolings to check."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .. import pooling
from ..backend import Array
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    for name, kernel, kw in (
        ("max_pool2d", 2, {}),
        ("max_pool2d overlapping, padded", 3, {"stride": 2, "padding": 1}),
        ("max_pool2d dilated, ceil_mode", 2, {"stride": 2, "dilation": 2, "ceil_mode": True}),
    ):
        yield OperationCheck(name, *_max_pool_pair(kernel, kw), ((2, 3, 7, 6),), terms=9)
    for name, kernel, kw in (
        ("avg_pool2d", 2, {}),
        ("avg_pool2d overlapping, ceil_mode", 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
        ("avg_pool2d, padding not counted", 3, {"stride": 2, "padding": 1, "count_include_pad": False}),
    ):
        yield OperationCheck(name, *_avg_pool_pair(kernel, kw), ((2, 3, 7, 6),), terms=9)


def _max_pool_pair(kernel: int, kw: dict[str, Any]) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    def forward(x: Array) -> Array:
        return pooling.max_pool2d(x, kernel, **kw)[0]

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (pooling.max_pool2d_input_grad(dy, pooling.max_pool2d(x, kernel, **kw)[1], x.shape, kernel, **kw),)

    return forward, backward


def _avg_pool_pair(kernel: int, kw: dict[str, Any]) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    def forward(x: Array) -> Array:
        return pooling.avg_pool2d(x, kernel, **kw)

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (pooling.avg_pool2d_input_grad(dy, x.shape, kernel, **kw),)

    return forward, backward
