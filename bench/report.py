"""Output of a benchmark: a table, a JSON file with commit and machine, a roofline plot."""

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from .rows import Row, geometric_mean, under, worst
from .timing import Limits


def table(rows: list[Row], limits: Limits, peer: str | None) -> Table:
    """Table with one row per case: medians in milliseconds, quartiles of ours, the peer in each layout."""
    layouts = list(dict.fromkeys(layout for row in rows for layout in row.peers()))
    mallocs = rows[0].mallocs() if rows else ()
    result = Table("operation", "problem", "ms", "quartiles", "GFLOP/s", "of the limit", title=title(rows, peer))
    # host times are shown if they differ from device times
    queued = any(row.hosts != row.samples for row in rows)
    if queued:
        result.add_column("host, ms")
    for layout in layouts:
        result.add_column(f"{shown(layout)}, ms")
    for malloc in mallocs if peer else ():
        result.add_column("ratio" if malloc == mallocs[0] else f"malloc {shown(malloc)}")
    for row in rows:
        cells: list[str | Text] = [
            row.case.name,
            row.case.problem,
            milliseconds(row.ours.median),
            f"{milliseconds(row.ours.low)} to {milliseconds(row.ours.high)}",
            f"{row.case.flops / row.ours.median / 1e9:.0f}" if row.case.flops else "",
            f"{row.share(limits):.0%}",
            *([milliseconds(row.hosts[row.our_setup()].median)] if queued else []),
        ]
        for layout in layouts:
            sample = row.peers().get(layout)
            cells.append("" if sample is None else Text(milliseconds(sample.median), _style(layout, row)))
        for malloc in mallocs if peer else ():
            ratio = row.ratio_to(malloc=malloc)
            cells.append("" if ratio is None else Text(f"{ratio:.2f}", "green" if ratio >= 1 else "red"))
        result.add_row(*cells)
    return result


def shown(setting: str) -> str:
    """A layout or a setting of malloc in words."""
    return {"nchw": "NCHW", "as-is": "as is"}.get(setting, setting)


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds with three digits after the point."""
    return f"{seconds * 1e3:.3f}"


def _style(layout: str, row: Row) -> str:
    """The quicker layout stands out."""
    return "bold" if layout == row.best_layout() and len(row.peers()) > 1 else ""


def title(rows: list[Row], peer: str | None) -> str | None:
    """The means of the ratios, how many rows are under which bound, and the worst one; None without a peer."""
    low = worst(rows)
    if peer is None or low is None:
        return None
    first, *others = low.mallocs()
    layouts = list(dict.fromkeys(layout for row in rows for layout in row.peers()))
    quicker = " in its quicker layout" if len(layouts) > 1 else f" in {shown(layouts[0])}"
    means = [f"malloc {shown(malloc)} {_mean(rows, malloc=malloc)}" for malloc in others]
    means += [f"against {shown(layout)} {_mean(rows, layout)}" for layout in layouts if len(layouts) > 1]
    counts = ", ".join(f"{count} under {bound}" for bound, count in under(rows).items())
    return (
        f"ratio: time of {peer}{quicker} over ours, malloc {shown(first)}\n"
        f"geometric mean {_mean(rows)}" + (f" ({', '.join(means)})" if means else "") + "\n"
        f"{len(rows)} rows: {counts}; the worst {low.ratio:.2g}, {low.case.name} of {low.case.problem}"
    )


def _mean(rows: list[Row], layout: str | None = None, malloc: str | None = None) -> str:
    mean = geometric_mean(row.ratio_to(layout, malloc) for row in rows)
    return "-" if mean is None else f"{mean:.2f}"


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
    """Write all measurements for later comparison, a row a line; the peer's version is reported by its process.

    "ratio", "seconds" and "peer_seconds" are of the malloc that counts, the latter of the peer's quickest layout;
    "samples" has [median, low, high] of every process, "host_samples" those of the host on a GPU. Older files have
    neither and their peer computed in NCHW with its malloc as it was; still older ones have no "peer_version" and no
    "repeats", and "unknown" instead of a null commit.
    """
    low, mallocs = worst(rows), rows[0].mallocs() if rows else ()
    record = {
        "commit": commit(),
        "machine": machine(threads, device),
        "limits": limits._asdict(),
        "peer": peer,
        "peer_version": peer_version,
        "repeats": repeats,
        "malloc": mallocs[0] if mallocs else None,
        "geometric_mean_ratio": geometric_mean(row.ratio for row in rows),
        "geometric_mean_ratio_by_malloc": {
            malloc: geometric_mean(row.ratio_to(malloc=malloc) for row in rows) for malloc in mallocs
        },
        "rows_under": {str(bound): count for bound, count in under(rows).items()} if low else None,
        "worst_ratio": low.ratio if low else None,
        "rows": None,
    }
    head, tail = json.dumps(_rounded(record), indent=1).split('"rows": null')
    lines = ",\n  ".join(json.dumps(_rounded(_record(row, limits, device))) for row in rows)
    path.write_text(f'{head}"rows": [\n  {lines}\n ]{tail}\n')


def _record(row: Row, limits: Limits, device: str) -> dict[str, Any]:
    """One row of the file."""
    record = {
        "operation": row.case.name,
        "problem": row.case.problem,
        "seconds": row.ours._asdict(),
        "peer_seconds": row.peer._asdict() if row.peer else None,
        "peer_layout": row.best_layout(),
        "ratio": row.ratio,
        "share_of_limit": row.share(limits),
        "difference": row.error,
        "samples": {" ".join(setup): list(sample) for setup, sample in row.samples.items()},
    }
    if device != "cpu":
        record["host_samples"] = {" ".join(setup): list(sample) for setup, sample in row.hosts.items()}
    return record


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
