"""Convolutions to check."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ... import activation
from ...conv import functional
from ...core.device import Array
from .check import OperationCheck


def checks() -> Iterator[OperationCheck]:
    """Yield the family's cases."""
    options: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
        ("conv2d", (2, 3, 7, 6), (4, 3, 3, 3), {}),
        ("conv2d stride 2, padding 1", (2, 3, 7, 6), (4, 3, 3, 3), {"stride": 2, "padding": 1}),
        (
            "conv2d dilation 2, asymmetric padding",
            (1, 2, 8, 7),
            (3, 2, 3, 2),
            {"dilation": 2, "padding": ((2, 1), (0, 3))},
        ),
        ("conv2d same, 2 groups", (2, 4, 5, 6), (6, 2, 3, 4), {"padding": "same", "groups": 2}),
        ("conv2d depthwise, stride (1, 3)", (2, 3, 6, 7), (3, 1, 3, 3), {"groups": 3, "stride": (1, 3), "padding": 1}),
        ("conv2d 24 filters of 18 channels, stride 2", (1, 18, 9, 12), (24, 18, 3, 2), {"stride": 2}),
        # Plain loops, where CUDA has shorter ones.
        ("conv2d direct", (2, 3, 5, 6), (4, 3, 3, 3), {"algorithm": "direct", "padding": 1}),
        ("conv2d 1x1", (2, 5, 4, 4), (3, 5, 1, 1), {}),
    ]
    for name, x_shape, w_shape, kw in options:
        yield OperationCheck(name, *_conv_pair(kw), (x_shape, w_shape, w_shape[:1]), terms=256)
    # Enough filters, channels and positions for CUDA's tiles, and for a split sum.
    shapes = (2, 16, 16, 17), (24, 16, 3, 3), (24,)
    yield OperationCheck("conv2d 24 filters of 16 channels", *_conv_pair({"padding": 1}), shapes, terms=544)
    shapes = (1, 3, 6, 7), (4, 3, 3, 3), (4,)
    yield OperationCheck("conv2d winograd", *_conv_pair({"padding": 1}, {"algorithm": "winograd"}), shapes, terms=256)
    yield OperationCheck("conv2d + leaky_relu, fused", _fused, _fused_grad, ((1, 2, 6, 6), (3, 2, 3, 3)), terms=256)


def _conv_pair(
    kw: dict[str, Any], of_correlations: dict[str, Any] | None = None
) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    """A convolution and its gradients, with options, and options of all but the weight gradient."""
    both = {**kw, **(of_correlations or {})}

    def forward(x: Array, w: Array, b: Array) -> Array:
        return functional.conv2d(x, w, b, **both)

    def backward(dy: Array, x: Array, w: Array, b: Array) -> Sequence[Array]:
        return (
            functional.conv2d_input_grad(dy, w, x.shape, **both),
            functional.conv2d_weight_grad(x, dy, w.shape, **kw),
            functional.conv2d_bias_grad(dy),
        )

    return forward, backward


def _fused(x: Array, w: Array) -> Array:
    """A leaky ReLU in front of a convolution: its gradient is delta^l of equation (20), in one pass."""
    return functional.conv2d(activation.leaky_relu(x, 0.2), w)


def _fused_grad(dy: Array, x: Array, w: Array) -> Sequence[Array | None]:
    delta = functional.conv2d_input_grad(dy, w, x.shape, activation="leaky_relu", negative_slope=0.2, pre_activation=x)
    return delta, None
