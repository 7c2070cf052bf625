"""The passes of convolutions and transposed convolutions over any number of axes, behind their public names.

Each validates, makes the geometry and allocates; `op` is the public function's name. A transposed convolution is the
input gradient of a convolution, so its gradients are that convolution's forward pass and weight gradient.
"""

import math
from collections.abc import Sequence
from typing import Any

from ..core.arrays import floating, given, output, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.shapes import shape_of, sizes
from ..kernels.conv import volumes
from .functional import activation_code, serving
from .shape import W_LAYOUTS, X_LAYOUTS, Y_LAYOUTS, transposed_geometry, volume_geometry


def convolved(
    op: str,
    rank: int,
    x: Array,
    w: Array,
    b: Array | None,
    *,
    activation: str | None,
    negative_slope: float,
    algorithm: str,
    out: Array | None,
    **windows: Any,
) -> Array:
    """f(x * w + b)."""
    x, w, b = floating(op, ("b",), x=x, w=w, b=b)
    g = volume_geometry(op, rank, x.shape, w.shape, **windows)
    if b is not None:
        shaped(op, "b", b, (g.k,), "one bias for each filter")
    code, slope = activation_code(op, x, activation, negative_slope)
    serving(op, x, algorithm, g.image, "fprop")
    with on_device_of(x):
        y = output(op, g.y_shape, x, out, inputs=given(x, w, b))
        volumes.forward(kernels_for(x).conv, g, x, w, b, code, slope, y, algorithm)
    return y


def convolved_input_grad(
    op: str,
    rank: int,
    dy: Array,
    w: Array,
    input_shape: Sequence[int],
    *,
    activation: str | None,
    negative_slope: float,
    pre_activation: Array | None,
    algorithm: str,
    out: Array | None,
    **windows: Any,
) -> Array:
    """dx, times f'(pre_activation) if that is given."""
    dy, w, pre_activation = floating(op, ("pre_activation",), dy=dy, w=w, pre_activation=pre_activation)
    if (activation is None) != (pre_activation is None):
        raise ValueError(
            f"{op}: activation and pre_activation go together, got activation={activation!r} "
            f"with pre_activation {'absent' if pre_activation is None else 'given'}"
        )
    x_shape = shape_of(op, "input_shape", input_shape, X_LAYOUTS[rank])
    g = volume_geometry(op, rank, x_shape, w.shape, **windows)
    shaped(op, "dy", dy, g.y_shape, "the forward result's shape for input_shape")
    if pre_activation is not None:
        shaped(op, "pre_activation", pre_activation, g.x_shape, "input_shape")
    code, slope = activation_code(op, dy, activation, negative_slope)
    serving(op, dy, algorithm, g.image, "dgrad")
    with on_device_of(dy):
        dx = output(op, g.x_shape, dy, out, inputs=given(dy, w, pre_activation))
        volumes.input_grad(kernels_for(dy).conv, g, dy, w, pre_activation, code, slope, dx, algorithm)
    return dx


def convolved_weight_grad(
    op: str,
    rank: int,
    x: Array,
    dy: Array,
    weight_shape: Sequence[int],
    *,
    algorithm: str,
    out: Array | None,
    **windows: Any,
) -> Array:
    """dw, summed over the batch."""
    x, dy = floating(op, x=x, dy=dy)
    w_shape = shape_of(op, "weight_shape", weight_shape, W_LAYOUTS[rank])
    g = volume_geometry(op, rank, x.shape, w_shape, **windows)
    shaped(op, "dy", dy, g.y_shape, "the forward result's shape for x and weight_shape")
    serving(op, x, algorithm, g.image, "wgrad")
    with on_device_of(x):
        dw = output(op, g.w_shape, x, out, inputs=(x, dy))
        volumes.weight_grad(kernels_for(x).conv, g, x, dy, dw, algorithm)
    return dw


def transposed(op: str, rank: int, x: Array, w: Array, b: Array | None, *, out: Array | None, **windows: Any) -> Array:
    """The input gradient of a convolution at x, plus a bias."""
    x, w, b = floating(op, ("b",), x=x, w=w, b=b)
    g = transposed_geometry(op, rank, x.shape, w.shape, **windows)
    if b is not None:
        shaped(op, "b", b, (g.c,), "one bias for each channel of the result")
    code, slope = activation_code(op, x, None, 0.0)
    kernels = kernels_for(x).conv
    with on_device_of(x):
        y = output(op, g.x_shape, x, out, inputs=given(x, w, b))
        volumes.input_grad(kernels, g, x, w, None, code, slope, y, "auto")
        if b is not None:
            kernels.frames.add_bias(b, _columns(y))
    return y


def transposed_input_grad(
    op: str, rank: int, dy: Array, w: Array, input_shape: Sequence[int], *, out: Array | None, **windows: Any
) -> Array:
    """dx: a convolution of dy."""
    dy, w = floating(op, dy=dy, w=w)
    x_shape = shape_of(op, "input_shape", input_shape, Y_LAYOUTS[rank])
    g = transposed_geometry(op, rank, x_shape, w.shape, **windows)
    shaped(op, "dy", dy, g.x_shape, "the forward result's shape for input_shape")
    code, slope = activation_code(op, dy, None, 0.0)
    with on_device_of(dy):
        dx = output(op, g.y_shape, dy, out, inputs=(dy, w))
        volumes.forward(kernels_for(dy).conv, g, dy, w, None, code, slope, dx, "auto")
    return dx


def transposed_weight_grad(
    op: str, rank: int, x: Array, dy: Array, weight_shape: Sequence[int], *, out: Array | None, **windows: Any
) -> Array:
    """dw: the weight gradient of a convolution of dy with the output gradient x."""
    x, dy = floating(op, x=x, dy=dy)
    w_shape = shape_of(op, "weight_shape", weight_shape, W_LAYOUTS[rank])
    g = transposed_geometry(op, rank, x.shape, w_shape, **windows)
    shaped(op, "dy", dy, g.x_shape, "the forward result's shape for x and weight_shape")
    with on_device_of(x):
        dw = output(op, g.w_shape, x, out, inputs=(x, dy))
        volumes.weight_grad(kernels_for(x).conv, g, dy, x, dw, "auto")
    return dw


def bias_grad(op: str, layout: str, dy: Array, out: Array | None) -> Array:
    """The output gradient summed over batch and positions."""
    (dy,) = floating(op, dy=dy)
    sizes(op, "dy", dy.shape, layout)
    with on_device_of(dy):
        db = output(op, (dy.shape[1],), dy, out, inputs=(dy,))
        kernels_for(dy).conv.bias_grad(_columns(dy)[:, :, None], db)
    return db


def _columns(a: Array) -> Array:
    """An array (N, C, ...) as (N, C, positions)."""
    return a.reshape(*a.shape[:2], math.prod(a.shape[2:]))
