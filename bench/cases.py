"""Cases: an operation with its FLOPs, bytes and tolerance; those of `gpuconv bench conv`."""

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
