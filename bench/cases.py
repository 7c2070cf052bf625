"""Cases of `gpuconv bench conv`, pool and elementwise: an operation with its FLOPs, bytes and tolerance."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gpuconv.conv.shape import conv_shape
from gpuconv.core import device as devices
from gpuconv.testing import tolerance

from .problems import ConvProblem
from .workers.shared import numpy_type

PASSES = ("forward", "input_grad", "weight_grad")
LARGE, SMALL = (64, 64, 64, 64), (1, 16, 32, 32)  # 64 MB and 64 KB of float32


class Case(NamedTuple):
    """One operation on one problem, as the workers run it."""

    name: str
    problem: str
    operation: str
    arguments: dict[str, Any]
    flops: int
    """FLOPs of the direct algorithm."""
    bytes: int
    """Minimum traffic: every array read or written once."""
    terms: int
    """Products summed per result element, for the tolerance."""
    relative: float | None = None
    """Tolerance relative to each element."""
    bound: float | None = None
    """Tolerance relative to the largest element; by default it follows from `terms`."""
    layouts: bool = True
    """Whether arrays have four dimensions, so that their layout matters."""


def conv_cases(problems: list[ConvProblem], dtype: str = "float32", algorithm: str = "auto") -> Iterator[Case]:
    """All three passes of each problem; no input gradient for C <= 3, the first layer of a network.

    Parameters
    ----------
    problems : list of ConvProblem
    dtype : {"float32", "float16", "bfloat16"}
    algorithm : str
        An algorithm of `conv2d`, or "each": "auto", then all that support the problem on the current device.

    Raises
    ------
    ValueError
        If the algorithm supports no pass of any problem.
    """
    supported = False
    for p in problems:
        shapes = {"x_shape": p.x_shape, "w_shape": p.w_shape, "y_shape": p.y_shape}
        options = {"dtype": dtype, **p.options}
        size = numpy_type(dtype).itemsize * sum(math.prod(shape) for shape in shapes.values())
        field = p.r * p.s
        terms = {
            "forward": p.c // p.groups * field,
            "input_grad": p.k // p.groups * field,
            "weight_grad": p.n * math.prod(p.y_shape[2:]),
        }
        for name in PASSES:
            if name == "input_grad" and p.c <= 3:
                continue
            for chosen in _algorithms(p, name, dtype, algorithm):
                supported = True
                arguments = {**shapes, **options, "algorithm": chosen}
                title = f"conv {name}" + ("" if chosen == "auto" else f", {chosen}")
                bound = bound_of(dtype, chosen, terms[name])
                yield Case(title, str(p), f"conv_{name}", arguments, p.flops, size, terms[name], bound=bound)
    if not supported:
        raise ValueError(f"algorithm is {algorithm!r}, which supports none of these problems on this device")


def _algorithms(p: ConvProblem, name: str, dtype: str, algorithm: str) -> list[str]:
    """The requested algorithms that support a pass on the current device."""
    if algorithm == "auto":
        return [algorithm]
    like = devices.to_device(np.empty(0, numpy_type(dtype)))
    shape = conv_shape("bench", p.x_shape, p.w_shape, **p.options)
    operation = {"forward": "fprop", "input_grad": "dgrad", "weight_grad": "wgrad"}[name]
    conv = devices.kernels_for(like).conv
    available = [name for name in conv.ALGORITHMS if conv.unsupported(name, shape, operation, like.dtype) is None]
    return ["auto", *available] if algorithm == "each" else [algorithm] * (algorithm in available)


def bound_of(dtype: str, algorithm: str, terms: int) -> float:
    """Tolerance of the difference of two rounded results; "auto" may select Winograd."""
    return 2 * tolerance(numpy_type(dtype), terms, algorithm if algorithm == "tf32" else "winograd")


def pool_cases() -> Iterator[Case]:
    """Max and average pooling, both passes, 2x2 and 3x3 with stride 2, arrays larger and smaller than the cache."""
    for shape in (LARGE, SMALL):
        for kernel in (2, 3):
            outputs = math.prod(shape[:2]) * ((shape[2] - kernel) // 2 + 1) ** 2
            size = 4 * (math.prod(shape) + outputs)
            for kind in ("max", "avg"):
                mask = outputs if kind == "max" else 0
                for suffix in ("", "_grad"):
                    name = f"{kind}_pool{suffix}"
                    arguments = {"x_shape": shape, "kernel_size": kernel, "stride": 2}
                    problem = f"{'x'.join(map(str, shape))}, {kernel}x{kernel}/2"
                    yield Case(name, problem, name, arguments, 0, size + mask, kernel * kernel)


def elementwise_cases() -> Iterator[Case]:
    """Activations, cross-entropy and optimizer steps, arrays larger and smaller than the cache."""
    passes = {"relu": 2, "relu_grad": 3, "leaky_relu": 2, "sgd": 5, "adam": 7}
    for shape in (LARGE, SMALL):
        for name, count in passes.items():
            yield Case(name, "x".join(map(str, shape)), name, {"x_shape": shape}, 0, count * 4 * math.prod(shape), 1)
    for rows, classes in ((16384, 1024), (128, 128)):
        for name, count in (("cross_entropy", 1), ("cross_entropy_grad", 2)):
            shape = (rows, classes)
            size = count * 4 * rows * classes
            yield Case(name, f"{rows}x{classes}", name, {"x_shape": shape}, 0, size, classes, layouts=False)
