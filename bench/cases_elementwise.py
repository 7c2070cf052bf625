"""Cases of `gpuconv bench elementwise`: operations bound by memory, on arrays of three sizes, and their cliffs.

Cliffs are shapes on which a kernel that is quick elsewhere was found slow: rows of one element, matrices of one row or
column, classes that are not the last axis.
"""

import math
from collections.abc import Iterator
from typing import Any

from .cases import Case

Shape = tuple[int, ...]

SIZES = (64, 64, 64, 64), (4, 16, 64, 64), (1, 16, 32, 32)
"""64 MB, 1 MB and 64 KB of float32."""
ROWS = (16384, 1024), (512, 512), (128, 128)
"""The same as rows of classes or features."""

ACTIVATIONS = "relu", "leaky_relu", "gelu", "silu", "sigmoid", "tanh"
PAD_MODES = "constant", "reflect", "replicate", "circular"
DROPOUT_BOUND = 0.05
"""Relative tolerance of the mean of random zeros and twos: of 64 KB its standard deviation is 0.8 %."""

SMALL_IMAGES = (16, 64, 16, 16)
"""Of which a quarter is resized, and all are padded."""
SHORT_ROWS = (16, 64, 8, 8), (64, 512, 4, 4)
"""Channels of few elements, which are normalized."""
SHORT_SAMPLES = (4096, 64), (1024, 768)
"""Samples of few features, and of a transformer's."""
FEW_CLASSES = (2048, 32), (256, 100), (128, 1000)

SKINNY = ((1, 2048), 1000), ((64, 512), 10), ((4096, 4096), 1), ((1 << 21, 128), 2)
"""Shapes and units of linear layers of one row, of ten classes, of one column, and of many rows."""
SKINNY_GRADIENTS = *SKINNY[:3], ((1 << 18, 128), 2)


def elementwise_cases() -> Iterator[Case]:
    """Each operation in three sizes, then the cliffs."""
    for shape in SIZES:
        yield from _pointwise(shape)
        yield from _normalizations(shape, groups=8)
        yield from _resampling(shape)
        yield from _softmax(shape, axis=1)
    for shape in ROWS:
        yield from _layer_norm(shape)
        yield from _softmax(shape, axis=-1)
    yield from _cliffs()


def title(shape: Shape) -> str:
    """A shape as tables have it."""
    return "x".join(map(str, shape))


def _case(name: str, shape: Shape, moved: int, terms: int = 1, operation: str = "", **arguments: Any) -> Case:
    """A case that moves `moved` arrays of a shape; its name is the operation's, if that is not given."""
    detail, bound = arguments.pop("detail", ""), arguments.pop("bound", None)
    arguments = {"x_shape": shape, **arguments}
    size = 4 * moved * math.prod(shape)
    layouts = len(shape) == 4
    return Case(name, title(shape) + detail, operation or name, arguments, 0, size, terms, bound=bound, layouts=layouts)


def _pointwise(shape: Shape) -> Iterator[Case]:
    for name in ACTIVATIONS:
        yield _case(name, shape, 2, operation="activation", of=name)
        if name != "leaky_relu":
            yield _case(f"{name}_grad", shape, 3, operation="activation_grad", of=name)
    yield _case("dropout", shape, 2, bound=DROPOUT_BOUND)
    yield _case("dropout_grad", shape, 2, bound=DROPOUT_BOUND)
    yield _case("add", shape, 3)
    yield _case("concatenate", shape, 4)
    yield _case("sgd", shape, 5)
    yield _case("adam", shape, 7)


def _normalizations(shape: Shape, groups: int) -> Iterator[Case]:
    """x is read twice: for its statistics and to be normalized."""
    count = math.prod(shape) // shape[1]
    for training in (True, False):
        name = "batch_norm" + ("" if training else ", evaluation")
        yield _case(name, shape, 3 if training else 2, count, "batch_norm", training=training)
    yield _case("batch_norm_grad", shape, 5, count)
    yield _case("group_norm", shape, 3, count, groups=groups, detail=f", {groups} groups")
    yield _case("group_norm_grad", shape, 5, count, groups=groups, detail=f", {groups} groups")


def _layer_norm(shape: Shape) -> Iterator[Case]:
    yield _case("layer_norm", shape, 3, shape[1])
    yield _case("layer_norm_grad", shape, 5, shape[1])


def _resampling(shape: Shape) -> Iterator[Case]:
    """Upsampling from a quarter of the shape; padding by a pixel."""
    quarter = (*shape[:2], shape[2] // 2, shape[3] // 2)
    for mode in ("nearest", "bilinear"):
        for suffix in ("", "_grad"):
            name = f"upsample{suffix}"
            yield _case(f"{name}, {mode}", quarter, 5, 4, name, mode=mode, detail=f" -> {shape[2]}x{shape[3]}")
    for mode in PAD_MODES:
        for suffix in ("", "_grad"):
            yield _case(f"pad{suffix}, {mode}", shape, 2, 4, f"pad{suffix}", mode=mode)


def _softmax(shape: Shape, axis: int) -> Iterator[Case]:
    """Softmax and log-softmax over an axis, cross-entropy over the classes of axis 1."""
    count = shape[axis]
    detail = ", axis 1" if len(shape) == 4 else ""
    for name in ("softmax", "log_softmax"):
        yield _case(name, shape, 2, count, "softmax", of=name, axis=axis, detail=detail)
        yield _case(f"{name}_grad", shape, 3, count, "softmax_grad", of=name, axis=axis, detail=detail)
    yield _case("cross_entropy", shape, 1, count, detail=detail)
    yield _case("cross_entropy_grad", shape, 2, count, detail=detail)


def _cliffs() -> Iterator[Case]:
    rows = (4096, 512)  # each channel has one element an image
    for training in (True, False):
        name = "batch_norm" + ("" if training else ", evaluation")
        yield _case(name, rows, 3 if training else 2, rows[0], "batch_norm", training=training)
    yield _case("batch_norm_grad", rows, 5, rows[0])
    pixels = (64, 512, 1, 1)
    yield _case("group_norm", pixels, 3, 16, groups=32, detail=", 32 groups")
    yield _case("group_norm_grad", pixels, 5, 16, groups=32, detail=", 32 groups")
    yield from _resampling(SMALL_IMAGES)
    for shape in SHORT_ROWS:
        yield from _normalizations(shape, groups=8)
        for suffix, moved in (("", 3), ("_grad", 5)):
            name, detail = f"group_norm{suffix}", ", each channel"
            yield _case(name, shape, moved, math.prod(shape[2:]), groups=shape[1], detail=detail)
    for shape in SHORT_SAMPLES:
        yield from _layer_norm(shape)
    for shape in FEW_CLASSES:
        yield from _softmax(shape, axis=-1)
    for suffix, problems in (("", SKINNY), ("_input_grad", SKINNY_GRADIENTS), ("_weight_grad", SKINNY_GRADIENTS)):
        for (n, c), units in problems:
            terms = {"": c, "_input_grad": units, "_weight_grad": n}[suffix]
            size, flops = 4 * (n * c + n * units + c * units), 2 * n * c * units
            name, problem, arguments = f"linear{suffix}", f"{n}x{c} -> {units}", {"x_shape": (n, c), "units": units}
            yield Case(name, problem, name, arguments, flops, size, terms, layouts=False)
