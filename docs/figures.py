"""Write the tables of speed in README.md and docs/performance.md from the files of `gpuconv bench --json`.

Run `python docs/figures.py` after measuring; a test holds the tables to the files. A table stands between the comments
`<!-- figures: NAME -->` and `<!-- end of figures -->`.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/performance.md")
TABLE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->\n)", re.DOTALL)

SUMMARY = [
    ("Xeon", "convolution, ten layers, three passes", "conv-best-xeon-2cores", "conv", None),
    ("Xeon", "45 layers of networks", "networks-best-xeon-2cores", "conv --problems networks", None),
    ("Xeon", "MobileNet, batch 4", "mobilenet-best-xeon-2cores", "conv --problems mobilenet --batch 4", None),
    ("Xeon", "ResNet-50, batch 4", "resnet50-best-xeon-2cores", "conv --problems resnet50 --batch 4", None),
    ("Xeon", "pooling, 64 MB", "pool-best-xeon-2cores", "pool", "large"),
    ("Xeon", "the same, 64 KB", "pool-best-xeon-2cores", "pool", "small"),
    ("Xeon", "activations, losses, updates, 64 MB", "elementwise-best-xeon-2cores", "elementwise", "large"),
    ("Xeon", "the same, 64 KB", "elementwise-best-xeon-2cores", "elementwise", "small"),
    ("Xeon", "training steps of six networks", "train-best-xeon-2cores", "train", None),
    ("H200", "convolution, float32", "conv-h200", "conv --device cuda", None),
    ("H200", "convolution, float16", "conv-float16-h200", "conv --device cuda --dtype float16", None),
    ("H200", "pooling, 64 MB", "pool-h200", "pool --device cuda", "large"),
    ("H200", "the same, 64 KB", "pool-h200", "pool --device cuda", "small"),
    ("H200", "activations, losses, updates, 64 MB", "elementwise-h200", "elementwise --device cuda", "large"),
    ("H200", "the same, 64 KB", "elementwise-h200", "elementwise --device cuda", "small"),
]
"""Machine, what was timed, file in bench/results, arguments of `gpuconv bench`, which of its rows."""

BEST = ("conv", "networks", "mobilenet", "resnet50")
"""Lists of convolutions that were timed against PyTorch in its quicker layout."""

ELEMENTS = {"large": 1 << 24, "small": 1 << 14}
"""Elements of the problems of pooling and elementwise operations of 64 MB and 64 KB; others are in no table."""

SIZES = {"64 MB": 1 << 24, "1 MB": 1 << 18, "64 KB": 1 << 14}
"""Elements of the sizes that pooling and elementwise operations are timed at."""

PASSES = {"forward": "forward", "input_grad": "input gradient", "weight_grad": "weight gradient"}

Row = dict[str, Any]


def measured(file: str, part: str | None = None) -> list[Row]:
    """The rows of a file of results, or those of a network or a size."""
    rows: list[Row] = json.loads((ROOT / "bench/results" / f"{file}.json").read_text())["rows"]
    if part in ELEMENTS:
        return [row for row in rows if elements(row) == ELEMENTS[part]]
    return [row for row in rows if part is None or part in row["operation"]]


def elements(row: Row) -> int:
    """Elements of the array that a problem of pooling or elementwise operations is about; 0 if it has two shapes."""
    shape = row["problem"].split(",")[0]
    return 0 if "->" in shape else math.prod(map(int, shape.split("x")))


def mean(rows: Iterable[Row]) -> float:
    """Geometric mean of the ratios."""
    logs = [math.log(row["ratio"]) for row in rows]
    return math.exp(sum(logs) / len(logs))


def table(*rows: Iterable[str]) -> str:
    """A table in Markdown; the first row is its head."""
    head, *others = ["| " + " | ".join(row) + " |\n" for row in rows]
    return head + "| " + " | ".join(["---"] * (head.count(" | ") + 1)) + " |\n" + "".join(others)


def speed() -> str:
    """README's table: geometric mean, slower rows and slowest row of each run."""
    return table(
        ("on", "what", "PyTorch's time / ours", "slower than PyTorch", "`gpuconv bench`"),
        *(summarized(*line) for line in SUMMARY),
    )


def summarized(machine: str, what: str, file: str, arguments: str, part: str | None) -> tuple[str, ...]:
    """One line of README's table."""
    rows = measured(file, part)
    slower = sum(row["ratio"] < 1 for row in rows)
    worst = f", down to {min(row['ratio'] for row in rows):.2f}" if slower else ""
    return machine, what, f"{mean(rows):.2f}", f"{slower} of {len(rows)}{worst}", f"`{arguments}`"


def conv() -> str:
    """The ratio of each pass of the ten layers."""
    rows = measured("conv-zen5-2cores")
    ratios = {(row["problem"], row["operation"].removeprefix("conv ")): row["ratio"] for row in rows}
    problems = dict.fromkeys(row["problem"] for row in rows)
    lines = [(problem, *(bold(ratios.get((problem, one))) for one in PASSES)) for problem in problems]
    means = [f"{mean(row for row in rows if row['operation'].endswith(one)):.2f}" for one in PASSES]
    return table(("convolution", *PASSES.values()), *lines, ("*geometric mean*", *means))


