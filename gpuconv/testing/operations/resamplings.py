"""Paddings and upsamplings to check."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...core.device import Array
from ...resample import pad, upsample
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    shape = 1, 2, 3, 4
    for mode in pad.MODES:
        yield OperationCheck(f"pad, {mode}", *_pad_pair((1, 2, 2, -1), mode), (shape,), terms=9)
    for name, options in (
        ("nearest", {"size": (5, 3)}),
        ("bilinear", {"scale_factor": 1.7, "mode": "bilinear", "align_corners": False}),
        ("bilinear, corners aligned", {"size": (2, 9), "mode": "bilinear", "align_corners": True}),
    ):
        yield OperationCheck(f"upsample {name}", *_upsample_pair(options), (shape,), terms=36)


def _pad_pair(amounts: Sequence[int], mode: str) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    def forward(x: Array) -> Array:
        return pad.pad(x, amounts, mode)

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (pad.pad_input_grad(dy, x.shape, amounts, mode),)

    return forward, backward


def _upsample_pair(options: dict[str, Any]) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    def forward(x: Array) -> Array:
        return upsample.upsample(x, **options)

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (upsample.upsample_input_grad(dy, x.shape, **options),)

    return forward, backward
