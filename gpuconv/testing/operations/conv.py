"""Convolutions over one to three axes, and transposed ones."""

from collections.abc import Iterator, Sequence
from typing import Any

from ...core.device import Array
from .operation import Gradient, Operation, OperationCall, OperationCheck, Sample, run, without

SIZES = {1: (9,), 2: (7, 6), 3: (4, 5, 4)}
"""Of the images, by their axes: not of one size, not a multiple of a vector."""
UNEVEN: dict[str, Sequence[Any]] = {
    "stride": (2, 1, 2),
    "padding": ((1, 2), (1, 0), (0, 1)),
    "dilation": (1, 2, 1),
}
"""Options that differ from axis to axis."""
TERMS = 256


def operations() -> Iterator[Operation]:
    """Yield the family's operations."""
    for rank in SIZES:
        yield _conv(rank)
        yield _conv_transpose(rank)


def fused_checks() -> Iterator[OperationCheck]:
    """Yield checks of the input gradient with the activation's factor, delta^l of equation (20), in one pass."""
    for rank, size in SIZES.items():
        shapes = (1, 2, *size), (3, 2, *[3] * rank)
        yield OperationCheck(f"conv{rank}d + leaky_relu, fused", _of_activated, _of_activated_grad, shapes, TERMS)


def _conv(rank: int) -> Operation:
    size, kernel = SIZES[rank], (3,) * rank
    uneven = {**_axes(rank), "groups": 2}
    cases: list[tuple[str, Sequence[int], Sequence[int], dict[str, Any]]] = [
        ("", (2, 4, *size), (4, 4, *kernel), {}),
        (" same", (2, 3, *size), (4, 3, *kernel), {"padding": "same"}),
        (" stride, dilation, padding, 2 groups", (1, 4, *size), (4, 2, 2, *kernel[1:]), uneven),
        (" + leaky_relu", (1, 2, *size), (3, 2, *kernel), {"activation": "leaky_relu", "negative_slope": 0.2}),
        # The direct algorithm, which automatic selection rarely chooses.
        (" direct", (2, 3, *size), (4, 3, *kernel), {"algorithm": "direct", "padding": 1}),
        (" 1x1", (2, 5, *size), (3, 5, *[1] * rank), {}),
    ]
    if rank == 2:
        cases += [
            (" stride 2, padding 1", (2, 3, 7, 6), (4, 3, 3, 3), {"stride": 2, "padding": 1}),
            (
                " dilation 2, asymmetric padding",
                (1, 2, 8, 7),
                (3, 2, 3, 2),
                {"dilation": 2, "padding": ((2, 1), (0, 3))},
            ),
            (" same, 2 groups", (2, 4, 5, 6), (6, 2, 3, 4), {"padding": "same", "groups": 2}),
            (" depthwise, stride (1, 3)", (2, 3, 6, 7), (3, 1, 3, 3), {"groups": 3, "stride": (1, 3), "padding": 1}),
            (" 24 filters of 18 channels, stride 2", (1, 18, 9, 12), (24, 18, 3, 2), {"stride": 2}),
            # Enough filters, channels and positions for CUDA's tiles, and for split-K.
            (" 24 filters of 16 channels", (2, 16, 16, 17), (24, 16, 3, 3), {"padding": 1}),
            (" winograd", (1, 3, 6, 7), (4, 3, 3, 3), {"padding": 1, "algorithm": "winograd"}),
            (
                " fft, 2 groups, stride (2, 1)",
                (2, 4, 9, 8),
                (6, 2, 5, 4),
                {"padding": ((2, 1), (0, 3)), "stride": (2, 1), "groups": 2, "algorithm": "fft"},
            ),
        ]
    samples = [_sample(f"conv{rank}d{what}", x, w, (w[0],), how) for what, x, w, how in cases]
    return Operation(f"conv{rank}d", tuple(samples), (2, 4, *(n - 2 for n in size)), ("x", "w", "b"), _gradients)


def _conv_transpose(rank: int) -> Operation:
    name, kernel, size = f"conv_transpose{rank}d", (3,) * rank, (4, 3, 2)[:rank]
    cases: list[tuple[str, Sequence[int], Sequence[int], dict[str, Any]]] = [
        ("", (2, 4, *size), (4, 4, *kernel), {}),
        (" stride 3", (2, 3, *size), (3, 2, *kernel), {"stride": 3, "output_padding": 2}),
        (" uneven, 2 groups", (1, 4, *size), (4, 2, *[3, 2, 2][:rank]), {**_axes(rank), "groups": 2}),
    ]
    if rank == 2:
        cases += [
            (" stride 2", (2, 4, 3, 4), (4, 3, 4, 4), {"stride": 2, "padding": 1}),
            (" dilation, 2 groups", (1, 4, 3, 3), (4, 2, 3, 2), {"dilation": 2, "groups": 2}),
        ]
    samples = [_sample(name + what, x, w, (w[1] * how.get("groups", 1),), how) for what, x, w, how in cases]
    return Operation(name, tuple(samples), (2, 4, *(n + 2 for n in size)), ("x", "w", "b"), _gradients)


def _sample(
    title: str, x_shape: Sequence[int], w_shape: Sequence[int], b_shape: Sequence[int], options: dict[str, Any]
) -> Sample:
    terms = 544 if x_shape[1] * w_shape[0] == 16 * 24 else TERMS
    return Sample(title, {"x": tuple(x_shape), "w": tuple(w_shape), "b": tuple(b_shape)}, options, terms)


def _axes(rank: int) -> dict[str, Any]:
    """The uneven options of the first axes."""
    return {name: value[:rank] for name, value in UNEVEN.items()}


def _gradients(call: OperationCall, dy: Any) -> list[Gradient]:
    """Gradients of x, w and b; through the activation first, where one is fused."""
    name, forward = call.operation.name, call.arguments
    options = without(forward, "x", "w", "b", "activation", "negative_slope")
    if "activation" in forward:
        pre_activation = run(name, without(forward, "activation", "negative_slope"))
        slope = {"negative_slope": forward["negative_slope"]} if "negative_slope" in forward else {}
        dy = run(f"{forward['activation']}_grad", {"dy": dy, "x": pre_activation, **slope})
    # Winograd's weight gradient exists on the CPU alone.
    of_w = without(options, "algorithm") if options.get("algorithm") == "winograd" else options
    x, w = forward["x"], forward["w"]
    found = [
        Gradient(f"{name}_input_grad", ("x",), {"dy": dy, "w": w, "input_shape": x.shape, **options}),
        Gradient(f"{name}_weight_grad", ("w",), {"x": x, "dy": dy, "weight_shape": w.shape, **of_w}),
    ]
    if forward.get("b") is not None:
        found.append(Gradient(f"{name}_bias_grad", ("b",), {"dy": dy}))
    return found


def _of_activated(x: Array, w: Array) -> Array:
    """A leaky ReLU in front of a convolution."""
    activated = run("leaky_relu", {"x": x, "negative_slope": 0.2})
    y: Array = run(f"conv{x.ndim - 2}d", {"x": activated, "w": w})
    return y


def _of_activated_grad(dy: Array, x: Array, w: Array) -> Sequence[Array | None]:
    how = {"activation": "leaky_relu", "negative_slope": 0.2, "pre_activation": x}
    return run(f"conv{x.ndim - 2}d_input_grad", {"dy": dy, "w": w, "input_shape": x.shape, **how}), None
