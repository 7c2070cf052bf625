"""Poolings to check."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ... import pool as pooling
from ...core.device import Array
from .check import OperationCheck

Pair = tuple[Callable[..., Array], Callable[..., Sequence[Array]]]
SHAPES = {1: (2, 3, 11), 2: (2, 3, 7, 6), 3: (2, 2, 5, 4, 6)}


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    for name, kernel, kw in (
        ("max_pool2d", 2, {}),
        ("max_pool2d overlapping, padded", 3, {"stride": 2, "padding": 1}),
        ("max_pool2d dilated, ceil_mode", 2, {"stride": 2, "dilation": 2, "ceil_mode": True}),
        ("max_pool1d", 3, {"stride": 2, "padding": 1}),
        ("max_pool3d", 2, {"stride": 1, "padding": 1, "ceil_mode": True}),
    ):
        rank = int(name[8])
        yield OperationCheck(name, *_max_pool_pair(rank, kernel, kw), (SHAPES[rank],), terms=3**rank)
    for name, kernel, kw in (
        ("avg_pool2d", 2, {}),
        ("avg_pool2d overlapping, ceil_mode", 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
        ("avg_pool2d, padding not counted", 3, {"stride": 2, "padding": 1, "count_include_pad": False}),
        ("avg_pool2d, divisor given", 3, {"stride": 1, "divisor_override": 5}),
        ("avg_pool2d, wide windows", 5, {"stride": 2, "padding": 2}),
        ("avg_pool1d", 3, {"stride": 2, "padding": 1}),
        ("avg_pool3d", 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
    ):
        rank = int(name[8])
        yield OperationCheck(name, *_avg_pool_pair(rank, kernel, kw), (SHAPES[rank],), terms=kernel**rank)
    for rank, shape in SHAPES.items():
        yield OperationCheck(f"max_unpool{rank}d", *_max_unpool_pair(rank), (shape,), terms=1)
    for rank, size in ((1, 4), (2, (3, 4)), (3, (2, None, 4))):
        for kind in ("adaptive_avg_pool", "adaptive_max_pool"):
            yield OperationCheck(f"{kind}{rank}d", *_sized_pair(f"{kind}{rank}d", size), (SHAPES[rank],), terms=27)
        for kind in ("global_avg_pool", "global_max_pool"):
            yield OperationCheck(f"{kind}{rank}d", *_sized_pair(f"{kind}{rank}d"), (SHAPES[rank],), terms=120)


def _max_pool_pair(rank: int, kernel: int, kw: dict[str, Any]) -> Pair:
    pool, pool_grad = _function(f"max_pool{rank}d"), _function(f"max_pool{rank}d_input_grad")

    def forward(x: Array) -> Array:
        return pool(x, kernel, **kw)[0]

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (pool_grad(dy, pool(x, kernel, **kw)[1], x.shape, kernel, **kw),)

    return forward, backward


def _max_unpool_pair(rank: int) -> Pair:
    """Of x, the maxima put back where they were: the gradient goes back both ways."""
    pool, pool_grad = _function(f"max_pool{rank}d"), _function(f"max_pool{rank}d_input_grad")
    unpool, unpool_grad = _function(f"max_unpool{rank}d"), _function(f"max_unpool{rank}d_input_grad")

    def forward(x: Array) -> Array:
        y, mask = pool(x, 2)
        return unpool(y, pooling.pool_indices(mask, x.shape, 2), 2, output_size=x.shape)

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        _, mask = pool(x, 2)
        dy = unpool_grad(dy, pooling.pool_indices(mask, x.shape, 2))
        return (pool_grad(dy, mask, x.shape, 2),)

    return forward, backward


def _avg_pool_pair(rank: int, kernel: int, kw: dict[str, Any]) -> Pair:
    pool, pool_grad = _function(f"avg_pool{rank}d"), _function(f"avg_pool{rank}d_input_grad")

    def forward(x: Array) -> Array:
        return pool(x, kernel, **kw)

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (pool_grad(dy, x.shape, kernel, **kw),)

    return forward, backward


def _sized_pair(name: str, *size: Any) -> Pair:
    """An adaptive or global pooling; those of maxima return their indices too."""
    pool, pool_grad = _function(name), _function(f"{name}_input_grad")

    def forward(x: Array) -> Array:
        result = pool(x, *size)
        return result[0] if isinstance(result, tuple) else result

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        result = pool(x, *size)
        return (pool_grad(dy, *result[1:], x.shape) if isinstance(result, tuple) else pool_grad(dy, x.shape),)

    return forward, backward


def _function(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(pooling, name)
    return function
