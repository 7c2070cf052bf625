"""Problem lists of `gpuconv bench conv --problems`: the project's own, those of files, and their formats."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
DEEPBENCH, BENCHDNN, NETWORKS = (HERE / f"{name}.tsv" for name in ("deepbench_conv_training", "benchdnn", "networks"))
COLUMNS = ("N", "C", "H", "W", "K", "R", "S", "stride", "pad")
LAYER_COLUMNS = ("N", "G", "C", "size", "K", "kernel", "stride", "pad_before", "pad_after", "dilation")
"""Columns of benchdnn.tsv and networks.tsv; a size has a number an axis."""

Pair = tuple[int, int]


class ConvProblem(NamedTuple):
    """One convolution layer at one batch size."""

    n: int
    c: int
    h: int
    w: int
    k: int
    r: int
    s: int
    stride: int | Pair = 1
    pad: int | Pair | tuple[Pair, Pair] = 0
    """Of both axes, of each, or ((top, bottom), (left, right))."""
    groups: int = 1
    dilation: int | Pair = 1

    def __str__(self) -> str:
        text = f"{self.n}x{self.c}x{self.h}x{self.w} -> {self.k}, {self.r}x{self.s}"
        options = (("/", self.stride, 1), ("+", self.pad, 0), (" dilation ", self.dilation, 1))
        for name, value, default in (*options, (" groups ", self.groups, 1)):
            text += f"{name}{_joined(value)}" if value != default else ""
        return text

    @property
    def options(self) -> dict[str, Any]:
        """Stride, padding, dilation and groups as conv2d takes them."""
        return {"stride": self.stride, "padding": self.pad, "dilation": self.dilation, "groups": self.groups}

    @property
    def x_shape(self) -> tuple[int, ...]:
        """Shape of the input."""
        return self.n, self.c, self.h, self.w

    @property
    def w_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return self.k, self.c // self.groups, self.r, self.s

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Shape of the output."""
        axes = zip((self.h, self.w), (self.r, self.s), *map(_pair, (self.stride, self.pad, self.dilation)), strict=True)
        sizes = [(size + sum(_pair(pad)) - (k - 1) * d - 1) // stride + 1 for size, k, stride, pad, d in axes]
        return self.n, self.k, *sizes

    @property
    def flops(self) -> int:
        """Floating-point operations of one pass of the direct algorithm."""
        n, k, p, q = self.y_shape
        return 2 * n * k * p * q * (self.c // self.groups) * self.r * self.s


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else value


def _single(value: Any) -> Any:
    """What a pair of equal values is for both."""
    return value[0] if value[0] == value[1] else value


def _joined(value: Any) -> str:
    """A stride, padding or dilation as a title has it: 2, 2x1, 0:1x0:1."""
    return str(value) if isinstance(value, int) else "x".join(":".join(map(str, _listed(one))) for one in value)


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, int) else value


# layers of LeNet, VGG- and ResNet-like layers of decreasing map size, a bottleneck, a strided layer, a stem
STANDARD = [
    ConvProblem(64, 1, 28, 28, 32, 5, 5),
    ConvProblem(64, 32, 12, 12, 64, 5, 5),
    ConvProblem(64, 3, 32, 32, 32, 3, 3, 1, 1),
    ConvProblem(32, 64, 32, 32, 64, 3, 3, 1, 1),
    ConvProblem(32, 128, 16, 16, 128, 3, 3, 1, 1),
    ConvProblem(32, 256, 8, 8, 256, 3, 3, 1, 1),
    ConvProblem(8, 64, 112, 112, 64, 3, 3, 1, 1),
    ConvProblem(8, 64, 56, 56, 256, 1, 1),
    ConvProblem(8, 128, 56, 56, 128, 3, 3, 2, 1),
    ConvProblem(8, 3, 224, 224, 64, 7, 7, 2, 3),
]

LENET = [ConvProblem(64, 1, 28, 28, 6, 5, 5, 1, 2), ConvProblem(64, 6, 14, 14, 16, 5, 5)]

RESNET = [
    ConvProblem(8, 3, 224, 224, 64, 7, 7, 2, 3),
    *(
        ConvProblem(8, c, size, size, k, r, r, stride, r // 2)
        for size, c in ((56, 64), (28, 128), (14, 256), (7, 512))
        for k, r, stride in ((c, 3, 1), (4 * c, 1, 1))
    ),
]

DEPTHWISE = [ConvProblem(32, 128, 56, 56, 128, 3, 3, 1, 1, 128)]

OWN = {"standard": STANDARD, "lenet": LENET, "resnet": RESNET, "depthwise": DEPTHWISE}


def conv_problems(name: str, batch: int | None = None) -> list[ConvProblem]:
    """Problems of a named list or of a file, each once.

    Parameters
    ----------
    name : str
        One of OWN; "deepbench", DeepBench's training list at batch size 8; "networks"; a list of benchdnn.tsv with or
        without its "net_", such as "resnet50"; or a file with the columns of DeepBench's or of benchdnn.tsv.
    batch : int, optional
        Batch size of every problem instead of its own.

    Returns
    -------
    list of ConvProblem

    Raises
    ------
    ValueError
        If no list or file has that name, or a row of the file is invalid.
    """
    problems = _named(name)
    return list(dict.fromkeys(problem._replace(n=batch or problem.n) for problem in problems))


def _named(name: str) -> list[ConvProblem]:
    if name in OWN:
        return OWN[name]
    if name == "deepbench":
        return [problem._replace(n=8) for problem in read_problems(DEEPBENCH)]
    if name == "networks":
        return read_problems(NETWORKS)
    lists = _benchdnn()
    if found := lists.get(name) or lists.get(f"net_{name}"):
        return found
    if Path(name).is_file():
        return read_problems(Path(name))
    known = *OWN, "deepbench", "networks", *(one.removeprefix("net_") for one in lists)
    raise ValueError(f"problems is {name!r}, expected a file or one of {', '.join(known)}")


def _benchdnn() -> dict[str, list[ConvProblem]]:
    """The lists of benchdnn.tsv."""
    found: dict[str, list[ConvProblem]] = {}
    for _, row in _rows(BENCHDNN, ("list", *LAYER_COLUMNS)):
        found.setdefault(row["list"], []).append(_layer(row))
    return found


def read_problems(path: Path) -> list[ConvProblem]:
    """Read problems from a file of tab-separated columns: benchdnn.tsv's if it has `size`, else DeepBench's."""
    with path.open() as lines:
        head = next((line for line in lines if not line.startswith("#")), "")
    layers = "size" in head.rstrip("\n").split("\t")
    problems = []
    for number, row in _rows(path, LAYER_COLUMNS if layers else COLUMNS):
        try:
            problems.append(_layer(row) if layers else ConvProblem(*(int(row[column]) for column in COLUMNS)))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    return problems


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a file without its comments; ValueError if a column is missing."""
    with path.open(newline="") as file:
        lines = [(number, line) for number, line in enumerate(file, 1) if not line.startswith("#")]
    rows = csv.DictReader((line for _, line in lines), delimiter="\t")
    if missing := set(columns) - set(rows.fieldnames or ()):
        raise ValueError(f"{path}: no column {sorted(missing)[0]!r}, expected {' '.join(columns)}, tab-separated")
    for row in rows:
        yield lines[rows.line_num - 1][0], row


def _layer(row: dict[str, str]) -> ConvProblem:
    """A layer from the columns of benchdnn.tsv."""
    n, groups, c, k = (int(row[name]) for name in ("N", "G", "C", "K"))
    axes = [tuple(map(int, row[name].split("x"))) for name in LAYER_COLUMNS if name not in ("N", "G", "C", "K")]
    if any(len(axis) != 2 for axis in axes):
        raise ValueError(f"size is {row['size']!r}, expected HxW: only convolutions over two axes are timed")
    size, kernel, stride, pad_before, pad_after, dilation = axes
    if min(pad_before) < 0 or c % groups or k % groups:
        raise ValueError(
            f"pad_before is {pad_before} and G {groups}, expected no negative padding and a divisor of C and K"
        )
    pads = tuple(_padding(*axis) for axis in zip(size, kernel, stride, pad_before, pad_after, dilation, strict=True))
    pad = _single((pads[0][0], pads[1][0])) if all(first == last for first, last in pads) else pads
    return ConvProblem(n, c, *size, k, *kernel, _single(stride), pad, groups, _single(dilation))


def _padding(size: int, kernel: int, stride: int, pad_before: int, pad_after: int, dilation: int) -> Pair:
    """(pad_before, pad_after): the same on both sides where no window reads the difference, as a model is written.

    A negative pad_after is an unused tail, which needs none.
    """
    tail = size + pad_before + max(pad_after, 0) - (kernel - 1) * dilation - 1
    same = tail + pad_before - max(pad_after, 0)
    return (pad_before, pad_before) if same // stride == tail // stride else (pad_before, max(pad_after, 0))
