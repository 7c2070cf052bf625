"""Output of a benchmark: a table, a JSON file with commit and machine, a roofline plot."""

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from .run import Row, geometric_mean
from .timing import Limits


def table(rows: list[Row], limits: Limits, peer: str | None) -> Table:
    """Table with one row per case: medians and quartiles in milliseconds."""
    result = Table("operation", "problem", "ms", "quartiles", "GFLOP/s", "of the limit")
    # host times are shown if they differ from device times
    queued = any(host != device for row in rows for host, device in zip(row.hosts, (row.ours, row.peer), strict=False))
    if queued:
        result.add_column("host, ms")
    if peer:
        result.add_column(f"{peer}, ms")
        result.add_column("ratio")
        result.title = f"ratio: time of {peer} over ours; geometric mean {geometric_mean(rows):.2f}"
    for row in rows:
        cells: list[str | Text] = [
            row.case.name,
            row.case.problem,
            f"{row.ours.median * 1e3:.3f}",
            f"{row.ours.low * 1e3:.3f} to {row.ours.high * 1e3:.3f}",
            f"{row.case.flops / row.ours.median / 1e9:.0f}" if row.case.flops else "",
            f"{row.share(limits):.0%}",
            *([f"{row.hosts[0].median * 1e3:.3f}"] if queued else []),
        ]
        if row.peer is not None and row.ratio is not None:
            peer_time = f"{row.peer.median * 1e3:.3f}" + (f" (host {row.hosts[1].median * 1e3:.3f})" if queued else "")
            cells += [peer_time, Text(f"{row.ratio:.2f}", "green" if row.ratio >= 1 else "red")]
        result.add_row(*cells)
    return result


def machine(threads: int, device: str = "cpu") -> dict[str, Any]:
    """Processor, GPU, threads and versions, without which a timing means nothing."""
    import llvmlite.binding as llvm
    import numba
    import numpy

    return {
        "processor": llvm.get_host_cpu_name(),
        "platform": platform.platform(),
        "threads": threads,
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": numpy.__version__,
        **({"gpu": _gpu()} if device == "cuda" else {}),
    }


def _gpu() -> dict[str, Any]:
    """Name, driver and CuPy version."""
    import cupy

    runtime = cupy.cuda.runtime
    name = runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    return {"name": name, "driver": runtime.driverGetVersion(), "cupy": cupy.__version__}


BENCH = Path(__file__).resolve().parent


def commit(folder: Path = BENCH) -> str | None:
    """Commit of the source tree whose bench/ is `folder`, with a plus if its kernels have changes; None outside of one.

    An installed gpuconv may be inside another repository, whose commit would be meaningless.
    """
    try:
        answers = [
            subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
            for arguments in (
                ["rev-parse", "--show-toplevel"],
                ["rev-parse", "--short", "HEAD"],
                ["status", "--porcelain", "--", "../kernels"],
            )
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    root, head, changes = answers
    return head + "+" * bool(changes) if folder == Path(root).resolve() / "bench" else None


def write_json(
    path: Path,
    rows: list[Row],
    limits: Limits,
    peer: str | None,
    threads: int,
    device: str = "cpu",
    *,
    peer_version: str | None = None,
    repeats: int | None = None,
) -> None:
    """Write all measurements for later comparison; the peer's version is reported by its process.

    Older files have neither "peer_version" nor "repeats", and "unknown" instead of a null commit.
    """
    record = {
        "commit": commit(),
        "machine": machine(threads, device),
        "limits": limits._asdict(),
        "peer": peer,
        "peer_version": peer_version,
        "repeats": repeats,
        "geometric_mean_ratio": geometric_mean(rows),
        "rows": [
            {
                "operation": row.case.name,
                "problem": row.case.problem,
                "seconds": row.ours._asdict(),
                "peer_seconds": row.peer._asdict() if row.peer else None,
                "ratio": row.ratio,
                "share_of_limit": row.share(limits),
                "difference": row.error,
            }
            | ({"host_seconds": [host._asdict() for host in row.hosts]} if device != "cpu" else {})
            for row in rows
        ],
    }
    path.write_text(json.dumps(_rounded(record), indent=1) + "\n")


def _rounded(value: Any) -> Any:
    """Five digits of every number, more than a measurement has."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def roofline(path: Path, rows: list[Row], limits: Limits, peer: str | None) -> None:
    """Roofline plot: FLOP/s over FLOPs per byte, without cases that have no count of either."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    rows = [row for row in rows if row.case.flops and row.case.bytes]
    intensity = np.array([row.case.flops / row.case.bytes for row in rows])
    span = np.geomspace(0.5, max(1000.0, intensity.max(initial=1.0)), 100)
    axes.loglog(span, np.minimum(limits.gflops, span * limits.gbytes), "k-", label="roofline")
    axes.plot(intensity, [row.case.flops / row.ours.median / 1e9 for row in rows], "o", label="gpuconv")
    if peer:
        times = [row.peer.median if row.peer else np.nan for row in rows]
        axes.plot(intensity, [row.case.flops / t / 1e9 for row, t in zip(rows, times, strict=True)], "x", label=peer)
    axes.set(xlabel="FLOPs per byte", ylabel="GFLOP/s (direct algorithm)")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, dpi=120)
