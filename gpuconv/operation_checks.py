"""Every operation with its gradient check: what `gpuconv check` runs, on whatever device is present.

float64 is checked against finite differences of the forward function; float32 against the float64 gradient.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import activations, conv, losses, pooling
from .backend import Array, to_device, use_device
from .linear import linear, linear_bias_grad, linear_input_grad, linear_weight_grad
from .testing import DIFFERENCE_TOLERANCE, GradientError, check_gradients, relative_error, tolerance


class CheckResult(NamedTuple):
    """One row of the table."""

    name: str
    dtype: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the error is within the tolerance; NaN is not."""
        return self.error <= self.tolerance


class OperationCheck(NamedTuple):
    """An operation, its gradients and arguments to try them on."""

    name: str
    forward: Callable[..., Array]
    backward: Callable[..., Sequence[Array | None]]
    shapes: tuple[tuple[int, ...], ...]
    terms: int
    """Products summed for one element of a gradient, for the tolerance in float32."""


def check_operations(device: str = "auto") -> list[CheckResult]:
    """Check the gradients of every operation on a device.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "simulator"}

    Returns
    -------
    list of CheckResult
        Two for each operation, float64 and float32; a wrong gradient is a row with its error, not an exception.

    Raises
    ------
    DeviceError
        If the device is not there.
    """
    with use_device(device):
        return [row for check in operation_checks() for row in (_differences(check), _single(check))]


def operation_checks() -> Iterator[OperationCheck]:
    """Every differentiable operation, awkward options included."""
    yield from _convolutions()
    yield from _poolings()
    yield from _activations()
    yield from _linear()
    yield from _losses()


def _inputs(check: OperationCheck, dtype: Any) -> list[Array]:
    """Standard normal values, the same for both types up to rounding."""
    rng = np.random.default_rng(1)
    return [to_device(rng.standard_normal(shape).astype(np.float32).astype(dtype)) for shape in check.shapes]


def _differences(check: OperationCheck) -> CheckResult:
    try:
        report = check_gradients(check.forward, check.backward, *_inputs(check, np.float64))
    except GradientError:
        return CheckResult(check.name, "float64", float("inf"), DIFFERENCE_TOLERANCE)
    return CheckResult(check.name, "float64", report.error, report.tolerance)


def _single(check: OperationCheck) -> CheckResult:
    gradients = []
    for dtype in (np.float32, np.float64):
        inputs = _inputs(check, dtype)
        dy = np.random.default_rng(2).standard_normal(check.forward(*inputs).shape).astype(np.float32).astype(dtype)
        gradients.append(check.backward(to_device(dy), *inputs))
    pairs = zip(*gradients, strict=True)
    error = max(relative_error(single, double) for single, double in pairs if double is not None)
    return CheckResult(check.name, "float32", error, tolerance(np.float32, check.terms))


def _convolutions() -> Iterator[OperationCheck]:
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
        ("conv2d 1x1", (2, 5, 4, 4), (3, 5, 1, 1), {}),
    ]
    for name, x_shape, w_shape, kw in options:
        yield OperationCheck(name, *_conv_pair(kw), (x_shape, w_shape, w_shape[:1]), terms=256)
    yield OperationCheck("conv2d + leaky_relu, fused", _fused, _fused_grad, ((1, 2, 6, 6), (3, 2, 3, 3)), terms=256)


def _conv_pair(kw: dict[str, Any]) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    def forward(x: Array, w: Array, b: Array) -> Array:
        return conv.conv2d(x, w, b, **kw)

    def backward(dy: Array, x: Array, w: Array, b: Array) -> Sequence[Array]:
        return (
            conv.conv2d_input_grad(dy, w, x.shape, **kw),
            conv.conv2d_weight_grad(x, dy, w.shape, **kw),
            conv.conv2d_bias_grad(dy),
        )

    return forward, backward


def _fused(x: Array, w: Array) -> Array:
    """A leaky ReLU in front of a convolution: its gradient is delta^l of equation (20), in one pass."""
    return conv.conv2d(activations.leaky_relu(x, 0.2), w)


def _fused_grad(dy: Array, x: Array, w: Array) -> Sequence[Array | None]:
    delta = conv.conv2d_input_grad(dy, w, x.shape, activation="leaky_relu", negative_slope=0.2, pre_activation=x)
    return delta, None


def _poolings() -> Iterator[OperationCheck]:
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


def _activations() -> Iterator[OperationCheck]:
    shape = ((5, 7),)
    yield OperationCheck("relu", activations.relu, lambda dy, x: (activations.relu_grad(dy, x),), shape, terms=1)
    yield OperationCheck(
        "leaky_relu", activations.leaky_relu, lambda dy, x: (activations.leaky_relu_grad(dy, x),), shape, terms=1
    )


def _linear() -> Iterator[OperationCheck]:
    def backward(dy: Array, x: Array, w: Array, b: Array) -> Sequence[Array]:
        return linear_input_grad(dy, w), linear_weight_grad(x, dy), linear_bias_grad(dy)

    yield OperationCheck("linear", linear, backward, ((5, 9), (7, 9), (7,)), terms=9)


def _losses() -> Iterator[OperationCheck]:
    yield OperationCheck(
        "softmax", activations.softmax, lambda dy, x: (activations.softmax_grad(dy, x),), ((4, 6),), terms=6
    )
    for reduction in losses.REDUCTIONS:
        yield OperationCheck(f"mse_loss, {reduction}", *_mse_pair(reduction), ((4, 6), (4, 6)), terms=24)
        yield OperationCheck(f"cross_entropy, {reduction}", *_cross_entropy_pair(reduction), ((4, 5, 2),), terms=40)


def _mse_pair(reduction: str) -> tuple[Callable[..., Array], Callable[..., Sequence[Array | None]]]:
    def forward(x: Array, target: Array) -> Array:
        return losses.mse_loss(x, target, reduction=reduction)

    def backward(dy: Array, x: Array, target: Array) -> Sequence[Array | None]:
        return losses.mse_loss_grad(x, target, dloss=dy, reduction=reduction), None

    return forward, backward


def _cross_entropy_pair(reduction: str) -> tuple[Callable[..., Array], Callable[..., Sequence[Array]]]:
    target = np.array([[0, 4], [2, -100], [1, 1], [3, 0]])
    kw: dict[str, Any] = {"reduction": reduction, "label_smoothing": 0.1}

    def forward(x: Array) -> Array:
        return losses.cross_entropy(x, to_device(target), **kw)

    def backward(dy: Array, x: Array) -> Sequence[Array]:
        return (losses.cross_entropy_grad(x, to_device(target), dloss=dy, **kw),)

    return forward, backward
