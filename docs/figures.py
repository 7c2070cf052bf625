"""Write README's table of speed from bench/results, where `gpuconv bench --json` leaves what it measured.

Run `python docs/figures.py` after measuring; a test holds the table to the files.
"""

import json
import math
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- speed: written by docs/figures.py -->\n", "<!-- end of speed -->\n"

ROWS = [
    ("CPU", "convolution, ten layers, three passes", "conv-zen5-2cores", "conv", None),
    ("CPU", "DeepBench's training layers, batch 8", "deepbench-zen5-2cores", "conv --problems deepbench", None),
    ("CPU", "pooling, 64 MB", "pool-zen5-2cores", "pool", "large"),
    ("CPU", "the same, 64 KB", "pool-zen5-2cores", "pool", "small"),
    ("CPU", "activations, losses, updates, 64 MB", "elementwise-zen5-2cores", "elementwise", "large"),
    ("CPU", "the same, 64 KB", "elementwise-zen5-2cores", "elementwise", "small"),
    ("CPU", "20 training steps of LeNet-5", "train-zen5-2cores", "train", "LeNet"),
    ("CPU", "20 training steps of a ResNet-8", "train-zen5-2cores", "train", "ResNet"),
    ("H200", "convolution, float32", "conv-h200", "conv --device cuda", None),
    ("H200", "convolution, float16", "conv-float16-h200", "conv --device cuda --dtype float16", None),
    ("H200", "pooling, 64 MB", "pool-h200", "pool --device cuda", "large"),
    ("H200", "the same, 64 KB", "pool-h200", "pool --device cuda", "small"),
    ("H200", "activations, losses, updates, 64 MB", "elementwise-h200", "elementwise --device cuda", "large"),
    ("H200", "the same, 64 KB", "elementwise-h200", "elementwise --device cuda", "small"),
]
"""Machine, what was timed, file in bench/results, arguments of `gpuconv bench`, which of its rows."""

LARGE_ELEMENTS = 10_000_000
"""Elements from which on a problem of pooling or elementwise operations counts as large."""


def chosen(row: dict, part: str | None) -> bool:
    """Whether a row of the file belongs to the part of it that a line of the table is about."""
    if part in (None, "LeNet", "ResNet"):
        return part is None or part in row["operation"]
    elements = math.prod(map(int, row["problem"].split(",")[0].split("x")))
    return (elements >= LARGE_ELEMENTS) == (part == "large")


def line(machine: str, what: str, file: str, arguments: str, part: str | None) -> str:
    """One line of the table: geometric mean, slower rows, slowest row."""
    rows = [
        row for row in json.loads((ROOT / "bench/results" / f"{file}.json").read_text())["rows"] if chosen(row, part)
    ]
    ratios = sorted(row["ratio"] for row in rows)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    slower = sum(ratio < 1 for ratio in ratios)
    behind = f"{slower} of {len(ratios)}, down to {ratios[0]:.2f}" if slower else f"0 of {len(ratios)}"
    return f"| {machine} | {what} | {mean:.2f} | {behind} | `{arguments}` |"


def table() -> str:
    """The whole table."""
    head = [
        "| on | what | PyTorch's time / ours | slower than PyTorch | `gpuconv bench` |",
        "| --- | --- | --- | --- | --- |",
    ]
    return "".join(row + "\n" for row in [*head, *(line(*row) for row in ROWS)])


def main() -> None:
    """Put the table between its markers."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(before + BEGIN + table() + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
