"""Measuring: compare the results of a case, then time it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gpuconv.testing import relative_error

from .cases import Case, bound_of
from .rows import Row
from .timing import Setup, Worker, alternate


def setups(peer: str | None, layouts: list[str], mallocs: list[str]) -> list[Setup]:
    """The processes of a run: ours with each malloc, then the peer in each layout with each malloc."""
    ours = [Setup("gpuconv", malloc=malloc) for malloc in mallocs]
    return ours + [Setup(peer, layout, malloc) for malloc in mallocs for layout in layouts if peer]


def measure(
    cases: list[Case],
    workers: list[Worker],
    repeats: int,
    report: Callable[[Case], None] = lambda case: None,
    referee: Worker | None = None,
) -> list[Row]:
    """Compare results, then time in turns: the first worker is gpuconv, the others may be the peer's.

    Parameters
    ----------
    cases : list of Case
    workers : list of Worker
        Of those whose cases have no layout to choose, only the peer's first layout is timed.
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
        used = _serving(case, workers)
        ours, *others = [worker.prepare(case.operation, case.arguments) for worker in used]
        error = max((_compare(case, ours, other, referee) for other in others), default=None)
        devices, hosts = zip(*alternate(used, repeats), strict=True)
        names = [worker.setup for worker in used]
        rows.append(Row(case, dict(zip(names, devices, strict=True)), dict(zip(names, hosts, strict=True)), error))
    return rows


def _serving(case: Case, workers: list[Worker]) -> list[Worker]:
    """The workers that a case tells apart: without four dimensions all layouts are one."""
    if case.layouts:
        return workers
    first = next((worker.setup.layout for worker in workers if worker.setup.library != "gpuconv"), None)
    return [worker for worker in workers if worker.setup.library == "gpuconv" or worker.setup.layout == first]


def _compare(
    case: Case, ours: np.ndarray[Any, Any], peer: np.ndarray[Any, Any], referee: Worker | None = None
) -> float:
    """Difference of our result from the peer's or, if that exceeds the tolerance, from the referee's."""
    if case.relative is None:
        error, bound = relative_error(ours, peer), case.bound or bound_of("float32", "auto", case.terms)
    else:
        error, bound = float(np.abs(ours / peer - 1).max()), case.relative
    if not error <= bound and referee is not None and "algorithm" in case.arguments:
        exact = {**case.arguments, "dtype": "float64", "algorithm": "direct"}
        error = relative_error(ours, referee.prepare(case.operation, exact))
    if not error <= bound:
        raise AssertionError(f"{case.name} of {case.problem}: results differ by {error:.1e} > {bound:.1e}")
    return error