def bold(ratio: float | None) -> str:
    """A ratio, bold where PyTorch is faster, nothing where nothing was timed."""
    text = "" if ratio is None else f"{ratio:.2f}"
    return f"**{text}**" if ratio is not None and ratio < 1 else text


def deepbench() -> str:
    """The means of DeepBench's list, and its rows in which PyTorch is faster."""
    rows = measured("deepbench-zen5-2cores")
    slower = sorted((row for row in rows if row["ratio"] < 1), key=lambda row: float(row["ratio"]))
    means = ", ".join(
        f"{name} {mean(row for row in rows if row['operation'].endswith(one)):.2f}" for one, name in PASSES.items()
    )
    lines = [
        (
            PASSES[row["operation"].removeprefix("conv ")],
            row["problem"],
            f"{row['ratio']:.2f}",
            milliseconds(row),
            share(row),
        )
        for row in slower
    ]
    head = f"Geometric mean {mean(rows):.2f} ({means}); PyTorch is faster in {len(slower)} of {len(rows)} rows:\n\n"
    return head + table(("pass", "problem", "ratio", "ms", "of the limit"), *lines)


def best() -> str:
    """Each list against PyTorch in its quicker layout: means, and how many rows are slower."""
    lines = []
    for name in BEST:
        rows = measured(f"{name}-best-xeon-2cores")
        passes = [f"{mean(row for row in rows if row['operation'].endswith(one)):.2f}" for one in PASSES]
        under = [str(sum(row["ratio"] < bound for row in rows)) for bound in (1, 0.9, 0.8)]
        worst = min(rows, key=lambda row: float(row["ratio"]))
        slowest = f"{worst['ratio']:.2f} ({PASSES[worst['operation'].removeprefix('conv ')]} of {worst['problem']})"
        title = "the ten layers" if name == "conv" else f"`{name}`"
        lines.append((title, str(len(rows)), f"{mean(rows):.2f}", *passes, *under, slowest))
    return table(("list", "rows", "mean", *PASSES.values(), "under 1.0", "0.9", "0.8", "slowest"), *lines)


def milliseconds(row: Row) -> str:
    """The median time of our side."""
    return f"{row['seconds']['median'] * 1e3:.2f}"


def share(row: Row) -> str:
    """How much of the machine's limit is reached."""
    return f"{row['share_of_limit']:.0%}"


def streaming() -> str:
    """Pooling and elementwise operations, out of the cache and in it."""
    sizes = {
        size: measured("pool-zen5-2cores", size) + measured("elementwise-zen5-2cores", size)
        for size in ("large", "small")
    }
    small = {title(row): row for row in sizes["small"]}
    lines = []
    for row in sizes["large"]:
        other = small[title(row)]
        lines.append(
            (title(row), milliseconds(row), share(row), bold(row["ratio"]), microseconds(other), bold(other["ratio"]))
        )
    return table(("operation", "64 MB: ms", "of copy speed", "ratio", "64 KB: us", "ratio"), *lines)


def streaming_best() -> str:
    """Pooling and elementwise operations against PyTorch in its quicker layout, by size."""
    lines = []
    for suite in ("pool", "elementwise"):
        rows = measured(f"{suite}-best-xeon-2cores")
        for name, count in (*SIZES.items(), ("other shapes", None)):
            some = [row for row in rows if (elements(row) if elements(row) in SIZES.values() else None) == count]
            if some:
                under = [str(sum(row["ratio"] < bound for row in some)) for bound in (1, 0.8)]
                worst = min(some, key=lambda row: float(row["ratio"]))
                slowest = f"{worst['ratio']:.2f} ({worst['operation'].replace('_', ' ')}, {worst['problem']})"
                lines.append((f"`{suite}`, {name}", str(len(some)), f"{mean(some):.2f}", *under, slowest))
    return table(("suite and size", "rows", "mean", "under 1.0", "0.8", "slowest"), *lines)


def title(row: Row) -> str:
    """An operation with its window."""
    return row["operation"].replace("_", " ") + " ".join(["", *row["problem"].split(", ")[1:]])


def microseconds(row: Row) -> str:
    """The median time of our side."""
    return f"{row['seconds']['median'] * 1e6:.1f}"


def train() -> str:
    """Training steps."""
    lines = [
        (row["operation"].removeprefix("train "), row["problem"], milliseconds(row), peer(row), bold(row["ratio"]))
        for row in measured("train-best-xeon-2cores")
    ]
    return table(("network", "steps", "ms", "PyTorch, ms", "ratio"), *lines)


def peer(row: Row) -> str:
    """The median time of PyTorch."""
    return f"{row['peer_seconds']['median'] * 1e3:.2f}"


TABLES: dict[str, Callable[[], str]] = {
    "speed": speed,
    "conv": conv,
    "deepbench": deepbench,
    "best": best,
    "streaming": streaming,
    "streaming_best": streaming_best,
    "train": train,
}


def rewritten(text: str) -> str:
    """A page with its tables made anew."""
    return TABLE.sub(lambda match: match[1] + TABLES[match[2]]() + match[3], text)


def main() -> None:
    """Rewrite the pages."""
    for page in PAGES:
        path = ROOT / page
        path.write_text(rewritten(path.read_text()))


if __name__ == "__main__":
    main()
