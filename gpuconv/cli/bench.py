"""`gpuconv bench`: time kernels, alone or against PyTorch, and compare them with the machine's limits."""

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from ..bench import cases, cases_elementwise, cases_pool, cases_train, problems, report, run, timing
from ..core.device import use_device
from . import output
from .errors import UsageError


class Settings(NamedTuple):
    """The options of the command."""

    suite: str
    device: str
    against: str | None
    problems: str
    batch: int | None
    only: str | None
    dtype: str
    algorithm: str
    threads: int | None
    repeats: int
    layouts: str
    malloc: str
    peer_python: Path | None
    json: Path | None
    plot: Path | None


def execute(settings: Settings) -> None:
    """Measure and print.

    Raises
    ------
    UsageError
        If the problems or the algorithm are unknown, or the peer cannot be started.
    DeviceError
        If the device is missing.
    """
    for option, path in (("json", settings.json), ("plot", settings.plot)):
        if path is not None:
            _require_writable(option, path)
    with use_device(settings.device), tempfile.TemporaryDirectory() as folder:
        try:
            timed = _chosen(settings, _cases(settings, Path(folder)))
        except ValueError as error:
            raise UsageError(str(error)) from error
        _measure(settings, timed)


def _require_writable(option: str, path: Path) -> None:
    """Refuse a file that cannot be written, before minutes of measurements are lost."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--{option} is {output.shown(path)}, expected a file that can be written")


def _setups(settings: Settings) -> "list[timing.Setup]":
    """The processes: each library with each malloc, the peer in each layout.

    Malloc does not matter on a GPU, and without a peer there is no ratio to take with each.
    """
    layouts = ["nchw", "channels_last"] if settings.layouts == "both" else [settings.layouts]
    mallocs = ["as-is", "tuned"] if settings.malloc == "both" else [settings.malloc]
    if settings.device != "cpu" or (settings.against is None and settings.malloc == "both"):
        mallocs = ["as-is"]
    setups: list[timing.Setup] = run.setups(settings.against, layouts, mallocs)
    return setups


def _measure(settings: Settings, timed: "list[cases.Case]") -> None:
    threads = settings.threads or len(os.sched_getaffinity(0))
    python = str(settings.peer_python) if settings.peer_python else None
    console = output.console(width=max(output.console().width, 156))  # wide enough for the table, also in a file
    kind = "tf32" if settings.algorithm == "tf32" else settings.dtype
    limits = timing.measure_limits(threads, settings.device, kind)
    where = (
        f"{threads} threads; limits measured" if settings.device == "cpu" else "GPU; limits of its clock and measured"
    )
    console.print(f"{where}: {limits.gflops:.0f} GFLOP/s, {limits.gbytes:.1f} GB/s")
    referees = [timing.Setup("gpuconv")] if settings.device == "cuda" and settings.against else []
    try:
        with (
            timing.workers(_setups(settings), threads, python, settings.device) as workers,
            timing.workers(referees, threads) as referee,
            console.status("") as status,
        ):
            peer_version = workers[-1].version if settings.against else None
            rows = run.measure(
                timed,
                workers,
                settings.repeats,
                lambda case: status.update(f"{case.name} of {case.problem}"),
                *referee,
            )
    except RuntimeError as error:
        raise UsageError(str(error)) from error
    console.print(report.table(rows, limits, settings.against))
    if settings.json:
        report.write_json(
            settings.json,
            rows,
            limits,
            settings.against,
            threads,
            settings.device,
            peer_version=peer_version,
            repeats=settings.repeats,
        )
    if settings.plot:
        report.roofline(settings.plot, rows, limits, settings.against)


def _chosen(settings: Settings, listed: "list[cases.Case]") -> "list[cases.Case]":
    """The cases that --only names; ValueError if there are none."""
    found = [case for case in listed if settings.only is None or settings.only in f"{case.name} of {case.problem}"]
    if not found:
        names = ", ".join(dict.fromkeys(case.name for case in listed))
        raise ValueError(f"--only is {settings.only!r}, which is in none of {names}")
    return found


def _cases(settings: Settings, folder: Path) -> "list[cases.Case]":
    """The cases of a suite; ValueError for an option that it does not have."""
    if settings.suite == "conv":
        listed = problems.conv_problems(settings.problems, settings.batch)
        return list(cases.conv_cases(listed, settings.dtype, settings.algorithm))
    if settings.suite == "train":
        return list(cases_train.train_cases(folder, settings.dtype, settings.batch))
    if settings.dtype != "float32" or settings.batch is not None:
        raise ValueError(
            f"{settings.suite} is timed in float32 and with its own shapes: --dtype and --batch are not for it"
        )
    return list(cases_pool.pool_cases() if settings.suite == "pool" else cases_elementwise.elementwise_cases())
