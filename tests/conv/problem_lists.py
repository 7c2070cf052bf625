"""Other people's problems: bench/benchdnn.tsv, made small enough to run all, and their passes in float64.

The geometry stays (sizes, kernels, strides, dilations, padding), and so do the remainders of the channels by 16, which
blocks of channels leave; one image is left of a batch, and channels and groups are taken away where a pass has more
products than a test can afford. GPUCONV_PROBLEMS=full keeps channels and batches.
"""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

LISTS = Path(__file__).parents[2] / "bench" / "benchdnn.tsv"
FULL = os.environ.get("GPUCONV_PROBLEMS") == "full"
PRODUCTS, MOST_PRODUCTS = (1 << 34, 1 << 34) if FULL else (1 << 22, 1 << 24)
"""Of a pass, at most, where there are channels to take away; and of a single channel."""
ELEMENTS = 1 << (28 if FULL else 22)
"""Of an array, padded, at most."""
GRANULE = 16


class Problem(NamedTuple):
    """A convolution over one to three axes; options have an entry for each."""

    n: int
    groups: int
    c: int
    k: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    def __str__(self) -> str:
        sizes = ("x".join(map(str, axis)) for axis in (self.size, self.kernel, self.stride, self.dilation))
        size, kernel, stride, dilation = sizes
        padding = ",".join(f"{before}:{after}" for before, after in self.padding)
        return f"n{self.n}g{self.groups}c{self.c}k{self.k}i{size}r{kernel}s{stride}p{padding}d{dilation}"

    @property
    def result(self):
        """Sizes of the output."""
        axes = zip(self.size, self.padding, self.kernel, self.stride, self.dilation, strict=True)
        return tuple((size + sum(pads) - (r - 1) * d - 1) // st + 1 for size, pads, r, st, d in axes)

    @property
    def shapes(self):
        """Of x, w and y."""
        w = self.k, self.c // self.groups, *self.kernel
        return (self.n, self.c, *self.size), w, (self.n, self.k, *self.result)

    @property
    def products(self):
        """Multiplications of a pass."""
        return int(np.prod(self.shapes[2], dtype=float) * np.prod(self.shapes[1][1:], dtype=float))

    @property
    def options(self):
        """As the functions take them."""
        return {
            "stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups,
        }  # fmt: skip

    def fits(self, products=MOST_PRODUCTS):
        """Whether the test can afford it."""
        padded = [size + sum(pads) for size, pads in zip(self.size, self.padding, strict=True)]
        elements = [np.prod(padded, dtype=float) * self.n * self.c, *(np.prod(s, dtype=float) for s in self.shapes)]
        return self.products <= products and max(elements) <= ELEMENTS


def problems():
    """The distinct convolutions of all lists that fit, and the number of those that do not."""
    found = {}
    for row in rows():
        if row["list"] != "pool_shapes":
            found[_affordable(_of_row(row))] = None
    fitting = [problem for problem in found if problem.fits()]
    return fitting, len(found) - len(fitting)


def rows():
    """The rows of the lists."""
    with LISTS.open() as lines:
        yield from csv.DictReader((line for line in lines if line[0] != "#"), delimiter="\t", quoting=csv.QUOTE_NONE)


def _of_row(row):
    """A transposed convolution is the convolution from its result to its input."""
    n, groups, c, k = (int(row[name]) for name in ("N", "G", "C", "K"))
    fields = ("size", "kernel", "stride", "pad_before", "pad_after", "dilation", "result")
    size, kernel, stride, before, after, dilation, result = (tuple(map(int, row[name].split("x"))) for name in fields)
    if row["list"] == "deconv_shapes":
        c, k, size = k, c, result
    after = tuple(max(amount, 0) for amount in after)  # an unused tail is no padding
    return Problem(n, groups, c, k, size, kernel, stride, tuple(zip(before, after, strict=True)), dilation)


def _affordable(problem):
    """One image, and as many channels as fit, with the same remainders in each group; of many groups some."""
    if FULL:
        return problem
    problem = problem._replace(n=1)
    while not problem.fits(PRODUCTS):
        c, k, groups = problem.c // problem.groups, problem.k // problem.groups, problem.groups
        if max(c, k) > 1:
            c, k = (_fewer(c), k) if c >= k else (c, _fewer(k))
        elif groups > 1:
            groups = _fewer(groups)
        else:
            return problem
        problem = problem._replace(groups=groups, c=c * groups, k=k * groups)
    return problem


def _fewer(count):
    """About half, with the same remainder while there is more than one granule."""
    rest = count % GRANULE
    return max(count // GRANULE // 2 * GRANULE + rest, 1) if count > GRANULE else count // 2


def forward(x, w, problem):
    """y[n, k, p] = sum over c and taps r of w[k, c, r] x[n, c, p stride + r dilation - before], in float64."""
    windows, rank = _windows(x, problem), len(problem.size)
    taps = range(2 + rank, 2 + 2 * rank)
    parts = [
        np.tensordot(windows[:, cg], w[kg].astype(np.float64), ([1, *taps], [1, *range(2, 2 + rank)]))
        for kg, cg in _groups(problem)
    ]
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)


def input_grad(dy, w, problem):
    """Each tap adds its share to the inputs that it read, in float64."""
    padded = [size + sum(pads) for size, pads in zip(problem.size, problem.padding, strict=True)]
    dx, dy, w = np.zeros((problem.n, problem.c, *padded)), dy.astype(np.float64), w.astype(np.float64)
    axes = list(zip(problem.stride, problem.dilation, problem.result, strict=True))
    for tap in np.ndindex(problem.kernel):
        read = [slice(r * d, r * d + (p - 1) * st + 1, st) for r, (st, d, p) in zip(tap, axes, strict=True)]
        for kg, cg in _groups(problem):
            share = np.tensordot(dy[:, kg], w[(kg, slice(None), *tap)], (1, 0))
            dx[(slice(None), cg, *read)] += np.moveaxis(share, -1, 1)
    inside = (slice(before, before + size) for size, (before, _) in zip(problem.size, problem.padding, strict=True))
    return dx[(..., *inside)]


def weight_grad(x, dy, problem):
    """The sum over images and outputs of dy times what the tap read, in float64."""
    windows, rank = _windows(x, problem), len(problem.size)
    summed = [0, *range(2, 2 + rank)]
    parts = [
        np.tensordot(dy[:, kg].astype(np.float64), windows[:, cg], (summed, summed)) for kg, cg in _groups(problem)
    ]
    return np.concatenate(parts)


def _windows(x, problem):
    """View (N, C, *outputs, *taps) of the padded input."""
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *problem.padding])
    reach = [(r - 1) * d + 1 for r, d in zip(problem.kernel, problem.dilation, strict=True)]
    views = sliding_window_view(padded, reach, axis=tuple(range(2, 2 + len(reach))))
    steps = [slice(None, None, step) for step in (*problem.stride, *problem.dilation)]
    return views[(slice(None), slice(None), *steps)]


def _groups(problem):
    """Slices of the filters and channels of each group."""
    k, c = problem.k // problem.groups, problem.c // problem.groups
    return [(slice(i * k, (i + 1) * k), slice(i * c, (i + 1) * c)) for i in range(problem.groups)]
