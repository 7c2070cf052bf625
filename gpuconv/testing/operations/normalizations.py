"""Normalisations to check."""

from collections.abc import Callable, Iterator, Sequence

from ...core.device import Array, array_module
from ...core.half import wide
from ...norm import batch, group
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    c = 2
    for name, forward, backward, shape in (
        ("batch_norm1d", batch.batch_norm1d, batch.batch_norm1d_grad, (5, c)),
        ("batch_norm2d", batch.batch_norm2d, batch.batch_norm2d_grad, (4, c, 3, 2)),
        ("batch_norm3d", batch.batch_norm3d, batch.batch_norm3d_grad, (3, c, 2, 1, 3)),
    ):
        shapes = shape, (c,), (c,)
        yield OperationCheck(f"{name}, training", *_training_pair(forward, backward), shapes, terms=48)
        yield OperationCheck(name, *_inference_pair(forward, backward), shapes, terms=48)
    yield OperationCheck("group_norm", _group_norm, _group_norm_grad, ((2, 4, 3), (4,), (4,)), terms=48)


def _training_pair(
    f: Callable[..., Array], f_grad: Callable[..., Sequence[Array]]
) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    def forward(x: Array, weight: Array, bias: Array) -> Array:
        return f(x, *_running(weight), weight, bias, training=True)

    def backward(dy: Array, x: Array, weight: Array, bias: Array) -> Sequence[Array]:
        return f_grad(dy, x, *batch.batch_norm_statistics(x), weight, training=True)

    return forward, backward


def _inference_pair(
    f: Callable[..., Array], f_grad: Callable[..., Sequence[Array]]
) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    def forward(x: Array, weight: Array, bias: Array) -> Array:
        return f(x, *_running(weight), weight, bias)

    def backward(dy: Array, x: Array, weight: Array, bias: Array) -> Sequence[Array]:
        return f_grad(dy, x, *_running(weight), weight)

    return forward, backward


def _group_norm(x: Array, weight: Array, bias: Array) -> Array:
    return group.group_norm(x, 2, weight, bias)


def _group_norm_grad(dy: Array, x: Array, weight: Array, bias: Array) -> Sequence[Array]:
    mean, var = group.group_norm_statistics(x, 2)
    return group.group_norm_grad(dy, x, 2, mean, var, weight)


def _running(weight: Array) -> tuple[Array, Array]:
    """Running statistics of a channel each, as at the start of a training."""
    library, dtype = array_module(weight), wide(weight.dtype)
    return library.zeros_like(weight, dtype=dtype), library.ones_like(weight, dtype=dtype)
