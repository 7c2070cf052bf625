"""The suites of `gpuconv bench`: what is run, how much work and memory it is, and how it compares."""

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
    """One operation on one problem, as the workers take it."""

    name: str
    problem: str
    operation: str
    arguments: dict[str, Any]
    flops: int
    """Of the plain algorithm."""
    bytes: int
    """Least possible: every array read or written once."""
    terms: int
    """Products summed for one element, for the comparison of results."""
    relative: float | None = None
    """Largest difference allowed, relative to each element."""
    bound: float | None = None
    """Largest difference allowed, relative to the largest element; by default one that follows from the terms."""


class Row(NamedTuple):
    """What was measured of one case."""

    case: Case
    ours: Sample
    peer: Sample | None
    """Both of the device, where there is one."""
    hosts: tuple[Sample, ...]
    """What the libraries' calls cost on the host: the same on the CPU, the time until all is queued on a GPU."""
    error: float | None
    """Of our result against the peer's, relative to its largest element."""

    @property
    def ratio(self) -> float | None:
        """The peer's time over ours: above 1 we are faster."""
        return None if self.peer is None else self.peer.median / self.ours.median

    def limit(self, limits: Limits) -> float:
        """Seconds the machine needs at least: the slower of its arithmetic and its memory."""
        return max(self.case.flops / limits.gflops, self.case.bytes / limits.gbytes) / 1e9

    def share(self, limits: Limits) -> float:
        """How much of what the machine can do was reached; above 1 where the algorithm saves arithmetic."""
        return self.limit(limits) / self.ours.median


def conv_cases(problems: list[ConvProblem], dtype: str = "float32", algorithm: str = "auto") -> Iterator[Case]:
    """All three passes of each problem; the input gradient of a network's first layer is nobody's, so not at C <= 3.

    Parameters
    ----------
    problems : list of ConvProblem
    dtype : {"float32", "float16", "bfloat16"}
    algorithm : str
        One that `conv2d` knows, or "each": all that there are for a problem on the present device, "auto" first.

    Raises
    ------
    ValueError
        If there is no such algorithm for any pass of any problem.
    """
    served = False
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
                served = True
                arguments = {**shapes, **options, "algorithm": chosen}
                title = f"conv {name}" + ("" if chosen == "auto" else f", {chosen}")
                bound = _bound(dtype, chosen, terms[name])
                yield Case(title, str(p), f"conv_{name}", arguments, p.flops, size, terms[name], bound=bound)
    if not served:
        raise ValueError(f"algorithm is {algorithm!r}, which serves none of these problems here")


def _algorithms(p: ConvProblem, name: str, dtype: str, algorithm: str) -> list[str]:
    """Those asked for that there are for a pass on the present device."""
    if algorithm == "auto":
        return [algorithm]
    like = devices.to_device(np.empty(0, numpy_type(dtype)))
    shape = conv_shape("bench", p.x_shape, p.w_shape, stride=p.stride, padding=p.pad, groups=p.groups)
    operation = {"forward": "fprop", "input_grad": "dgrad", "weight_grad": "wgrad"}[name]
    conv = devices.kernels_for(like).conv
    offered = [name for name in conv.ALGORITHMS if conv.unsupported(name, shape, operation, like.dtype) is None]
    return ["auto", *offered] if algorithm == "each" else [algorithm] * (algorithm in offered)


def _bound(dtype: str, algorithm: str, terms: int) -> float:
    """Largest difference of two results, each with its own rounding; "auto" may be Winograd's."""
    return 2 * tolerance(numpy_type(dtype), terms, algorithm if algorithm == "tf32" else "winograd")


def pool_cases() -> Iterator[Case]:
    """Maximum and average pooling, both passes, 2x2/2 and 3x3/2, out of the cache and in it."""
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
    """Activations, cross-entropy and the update, out of the cache and in it."""
    passes = {"relu": 2, "relu_grad": 3, "leaky_relu": 2, "sgd": 5, "adam": 7}
    for shape in (LARGE, SMALL):
        for name, count in passes.items():
            yield Case(name, "x".join(map(str, shape)), name, {"x_shape": shape}, 0, count * 4 * math.prod(shape), 1)
    for rows, classes in ((16384, 1024), (128, 128)):
        for name, count in (("cross_entropy", 1), ("cross_entropy_grad", 2)):
            shape = (rows, classes)
            yield Case(name, f"{rows}x{classes}", name, {"x_shape": shape}, 0, count * 4 * rows * classes, classes)


def train_cases(folder: Path) -> Iterator[Case]:
    """Steps of training: forward, loss, backward, update. The weights to start from are left in the folder."""
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
    """Compare results, then time: the first worker is ours, the second, if there is one, the peer.

    Parameters
    ----------
    cases : list of Case
    workers : list of Worker
    repeats : int
        Timings of each; the median is reported.
    report : callable
        Called before each case.
    referee : Worker, optional
        Our CPU kernels, which compute in float64 where a convolution's results differ: among the algorithms that cuDNN
        tries are some that lose digits (5x5 weight gradients: 1.5e-3, H200 2026-11), and the error may be the peer's.

    Returns
    -------
    list of Row

    Raises
    ------
    AssertionError
        If our result is not the peer's, nor the referee's: a wrong answer is not timed.
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
    """How far our result is from the peer's, or from the referee's where that is too far; each has its own rounding."""
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
    """Of the ratios to the peer."""
    ratios = [row.ratio for row in rows if row.ratio is not None]
    return statistics.geometric_mean(ratios) if ratios else None
