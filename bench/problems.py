"""Problem lists of `gpuconv bench --problems`."""

import csv
from pathlib import Path
from typing import NamedTuple

DEEPBENCH = Path(__file__).with_name("deepbench_conv_training.tsv")
COLUMNS = ("N", "C", "H", "W", "K", "R", "S", "stride", "pad")


class ConvProblem(NamedTuple):
    """One convolution layer at one batch size."""

    n: int
    c: int
    h: int
    w: int
    k: int
    r: int
    s: int
    stride: int = 1
    pad: int = 0
    groups: int = 1

    def __str__(self) -> str:
        text = f"{self.n}x{self.c}x{self.h}x{self.w} -> {self.k}, {self.r}x{self.s}"
        for name, value, default in (("/", self.stride, 1), ("+", self.pad, 0), (" groups ", self.groups, 1)):
            text += f"{name}{value}" if value != default else ""
        return text

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
        p, q = ((size + 2 * self.pad - k) // self.stride + 1 for size, k in ((self.h, self.r), (self.w, self.s)))
        return self.n, self.k, p, q

    @property
    def flops(self) -> int:
        """Floating-point operations of one pass of the direct algorithm."""
        n, k, p, q = self.y_shape
        return 2 * n * k * p * q * (self.c // self.groups) * self.r * self.s


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


class TrainProblem(NamedTuple):
    """A network to train at one batch size, for a number of steps."""

    network: str
    """Name of a network of worker_data.py."""
    layers: list[ConvProblem]
    """Convolutions and fully connected layers, the latter as 1x1 convolutions of one pixel."""
    classes: int = 10
    steps: int = 20

    def __str__(self) -> str:
        return f"{self.steps} steps, {'x'.join(map(str, self.layers[0].x_shape))}"

    @property
    def flops(self) -> int:
        """Floating-point operations of all passes of all layers; the first layer has no input gradient."""
        return self.steps * (3 * sum(layer.flops for layer in self.layers) - self.layers[0].flops)


LENET_5 = [*LENET, *(ConvProblem(64, c, 1, 1, k, 1, 1) for c, k in ((400, 120), (120, 84), (84, 10)))]
RESNET_8 = [
    ConvProblem(64, 3, 32, 32, 16, 3, 3, 1, 1),
    *(
        ConvProblem(64, c, size, size, k, r, r, stride, r // 2)
        for size, layers in (
            (32, [(16, 16, 3, 1)] * 2 + [(16, 32, 3, 2), (16, 32, 1, 2)]),
            (16, [(32, 32, 3, 1), (32, 64, 3, 2), (32, 64, 1, 2)]),
            (8, [(64, 64, 3, 1)]),
        )
        for c, k, r, stride in layers
    ),
    ConvProblem(64, 64, 1, 1, 10, 1, 1),
]
NETWORKS = [TrainProblem("LeNet-5", LENET_5), TrainProblem("ResNet-8", RESNET_8)]


def conv_problems(name: str) -> list[ConvProblem]:
    """Problems of a named list, or of a file with DeepBench's columns.

    Parameters
    ----------
    name : {"standard", "lenet", "resnet", "depthwise", "deepbench"} or path
        "deepbench" is DeepBench's training list at batch size 8.

    Returns
    -------
    list of ConvProblem

    Raises
    ------
    ValueError
        If no list or file has that name, or a row of the file is invalid.
    """
    lists = {"standard": STANDARD, "lenet": LENET, "resnet": RESNET, "depthwise": DEPTHWISE}
    if name in lists:
        return lists[name]
    if name == "deepbench":
        return list(dict.fromkeys(problem._replace(n=8) for problem in read_problems(DEEPBENCH)))
    if Path(name).is_file():
        return read_problems(Path(name))
    raise ValueError(f"problems is {name!r}, expected a file or one of {', '.join((*lists, 'deepbench'))}")


def read_problems(path: Path) -> list[ConvProblem]:
    """Read problems from a file of tab-separated columns N C H W K R S stride pad."""
    with path.open(newline="") as lines:
        rows = csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")
        if missing := set(COLUMNS) - set(rows.fieldnames or ()):
            raise ValueError(f"{path}: no column {sorted(missing)[0]!r}, expected {' '.join(COLUMNS)}, tab-separated")
        problems = []
        for row in rows:
            try:
                problems.append(ConvProblem(*(int(row[column]) for column in COLUMNS)))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}, line {rows.line_num}: {error}") from error
    return problems
