"""Cases of `gpuconv bench pool`: windows of images in three sizes, small planes, adaptive pooling."""

import math
from collections.abc import Iterator

from .cases import Case
from .cases_elementwise import SIZES, title

SMALL_PLANES = (64, 256, 4, 4), (64, 256, 7, 7), (64, 256, 8, 8)
ADAPTIVE = (
    ((32, 512, 7, 7), 1),
    ((16, 256, 14, 14), 7),
    ((8, 64, 56, 56), 6),
    ((8, 64, 40, 40), 20),
    ((16, 64, 32, 32), 17),
)
"""Shapes and sizes of results: a ResNet's, VGG's at 448 and AlexNet's last pooling, and many windows."""


def pool_cases() -> Iterator[Case]:
    """Maximum and average, both passes, 2x2 and 3x3 with stride 2; small planes; pooling to a size."""
    for shape in SIZES:
        for kernel in (2, 3):
            yield from _windows(shape, kernel, ("", "_grad"))
    for shape in SMALL_PLANES:
        for kernel in (2, 3):
            yield from _windows(shape, kernel, ("", "_grad"))
    for shape, size in (*((shape, 7) for shape in SIZES), *ADAPTIVE):
        yield from _adaptive(shape, size)


def _windows(shape: tuple[int, ...], kernel: int, passes: tuple[str, ...]) -> Iterator[Case]:
    outputs = math.prod(shape[:2]) * ((shape[2] - kernel) // 2 + 1) ** 2
    size = 4 * (math.prod(shape) + outputs)
    for kind in ("max", "avg"):
        mask = outputs if kind == "max" else 0
        for suffix in passes:
            name = f"{kind}_pool{suffix}"
            arguments = {"x_shape": shape, "kernel_size": kernel, "stride": 2}
            problem = f"{title(shape)}, {kernel}x{kernel}/2"
            yield Case(name, problem, name, arguments, 0, size + mask, kernel * kernel)


def _adaptive(shape: tuple[int, ...], size: int) -> Iterator[Case]:
    outputs = math.prod(shape[:2]) * size * size
    window = math.prod(-(-side // size) + 1 for side in shape[2:])
    for kind in ("max", "avg"):
        indices = outputs * 4 if kind == "max" else 0
        for suffix in ("", "_grad"):
            name = f"adaptive_{kind}_pool{suffix}"
            total = 4 * (math.prod(shape) + outputs) + indices
            arguments = {"x_shape": shape, "size": size}
            yield Case(name, f"{title(shape)} -> {size}x{size}", name, arguments, 0, total, window)
