"""Convolutions over one and three axes, and transposed ones, to check."""

from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from ...conv import conv_3d, conv_transpose_1d, conv_transpose_2d, conv_transpose_3d, functional_nd
from ...core.device import Array
from .check import OperationCheck

Case = tuple[ModuleType, str, str, tuple[int, ...], tuple[int, ...], dict[str, Any]]


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    uneven: dict[str, Any] = {"stride": (2, 1, 2), "padding": ((1, 2), (1, 0), (0, 1)), "dilation": (1, 2, 1)}
    cases: list[Case] = [
        (functional_nd, "conv1d", "same", (2, 3, 8), (4, 3, 3), {"padding": "same"}),
        (functional_nd, "conv1d", "stride 2, 2 groups", (2, 4, 9), (4, 2, 3), {"stride": 2, "padding": 1, "groups": 2}),
        (conv_3d, "conv3d", "same", (2, 2, 3, 3, 4), (3, 2, 3, 3, 2), {"padding": "same"}),
        (conv_3d, "conv3d", "stride, dilation, 2 groups", (1, 4, 4, 5, 4), (4, 2, 2, 2, 3), {**uneven, "groups": 2}),
        (conv_3d, "conv3d", "1x1x1", (2, 3, 2, 3, 2), (4, 3, 1, 1, 1), {}),
    ]
    for module, name, what, x_shape, w_shape, kw in cases:
        yield OperationCheck(f"{name} {what}", *_pair(module, name, kw), (x_shape, w_shape, w_shape[:1]), terms=256)
    cases = [
        (conv_transpose_1d, "conv_transpose1d", "stride 3", (2, 3, 4), (3, 2, 4), {"stride": 3, "output_padding": 2}),
        (conv_transpose_2d, "conv_transpose2d", "stride 2", (2, 4, 3, 4), (4, 3, 4, 4), {"stride": 2, "padding": 1}),
        (conv_transpose_2d, "conv_transpose2d", "2 groups", (1, 4, 3, 3), (4, 2, 3, 2), {"dilation": 2, "groups": 2}),
        (conv_transpose_3d, "conv_transpose3d", "uneven", (1, 2, 3, 2, 2), (2, 3, 3, 2, 2), uneven),
    ]
    for module, name, what, x_shape, w_shape, kw in cases:
        b_shape = (w_shape[1] * kw.get("groups", 1),)
        yield OperationCheck(f"{name} {what}", *_pair(module, name, kw), (x_shape, w_shape, b_shape), terms=256)


def _pair(
    module: ModuleType, name: str, kw: dict[str, Any]
) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    def forward(x: Array, w: Array, b: Array) -> Array:
        return getattr(module, name)(x, w, b, **kw)

    def backward(dy: Array, x: Array, w: Array, b: Array) -> Sequence[Array]:
        return (
            getattr(module, f"{name}_input_grad")(dy, w, x.shape, **kw),
            getattr(module, f"{name}_weight_grad")(x, dy, w.shape, **kw),
            getattr(module, f"{name}_bias_grad")(dy),
        )

    return forward, backward
