"""Suites of `gpuconv bench`: cases with their FLOPs and bytes, comparison of results, timing."""

import math
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gpuconv.conv.shape import conv_shape
from gpuconv.core import device as devices
from gpuconv.testing import relative_error, tolerance

from .problems import NETWORKS, ConvProblem
from .timing import Limits, Sample, Worker, alternate
from .worker_data import network, numpy_type

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


class Row(NamedTuple):
    """Measurements of one case."""

    case: Case
    ours: Sample
    peer: Sample | None
    """Device time of ours and of the peer; on the CPU the wall-clock time."""
    hosts: tuple[Sample, ...]
    """Host time of each library: on the CPU the same, on a GPU the time to queue the work."""
    error: float | None
    """Difference of the results, relative to the peer's largest element."""

    @property
    def ratio(self) -> float | None:
        """The peer's time over ours: above 1 we are faster."""
        return None if self.peer is None else self.peer.median / self.ours.median

    def limit(self, limits: Limits) -> float:
        """Roofline bound in seconds: the larger of FLOPs over peak and bytes over bandwidth."""
        return max(self.case.flops / limits.gflops, self.case.bytes / limits.gbytes) / 1e9

    def share(self, limits: Limits) -> float:
        """Fraction of the roofline reached; above 1 if the algorithm saves arithmetic."""
        return self.limit(limits) / self.ours.median


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
        options = {"dtype": dtype, "stride": p.stride, "padding": p.pad, "groups": p.groups}
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
                bound = _bound(dtype, chosen, terms[name])
                yield Case(title, str(p), f"conv_{name}", arguments, p.flops, size, terms[name], bound=bound)
    if not supported:
        raise ValueError(f"algorithm is {algorithm!r}, which supports none of these problems on this device")


def _algorithms(p: ConvProblem, name: str, dtype: str, algorithm: str) -> list[str]:
    """The requested algorithms that support a pass on the current device."""
    if algorithm == "auto":
        return [algorithm]
    like = devices.to_device(np.empty(0, numpy_type(dtype)))
    shape = conv_shape("bench", p.x_shape, p.w_shape, stride=p.stride, padding=p.pad, groups=p.groups)
    operation = {"forward": "fprop", "input_grad": "dgrad", "weight_grad": "wgrad"}[name]
    conv = devices.kernels_for(like).conv
    available = [name for name in conv.ALGORITHMS if conv.unsupported(name, shape, operation, like.dtype) is None]
    return ["auto", *available] if algorithm == "each" else [algorithm] * (algorithm in available)


def _bound(dtype: str, algorithm: str, terms: int) -> float:
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
            yield Case(name, f"{rows}x{classes}", name, {"x_shape": shape}, 0, count * 4 * rows * classes, classes)


def train_cases(folder: Path) -> Iterator[Case]:
    """Training steps: forward, loss, backward, update. The initial weights are written to the folder."""
    for problem in NETWORKS:
        weights = folder / f"{problem.network}.npz"
        np.savez(weights, **network(problem.network, problem.classes, seed=0).state_dict())
        arguments = {
            "name": problem.network,
            "weights": str(weights),
            "x_shape": problem.layers[0].x_shape,
            "classes": problem.classes,
            "steps": problem.steps,
        }
        yield Case(f"train {problem.network}", str(problem), "train", arguments, problem.flops, 0, 0, 1e-4)


def measure(
    cases: list[Case],
    workers: list[Worker],
    repeats: int,
    report: Callable[[Case], None] = lambda case: None,
    referee: Worker | None = None,
) -> list[Row]:
    """Compare results, then time: the first worker is gpuconv, the optional second one the peer.

    Parameters
    ----------
    cases : list of Case
    workers : list of Worker
    repeats : int
        Samples per case; the median is reported.
    report : callable
        Called before each case.
    referee : Worker, optional
        gpuconv on the CPU, which computes in float64 if the results of a convolution differ: some algorithms that cuDNN
        tries are inaccurate (5x5 weight gradients: 1.5e-3, H200 2026-11), so the error may be the peer's.

    Returns
    -------
    list of Row

    Raises
    ------
    AssertionError
        If our result matches neither the peer's nor the referee's: wrong results are not timed.
    """
    rows = []
    for case in cases:
        report(case)
        results = [worker.prepare(case.operation, case.arguments) for worker in workers]
        error = _compare(case, *results, referee) if len(results) > 1 else None
        samples = alternate(workers, repeats)
        devices, hosts = zip(*samples, strict=True)
        rows.append(Row(case, devices[0], devices[1] if len(devices) > 1 else None, hosts, error))
    return rows


def _compare(
    case: Case, ours: np.ndarray[Any, Any], peer: np.ndarray[Any, Any], referee: Worker | None = None
) -> float:
    """Difference of our result from the peer's or, if that exceeds the tolerance, from the referee's."""
    if case.relative is None:
        error, bound = relative_error(ours, peer), case.bound or _bound("float32", "auto", case.terms)
    else:
        error, bound = float(np.abs(ours / peer - 1).max()), case.relative
    if not error <= bound and referee is not None and "dtype" in case.arguments:
        exact = {**case.arguments, "dtype": "float64", "algorithm": "direct"}
        error = relative_error(ours, referee.prepare(case.operation, exact))
    if not error <= bound:
        raise AssertionError(f"{case.name} of {case.problem}: results differ by {error:.1e} > {bound:.1e}")
    return error


def geometric_mean(rows: list[Row]) -> float | None:
    """Geometric mean of the ratios to the peer."""
    ratios = [row.ratio for row in rows if row.ratio is not None]
    return statistics.geometric_mean(ratios) if ratios else None
