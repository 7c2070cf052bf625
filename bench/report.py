"""What a bench prints and leaves behind: a table, a JSON file keyed by commit and device, a roofline plot."""

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from rich.table import Table

from .run import Row, geometric_mean
from .timing import Limits


def table(rows: list[Row], limits: Limits, peer: str | None) -> Table:
    """One row for each case; times in milliseconds, medians with quartiles."""
    result = Table("operation", "problem", "ms", "quartiles", "GFLOP/s", "of the limit")
    queued = any(host != device for row in rows for host, device in zip(row.hosts, (row.ours, row.peer), strict=False))
    if queued:
        result.add_column("host, ms")
    if peer:
        result.add_column(f"{peer}, ms")
        result.add_column("ratio")
        result.title = f"ratio: time of {peer} over ours; geometric mean {geometric_mean(rows):.2f}"
    for row in rows:
        cells = [
            row.case.name,
            row.case.problem,
            f"{row.ours.median * 1e3:.3f}",
            f"{row.ours.low * 1e3:.3f} to {row.ours.high * 1e3:.3f}",
            f"{row.case.flops / row.ours.median / 1e9:.0f}" if row.case.flops else "",
            f"{row.share(limits):.0%}",
            *([f"{row.hosts[0].median * 1e3:.3f}"] if queued else []),
        ]
        if row.peer is not None and row.ratio is not None:
            theirs = f"{row.peer.median * 1e3:.3f}" + (f" (host {row.hosts[1].median * 1e3:.3f})" if queued else "")
            cells += [theirs, f"[{'green' if row.ratio >= 1 else 'red'}]{row.ratio:.2f}[/]"]
        result.add_row(*cells)
    return result


def machine(threads: int, device: str = "cpu") -> dict[str, Any]:
    """Processor, GPU, threads and versions: what a figure means nothing without."""
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
    """Name, driver and CuPy."""
    import cupy

    runtime = cupy.cuda.runtime
    name = runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    return {"name": name, "driver": runtime.driverGetVersion(), "cupy": cupy.__version__}


def commit() -> str | None:
    """The commit of the source tree this runs from, with a plus where its kernels were changed; None outside one.

    An installed gpuconv may lie in somebody else's repository, whose commit would say nothing.
    """
    folder = Path(__file__).resolve().parent
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
    """Everything measured, for a later comparison; a peer's version is what its own process says of it.

    Older files have neither "peer_version" nor "repeats", and "unknown" in the place of a commit of None.
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
                "host_seconds": [host._asdict() for host in row.hosts],
                "difference": row.error,
            }
            for row in rows
        ],
    }
    path.write_text(json.dumps(record, indent=1) + "\n")


def roofline(path: Path, rows: list[Row], limits: Limits, peer: str | None) -> None:
    """FLOP/s over FLOPs a byte, under what the machine can do; what has no count of either is left out."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    rows = [row for row in rows if row.case.flops and row.case.bytes]
    intensity = np.array([row.case.flops / row.case.bytes for row in rows])
    span = np.geomspace(0.5, max(1000.0, intensity.max(initial=1.0)), 100)
    axes.loglog(span, np.minimum(limits.gflops, span * limits.gbytes), "k-", label="limit of the machine")
    axes.plot(intensity, [row.case.flops / row.ours.median / 1e9 for row in rows], "o", label="gpuconv")
    if peer:
        times = [row.peer.median if row.peer else np.nan for row in rows]
        axes.plot(intensity, [row.case.flops / t / 1e9 for row, t in zip(rows, times, strict=True)], "x", label=peer)
    axes.set(xlabel="FLOPs a byte", ylabel="GFLOP/s of the plain algorithm")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, dpi=120)
